"""`sidespool flush`: has the running daemon send everything that waits."""

from typing import Any

import click

from sidespool.cli.place import answer, place, verb_options


@click.command()
@verb_options
def flush() -> int:
    """Seal and send everything that waits, now.

    Exit code 1 when something still waits afterwards, with the reason.
    """
    from sidespool.runtime.control import DaemonControl

    with DaemonControl.connect(place()[1]) as control:
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
