"""`sidespool view`: opens the viewer, a local page with all that waits and was sent."""

import webbrowser

import click

from sidespool.cli.place import place, say_json, verb_options, wants_json


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Say the address; open nothing.")
@verb_options
def view(only_print: bool) -> int:
    """Open a page that shows all that waits and was sent, to the byte.

    The link is good once, within a minute.
    """
    _, paths = place()
    from sidespool.runtime.control import DaemonControl

    with DaemonControl.connect(paths) as control:
        url = str(control.ask("view")["url"])
    if wants_json():
        say_json({"url": url})
        return 0
    if only_print or not webbrowser.open(url):
        click.echo(url)
        return 0
    click.echo("The viewer is open in your browser.")
    return 0
