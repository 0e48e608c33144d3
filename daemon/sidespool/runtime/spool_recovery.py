"""Brings the spool folder into order at start: names decide, contents only of active files.

1. What a crash left half finished goes (`core/succession`).
2. Sealed files enter the book where header and end agree; they are not inflated.
3. An active file is cut back to its last whole commit and sealed. One without a whole commit is
   deleted where it was torn within its first, for nothing in it was acknowledged.
4. A damaged file is reported to the store, which saves what is whole and quarantines the rest.
5. What is of another version, or none of ours, is left alone; what the disk refuses to read or
   repair is tried again later.

Each step may be cut short by a crash and repeated: recovering twice is recovering once.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from sidespool.core.record import (
    ACTIVE,
    FORMAT_VERSION,
    HEADER_BYTES,
    SEALED,
    TRAILER_BYTES,
    Recovered,
    SegmentName,
    commits_behind,
    header,
    parse_name,
    parse_sealed,
    recover,
    segment_name,
    trailer,
)
from sidespool.core.spool import Segment
from sidespool.core.succession import NOTE_SUFFIX, unfinished
from sidespool.runtime.disk import Disk

_SIZE_BYTES = 4  # a gzip member ends with its size before compression


class Found(msgspec.Struct):
    """What recovery came upon; names are file names."""

    segments: list[Segment] = []
    damaged: list[SegmentName] = []
    quarantined: list[str] = []
    left_alone: list[str] = []
    refused: list[str] = []


def recover_spool(
    disk: Disk, folder: Path, merged: Collection[str], log: Callable[[str], None]
) -> Found:
    """Puts the folder in order and says what is there; raises OSError where it cannot be listed.

    Segments that are `merged` into another may still lie there, where the disk did not let go.
    """
    found = Found()
    names = disk.listdir(folder)
    going = unfinished(names, merged)
    _clear(disk, folder, going, log)
    for name in sorted(set(names) - set(going)):
        recover_one(disk, folder, name, found, log)
    return found


def _clear(disk: Disk, folder: Path, going: list[str], log: Callable[[str], None]) -> None:
    """Deletes what is half finished; what the disk keeps is not offered, and goes another day."""
    try:
        for name in going:
            disk.remove(folder / name)
        if going:
            disk.sync_dir(folder)
    except OSError as error:
        log(f"the disk does not let go of half-finished files: {error.strerror or error}")


def recover_one(
    disk: Disk, folder: Path, name: str, found: Found, log: Callable[[str], None]
) -> None:
    """Adds one file to what was found."""
    parsed = parse_name(name)
    try:
        if parsed is None or parsed.version != FORMAT_VERSION:
            if not name.endswith(NOTE_SUFFIX):
                found.left_alone.append(name)
        elif parsed.state == SEALED:
            _sealed(disk, folder, parsed, found)
        elif parsed.state == ACTIVE:
            _active(disk, folder, parsed, found, log)
        else:
            found.quarantined.append(parsed.batch_id)
    except OSError as error:
        found.refused.append(name)
        log(f"{name} cannot be read or repaired now: {error.strerror or error}")


def sealed_segment(disk: Disk, folder: Path, name: SegmentName) -> Segment | None:
    """The book's entry for a sealed file, from its two ends; None where they disagree."""
    path = folder / segment_name(name.batch_id, SEALED)
    head, tail, size = disk.read_ends(path, HEADER_BYTES, _SIZE_BYTES)
    known = parse_sealed(head, tail)
    return known and Segment(name.batch_id, name.level, size, known[1], known[0], True)


def _sealed(disk: Disk, folder: Path, name: SegmentName, found: Found) -> None:
    segment = sealed_segment(disk, folder, name)
    if segment is None:
        segment = _with_new_header(disk, folder, name)
    if segment is None:
        found.damaged.append(name)
    else:
        found.segments.append(segment)


def _with_new_header(disk: Disk, folder: Path, name: SegmentName) -> Segment | None:
    """A sealed file of which only the header was damaged."""
    raw = disk.read(folder / segment_name(name.batch_id, SEALED)) or b""
    whole = recover(raw)
    if whole is None or not whole.complete or len(raw) != whole.valid_bytes + TRAILER_BYTES:
        return None
    fd = disk.open_for_repair(folder / segment_name(name.batch_id, SEALED))
    try:
        disk.write_at(fd, header(whole.events, whole.raw_bytes), 0)
        disk.sync(fd)
    finally:
        disk.close(fd)
    return Segment(name.batch_id, name.level, len(raw), whole.raw_bytes, whole.events, True)


def _active(
    disk: Disk, folder: Path, name: SegmentName, found: Found, log: Callable[[str], None]
) -> None:
    path = folder / segment_name(name.batch_id, ACTIVE)
    raw = disk.read(path) or b""
    whole = recover(raw)
    valid_bytes = whole.valid_bytes if whole else 0
    if commits_behind(raw, valid_bytes):
        found.damaged.append(name)
    elif whole is None:
        disk.remove(path)
        log(f"segment {name.batch_id} was torn within its first commit: {len(raw)} bytes deleted")
    else:
        if len(raw) > valid_bytes and raw[valid_bytes:] != trailer(whole.crc, whole.raw_bytes):
            log(f"segment {name.batch_id} was torn: {len(raw) - valid_bytes} bytes cut off")
        found.segments.append(_close(disk, folder, name, whole))


def _close(disk: Disk, folder: Path, name: SegmentName, whole: Recovered) -> Segment:
    """Cuts an active file to its whole commits and seals it."""
    end = trailer(whole.crc, whole.raw_bytes)
    path = folder / segment_name(name.batch_id, ACTIVE)
    fd = disk.open_for_repair(path)
    try:
        disk.truncate(fd, whole.valid_bytes)
        disk.write_at(fd, end, whole.valid_bytes)
        disk.write_at(fd, header(whole.events, whole.raw_bytes), 0)
        disk.sync(fd)
    finally:
        disk.close(fd)
    disk.rename(path, folder / segment_name(name.batch_id, SEALED))
    disk.sync_dir(folder)
    size = whole.valid_bytes + len(end)
    return Segment(name.batch_id, name.level, size, whole.raw_bytes, whole.events, True)
