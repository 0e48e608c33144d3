"""Brings the spool folder into order at start: names decide, contents only of active files.

1. An unfinished withdrawal is finished before anything else is looked at.
2. Sealed files enter the book by their header; they are not inflated.
3. An active file is cut back to its last whole commit and sealed; one without a whole commit is
   deleted when it is empty or torn within its first commit, for nothing in it was acknowledged.
4. What cannot be read is quarantined beside a reason; what is of another version is left alone.

Each step may be cut short by a crash and repeated: recovering twice is recovering once.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from sidespool.core.record import (
    ACTIVE,
    HEADER_BYTES,
    QUARANTINED,
    SEALED,
    UNKNOWN,
    SegmentName,
    header,
    parse_header,
    parse_name,
    recover,
    segment_name,
    trailer,
)
from sidespool.core.spool import Segment
from sidespool.runtime.disk import Disk


class Found(msgspec.Struct):
    """What recovery came upon."""

    segments: list[Segment] = []
    quarantined: dict[str, int] = {}
    left_alone: list[str] = []


def recover_spool(disk: Disk, folder: Path, log: Callable[[str], None]) -> Found:
    """Puts the folder in order and lists what is there; raises OSError where the disk refuses."""
    found = Found()
    for name in disk.listdir(folder):
        parsed = parse_name(name)
        if name.endswith(".tmp"):
            disk.remove(folder / name)
        elif parsed is None or parsed.version != 1:
            if parsed is not None or not name.endswith(".reason.json"):
                found.left_alone.append(name)
        elif parsed.state == SEALED:
            _sealed(disk, folder, parsed, found, log)
        elif parsed.state == ACTIVE:
            _active(disk, folder, parsed, found, log)
    return found


def _sealed(
    disk: Disk, folder: Path, name: SegmentName, found: Found, log: Callable[[str], None]
) -> None:
    path = folder / segment_name(name.batch_id, SEALED)
    known = parse_header(disk.read_head(path, HEADER_BYTES))
    if known is None or UNKNOWN in known:
        quarantine(disk, folder, name.batch_id, SEALED, "corrupt", "the header is damaged")
        found.quarantined[name.batch_id] = 0
        log(f"segment {name.batch_id} is damaged and was quarantined")
        return
    size = disk.size(path)
    found.segments.append(Segment(name.batch_id, name.level, size, known[1], known[0], True))


def _active(
    disk: Disk, folder: Path, name: SegmentName, found: Found, log: Callable[[str], None]
) -> None:
    path = folder / segment_name(name.batch_id, ACTIVE)
    raw = disk.read(path) or b""
    whole = recover(raw)
    if whole is None:
        if _torn_before_first_commit(raw):
            disk.remove(path)
        else:
            quarantine(disk, folder, name.batch_id, ACTIVE, "corrupt", "no whole commit in it")
            found.quarantined[name.batch_id] = 0
            log(f"active segment {name.batch_id} is damaged and was quarantined")
        return
    end = trailer(whole.crc, whole.raw_bytes)
    fd = disk.open_for_repair(path)
    try:
        disk.truncate(fd, whole.valid_bytes)
        disk.write_at(fd, end, whole.valid_bytes)
        disk.write_at(fd, header(whole.events, whole.raw_bytes & 0xFFFFFFFF), 0)
        disk.sync(fd)
    finally:
        disk.close(fd)
    disk.rename(path, folder / segment_name(name.batch_id, SEALED))
    disk.sync_dir(folder)
    size = whole.valid_bytes + len(end)
    found.segments.append(
        Segment(name.batch_id, name.level, size, whole.raw_bytes, whole.events, True)
    )


def _torn_before_first_commit(raw: bytes) -> bool:
    """Whether a crash during the very first commit explains the file: keep nothing of it.

    The header and the first commit are written together and acknowledged after the sync, so a
    file without one whole commit held nothing acknowledged, unless its header was altered later.
    """
    return len(raw) < HEADER_BYTES or not raw.strip(b"\0") or parse_header(raw) is not None


def quarantine(
    disk: Disk, folder: Path, batch_id: str, state: str, reason: str, detail: str
) -> None:
    """Sets a segment aside with its reason beside it; safe to repeat."""
    note = msgspec.json.encode({"batch_id": batch_id, "reason": reason, "detail": detail})
    disk.write_atomic(folder / f"{batch_id}.v1.reason.json", note)
    disk.rename(
        folder / segment_name(batch_id, state), folder / segment_name(batch_id, QUARANTINED)
    )
    disk.sync_dir(folder)
