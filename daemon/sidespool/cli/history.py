"""`sidespool history`: what was sent to the collector, batch by batch, to the byte."""

from typing import Any

import click

from sidespool.cli.place import (
    is_terminal,
    place,
    say_json,
    say_lines,
    verb_options,
    wants_json,
)
from sidespool.errors import DaemonUnreachableError, SidespoolError
from sidespool.runtime.paths import DataPaths


@click.command()
@click.option("--show", "batch_id", metavar="BATCH", help="Show this batch's events, to the byte.")
@verb_options
def history(batch_id: str | None) -> int:
    """Show what was sent, to the byte; with or without a running daemon.

    The last 30 days (at most 5 MiB) are kept. BATCH may be the first digits of a batch's id.
    """
    paths = place()[1]
    batches = load_batches(paths)
    if batch_id is not None:
        return _show(load_lines(paths, batch_id), batch_id)
    if wants_json():
        say_json({"batches": batches})
    elif not batches:
        click.echo("Nothing has been sent, or it is longer ago than the history goes back.")
    else:
        _list(batches)
    return 0


def load_batches(paths: DataPaths) -> list[dict[str, Any]]:
    """What was sent, newest first: batch_id, sent_at, size_bytes."""
    from sidespool.runtime.control import DaemonControl

    try:
        with DaemonControl.connect(paths) as control:
            found: list[dict[str, Any]] = control.get_json("/v1/history")["batches"]
            return found
    except DaemonUnreachableError:
        from sidespool.runtime.doors.shows import history_batches

        return history_batches(paths)


def _find(batches: list[dict[str, Any]], start: str) -> str:
    """The one batch whose id begins so; SidespoolError where there is none, or several."""
    ids = [str(one["batch_id"]) for one in batches if str(one["batch_id"]).startswith(start)]
    if len(ids) == 1:
        return ids[0]
    problem = "names several batches" if ids else "is not in the history"
    raise SidespoolError(f"{start} {problem}", hint="`sidespool history` lists all")


def load_lines(paths: DataPaths, start: str) -> list[bytes]:
    """The events of the one batch whose id begins so; SidespoolError where there is none."""
    from sidespool.cli.own_file import read_own
    from sidespool.runtime.control import DaemonControl
    from sidespool.runtime.doors.shows import history_lines

    batch_id = _find(load_batches(paths), start)
    try:
        with DaemonControl.connect(paths) as control:
            lines = control.history_lines(batch_id)
    except DaemonUnreachableError:
        lines = history_lines(paths, batch_id, read_own)
    if lines is None:
        raise SidespoolError(f"batch {batch_id} cannot be read", hint="It may be older than kept")
    return lines


def _show(lines: list[bytes], batch_id: str) -> int:
    if is_terminal() and not wants_json():
        from sidespool.cli.event_table import show_events

        show_events(lines, f"{len(lines)} events were sent in batch {batch_id}")
    else:
        say_lines(lines)
    return 0


def _list(batches: list[dict[str, Any]]) -> None:
    for one in batches:
        sent = str(one["sent_at"])[:19].replace("T", " ")
        click.echo(f"{sent}  {one['batch_id']}  {one['size_bytes']:>8} bytes")
    if is_terminal():
        click.secho("\nTo see every byte: sidespool history --show BATCH --json", dim=True)
