"""`sidespool pending`: every event that waits, as it would be sent."""

import click

from sidespool.cli.place import is_terminal, place, say_lines, verb_options, wants_json
from sidespool.errors import DaemonUnreachableError


def load_pending() -> list[bytes]:
    """From the running daemon, else from the spool's files."""
    from sidespool.runtime.control import DaemonControl

    paths = place()[1]
    try:
        with DaemonControl.connect(paths) as control:
            return control.get_lines("/v1/pending")
    except DaemonUnreachableError:
        from sidespool.cli.spool_view import pending_lines

        return pending_lines(paths)


@click.command()
@verb_options
def pending() -> int:
    """Show what waits to be sent, to the byte; with or without a running daemon.

    On a terminal a table; piped or with --json the JSON lines that would be sent.
    """
    lines = load_pending()
    if wants_json() or not is_terminal():
        say_lines(lines)
        return 0
    if not lines:
        click.echo("Nothing waits to be sent.")
        return 0
    from sidespool.cli.event_table import show_events

    show_events(lines, f"{len(lines)} events wait; `sidespool pending --json` shows every byte")
    return 0
