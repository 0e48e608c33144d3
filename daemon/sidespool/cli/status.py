"""`sidespool status`: what is collected and why, and what became of it."""

import os
from typing import Any

import click

from sidespool.cli.place import is_terminal, place, say_json, verb_options, wants_json
from sidespool.cli.status_text import plain_lines
from sidespool.errors import DaemonUnreachableError


def load_status() -> dict[str, Any]:
    """The running daemon's document, else the same read from its data directory."""
    from sidespool.runtime.control import DaemonControl

    config, paths = place()
    try:
        with DaemonControl.connect(paths) as control:
            return {"running": True, **control.ask("status")}
    except DaemonUnreachableError:
        from sidespool.cli.offline_status import offline_status

        return offline_status(config, paths, dict(os.environ))


@click.command()
@verb_options
def status() -> int:
    """Say what is collected, why, and what became of it; with or without a running daemon."""
    document = load_status()
    if wants_json():
        say_json(document)
    elif is_terminal():
        from sidespool.cli.status_view import show_status

        show_status(document)
    else:
        click.echo("\n".join(plain_lines(document)))
    return 0
