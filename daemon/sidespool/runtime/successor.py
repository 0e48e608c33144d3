"""Writes the segments that replace others: halves, what is whole of a damaged one, all in one.

The order of steps is `core/succession`'s; each function can be repeated after a crash or a refusal.
"""

from pathlib import Path

from sidespool.core.record import (
    HEADER_BYTES,
    SEALED,
    SegmentName,
    commits_behind,
    encode_sealed,
    is_whole,
    parse_header,
    read_lines,
    recover,
    segment_name,
)
from sidespool.core.spool import Segment
from sidespool.core.succession import FIRST_HALF, MERGED, SAVED, SECOND_HALF, derived_id
from sidespool.runtime.disk import Disk
from sidespool.runtime.settlement import Note, Settlement
from sidespool.runtime.spool_recovery import sealed_segment
from sidespool.wire.level import Level
from sidespool.wire.outcome import DropReason


def save_whole(
    disk: Disk, folder: Path, settlement: Settlement, name: SegmentName, events: int | None
) -> tuple[Segment | None, Note]:
    """Seals a damaged segment's whole commits anew and quarantines the original; OSError.

    Returns the new segment, if anything was whole. `events` is what the original held, where that
    is known.
    """
    raw = disk.read(folder / segment_name(name.batch_id, name.state)) or b""
    lines = read_lines(raw)
    saved = derived_id(name.batch_id, SAVED)
    segment = _write(disk, folder, saved, name.level, lines) if lines else None
    detail = f"damaged on disk; {len(lines)} events were saved"
    note = Note(name.batch_id, "corrupt", detail, _lost(raw, name, events, len(lines)))
    settlement.quarantine(note, DropReason.CORRUPT)
    return segment, note


def _lost(raw: bytes, name: SegmentName, events: int | None, saved: int) -> int:
    """Events lost; where the number is not known, one for each commit seen to be missing.

    The last commit of an active segment may have been torn, and then was never acknowledged.
    """
    sealed = name.state == SEALED
    header = parse_header(raw[:HEADER_BYTES]) if sealed else None
    if events is None and header is not None:
        events = header[0]
    if events is not None:
        return max(events - saved, 0)
    whole = recover(raw)
    behind = commits_behind(raw, whole.valid_bytes if whole else 0)
    return max(behind, 1) if sealed else max(behind - 1, 0)


def halve(disk: Disk, folder: Path, batch_id: str, level: Level) -> list[Segment] | None:
    """Two sealed segments of half the events each, in place of one; raises OSError.

    None where that cannot be: the segment is damaged, or holds a single event.
    """
    path = folder / segment_name(batch_id, SEALED)
    raw = disk.read(path)
    halves = [derived_id(batch_id, role) for role in (FIRST_HALF, SECOND_HALF)]
    if raw is not None:  # else it was done before, up to here
        lines = read_lines(raw)
        if len(lines) < 2 or not is_whole(raw):
            return None
        middle = len(lines) // 2
        _write(disk, folder, halves[0], level, lines[:middle])
        _write(disk, folder, halves[1], level, lines[middle:])
        disk.remove(path)
    disk.sync_dir(folder)
    found = [_offered(disk, folder, half, level) for half in halves]
    return [segment for segment in found if segment is not None]


def merge(disk: Disk, folder: Path, segments: list[Segment]) -> Segment | None:
    """One sealed segment that holds what these hold, beside them; raises OSError.

    None where one of them is not whole: it is not for here to say what becomes of it.
    """
    lines: list[bytes] = []
    for one in segments:
        raw = disk.read(folder / segment_name(one.batch_id, SEALED)) or b""
        if not is_whole(raw):
            return None
        lines += read_lines(raw)
    into = derived_id(segments[0].batch_id, MERGED)
    return _write(disk, folder, into, segments[0].level, lines)


def _write(disk: Disk, folder: Path, batch_id: str, level: Level, lines: list[bytes]) -> Segment:
    data = encode_sealed(lines)
    disk.write_atomic(folder / segment_name(batch_id, SEALED), data)
    events, raw_bytes = parse_header(data) or (len(lines), 0)
    return Segment(batch_id, level, len(data), raw_bytes, events, True)


def _offered(disk: Disk, folder: Path, batch_id: str, level: Level) -> Segment | None:
    """A segment that is whole and durable, for the book."""
    try:
        return sealed_segment(disk, folder, SegmentName(batch_id, level, 1, SEALED))
    except FileNotFoundError:
        return None
