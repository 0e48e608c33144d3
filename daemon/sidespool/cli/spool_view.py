"""Reads a data directory while no daemon runs: what waits, what was sent, what was decided.

Nothing here writes, locks or repairs, so it is safe beside a daemon that is just starting.
"""

from pathlib import Path
from typing import Any

import msgspec

from sidespool.cli.own_file import read_own
from sidespool.core.consent import ConsentBook, ConsentRecord, decode_consent
from sidespool.core.record import (
    HEADER_BYTES,
    SEALED,
    UNKNOWN,
    SegmentName,
    parse_header,
    parse_name,
    read_lines,
    recover,
)
from sidespool.core.tally import Tally, decode_tally
from sidespool.runtime.paths import DataPaths
from sidespool.wire.event import format_time


class SegmentView(msgspec.Struct, frozen=True):
    """One spool file; `events` counts whole commits."""

    name: SegmentName
    path: Path
    size_bytes: int
    events: int


def list_segments(paths: DataPaths) -> list[SegmentView]:
    """Sealed and active segments, oldest first; one that goes away meanwhile is left out."""
    found = []
    for path in sorted(paths.spool.glob("*.v1.*")):
        name = parse_name(path.name)
        if name is None or name.state not in (SEALED, "active"):
            continue
        try:
            found.append(SegmentView(name, path, path.stat().st_size, _count(path, name)))
        except FileNotFoundError:
            continue
    return found


def _count(path: Path, name: SegmentName) -> int:
    if name.state == SEALED:
        with path.open("rb") as file:
            known = parse_header(file.read(HEADER_BYTES))
        if known is not None and known[0] != UNKNOWN:
            return known[0]
    whole = recover(read_own(path))
    return whole.events if whole else 0


def pending_lines(paths: DataPaths) -> list[bytes]:
    """Every event that waits, as the line that would be sent, oldest segment first."""
    lines: list[bytes] = []
    for segment in list_segments(paths):
        try:
            lines += read_lines(read_own(segment.path))
        except FileNotFoundError:  # sent, or withdrawn, since it was listed
            continue
    return lines


def spool_summary(paths: DataPaths, bytes_max: int) -> dict[str, Any]:
    """The `spool` part of a status document."""
    segments = list_segments(paths)
    ids = [one.name.batch_id for one in segments]
    oldest = min((int(name[:8] + name[9:13], 16) for name in ids), default=None)
    return {
        "segments": len(segments),
        "sealed": sum(one.name.state == SEALED for one in segments),
        "events": sum(one.events for one in segments),
        "size_bytes": sum(one.size_bytes for one in segments),
        "size_bytes_max": bytes_max,
        "oldest": None if oldest is None else format_time(oldest),
        "quarantined": {
            path.name.partition(".v")[0]: None for path in paths.spool.glob("*.quarantined")
        },
        "problem": "",
    }


def read_tally(paths: DataPaths) -> Tally | None:
    """The counts as the last daemon left them; None where there are none."""
    try:
        return decode_tally(paths.tally_file.read_bytes())
    except OSError:
        return None


def read_consent(paths: DataPaths, now_text: str) -> ConsentBook:
    """The recorded decisions; an unreadable record counts as a no, as it does for the daemon."""
    try:
        book = decode_consent(paths.consent_file.read_bytes())
    except FileNotFoundError:
        return ConsentBook()
    except OSError:
        book = None
    if book is None:
        return ConsentBook([ConsentRecord("denied", now_text, "off", door="damaged record")])
    return book
