"""Finds what a withdrawal takes, and keeps the marker that lets a crash not cut it short.

Names decide: every file in the spool folder whose name carries a level above the one that is
left, sealed, active, quarantined or half written, of any version.
"""

from collections.abc import Collection
from pathlib import Path

from sidespool.core.record import ACTIVE, SEALED, SegmentName, parse_name, recover, segment_name
from sidespool.core.withdrawal import Withdrawal, decode_withdrawal, encode_withdrawal
from sidespool.runtime.disk import Disk
from sidespool.wire.level import Level


def batches_above(disk: Disk, folder: Path, level: Level) -> set[str]:
    """Batch ids of the files above a level; none where the folder cannot be listed."""
    return {one.batch_id for one in _listed(disk, folder) if one.level > level}


def write_marker(disk: Disk, path: Path, level: Level, batch_ids: set[str]) -> None:
    """Notes a withdrawal before anything is deleted; raises OSError."""
    disk.write_atomic(path, encode_withdrawal(Withdrawal(level.label, sorted(batch_ids))))


def read_marker(disk: Disk, path: Path, folder: Path) -> tuple[set[str], int] | None:
    """What an unfinished withdrawal still has to delete: batch ids, and their events; or None.

    An unreadable marker withdraws everything that is there.
    """
    try:
        raw = disk.read(path)
    except OSError:
        raw = b""
    if raw is None:
        return None
    marker = decode_withdrawal(raw)
    found = [
        one for one in _listed(disk, folder) if marker is None or one.batch_id in marker.batch_ids
    ]
    return {one.batch_id for one in found}, sum(_events(disk, folder, one) for one in found)


def delete_files(disk: Disk, folder: Path, batch_ids: Collection[str]) -> None:
    """Deletes every file of these batches, of whatever version or state; raises OSError."""
    for name in disk.listdir(folder):
        if name[:36] in batch_ids:
            disk.remove(folder / name)


def _listed(disk: Disk, folder: Path) -> list[SegmentName]:
    try:
        names = disk.listdir(folder)
    except OSError:
        return []
    parsed = (parse_name(name.removesuffix(".tmp")) for name in names)
    return [one for one in parsed if one is not None]


def _events(disk: Disk, folder: Path, name: SegmentName) -> int:
    """Events in a file that is about to go; those of quarantined ones are counted already."""
    if name.state not in (ACTIVE, SEALED):
        return 0
    try:
        whole = recover(disk.read(folder / segment_name(name.batch_id, name.state)) or b"")
    except OSError:
        return 0
    return whole.events if whole else 0
