"""Keeps the counts of a ClientReport from going with it when it leaves the spool unsent.

A report that is evicted, withdrawn or refused has told nobody: its counts go back to those of the
next one. Which segments may hold one is known from when it was stored (`Tally.told`), so that
hardly any segment is opened for it.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

from sidespool.core.record import level_of
from sidespool.core.spool import Segment
from sidespool.core.tally import Tally, Told
from sidespool.wire.level import Level

TakenBack = tuple[str, Told, dict[str, Any]]
_REPORT = b'"ClientReport"'


class _Stored(msgspec.Struct):
    event_id: str
    event_type: str
    payload: dict[str, Any]


class ToldReports:
    """`lines_of(batch_id)` reads a segment; what cannot be read holds no report."""

    def __init__(self, tally: Tally, lines_of: Callable[[str], list[bytes]]) -> None:
        self._tally = tally
        self._lines_of = lines_of

    def on_leaving(self, batch_ids: Collection[str]) -> list[TakenBack]:
        """These segments go without being delivered: takes back what their reports tell."""
        taken: list[TakenBack] = []
        for batch_id in batch_ids:
            for report in self._reports_in(batch_id):
                known = self._tally.on_report_lost(report.event_id, report.payload)
                if known is not None:
                    taken.append((report.event_id, known, report.payload))
        return taken

    def on_stayed(self, taken: list[TakenBack]) -> None:
        """The disk did not let them go."""
        for event_id, known, payload in taken:
            self._tally.on_report_kept(event_id, known, payload)

    def on_delivered(self, batch_id: str) -> None:
        """The collector has this segment, and the reports in it."""
        for report in self._reports_in(batch_id):
            self._tally.told.pop(report.event_id, None)

    def on_merged(self, segments: Collection[Segment], into: Segment) -> None:
        """Another segment holds what these held."""
        for segment in segments:
            self._tally.on_report_moved(segment.created_ms, into.created_ms)

    def _reports_in(self, batch_id: str) -> Iterator[_Stored]:
        segment = Segment(batch_id, level_of(batch_id) or Level.OFF)
        if segment.level is not Level.USAGE or not self._tally.may_hold_report(segment.created_ms):
            return
        try:
            lines = self._lines_of(batch_id)
        except OSError:
            return
        for line in lines:
            if _REPORT not in line:
                continue
            try:
                found = msgspec.json.decode(line, type=_Stored)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            if found.event_type == "ClientReport":
                yield found
