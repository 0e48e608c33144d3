"""Withdraws what lies beside the spool: attachments, counts, and the history where asked.

The marker `forget.json` is written first and removed last; a start that finds it carries it out
before anything is sent. Each step can be repeated.
"""

from pathlib import Path

import msgspec

from sidespool.runtime.disk import Disk
from sidespool.runtime.history import ATTACHED_SUFFIX, SUFFIX
from sidespool.runtime.paths import DAMAGED_SUFFIX, DataPaths
from sidespool.wire.level import Level


class Forget(msgspec.Struct, frozen=True):
    """What is written to `forget.json`."""

    level: int
    with_history: bool = False


class Forgotten(msgspec.Struct, frozen=True):
    """How many files went."""

    attachments: int = 0
    history: int = 0


def read_forget(disk: Disk, paths: DataPaths) -> Forget | None:
    """A withdrawal that a crash cut short; an unreadable marker asks for everything."""
    raw = disk.read(paths.forget_file)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=Forget)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Forget(int(Level.OFF), True)


def is_needed(disk: Disk, paths: DataPaths, level: Level, with_history: bool) -> bool:
    """Whether there is anything beside the spool that this level does not allow."""
    attached = level < Level.FULL and bool(disk.listdir(paths.attachments))
    counted = level < Level.USAGE and disk.read(paths.rollup_file) is not None
    return with_history or attached or counted


def begin_forget(disk: Disk, paths: DataPaths, level: Level, with_history: bool) -> None:
    """From here on it will be finished, whatever happens; raises OSError."""
    marker = Forget(int(level), with_history)
    disk.write_atomic(paths.forget_file, msgspec.json.encode(marker))


def finish_forget(disk: Disk, paths: DataPaths, level: Level, with_history: bool) -> Forgotten:
    """Deletes durably, then takes the marker away."""
    attachments = history = 0
    if level < Level.FULL:
        names = disk.listdir(paths.attachments)
        for name in names:
            disk.remove(paths.attachments / name)
        disk.sync_dir(paths.attachments)
        attachments = sum(name.endswith(ATTACHED_SUFFIX) for name in names)
    if level < Level.USAGE:
        _remove(disk, paths.rollup_file)
    if with_history:
        names = disk.listdir(paths.history)
        for name in names:
            disk.remove(paths.history / name)
        disk.sync_dir(paths.history)
        _remove(disk, paths.reports_file)
        history = sum(name.endswith((SUFFIX, ATTACHED_SUFFIX)) for name in names)
    disk.sync_dir(paths.root)
    disk.remove(paths.forget_file)
    disk.sync_dir(paths.root)
    return Forgotten(attachments, history)


def _remove(disk: Disk, path: Path) -> None:
    disk.remove(path)
    disk.remove(path.with_name(path.name + DAMAGED_SUFFIX))
