"""`sidespool flush`: sends everything that waits, with and without a running daemon."""

from typing import Any

import click

from sidespool.cli.place import answer, verb_options


@click.command()
@verb_options
def flush() -> int:
    """Seal and send everything that waits, now; with or without a running daemon.

    Exit code 1 when something still waits afterwards, with the reason.
    """
    from sidespool.cli.momentary import some_daemon

    with some_daemon(sends=True) as (control, _):
        said = control.ask("flush")
    answer(said, sentence(said))
    return 1 if said["pending"] else 0


def sentence(said: dict[str, Any]) -> str:
    """What a flush did; its counts are batches."""
    text = f"{_batches(said['uploaded'])} sent"
    if said["pending"]:
        text += f", {_batches(said['pending'])} waiting"
    error = said.get("error")
    return f"{text}: {error}" if error else text


def _batches(count: int) -> str:
    return "1 batch" if count == 1 else f"{count} batches"
