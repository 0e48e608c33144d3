"""Counts every event's fate, so that each loss is known, shown and reported once.

Law: `accepted == delivered + dropped + in the spool`, at any moment and across crashes. What is
accepted is therefore not stored: it follows from the three that are.

A report is an event like any other. So that it goes out exactly once, its counts are first
frozen under a report id (`freeze`, written to disk), then emitted with that id as event id, then
forgotten (`on_reported`). A crash between any two steps repeats the same event with the same id,
which every store takes once. A report that leaves the spool without having been delivered has
told nobody: its counts come back (`on_report_lost`).
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from sidespool.core.policy import REPORTS_FOLLOWED_MAX
from sidespool.wire.event import format_time
from sidespool.wire.outcome import DropReason, LossReason, Reason

# A count or time that fits what a report may hold; anything else in the file is damage.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]  # to the year 9999
_Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,64}\Z")]
_Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]

Settling = Literal["delete", "history", "quarantine", "merged"]


class Counts(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Fates since `since_ms` (Unix milliseconds)."""

    since_ms: _Moment = 0
    accepted: _Count = 0
    delivered: _Count = 0
    rejected: dict[_Word, _Count] = {}
    dropped: dict[_Word, _Count] = {}

    @property
    def losses(self) -> int:
        """Events that were refused or lost."""
        return sum(self.rejected.values()) + sum(self.dropped.values())


class Frozen(msgspec.Struct, forbid_unknown_fields=True):
    """Counts on their way out as a ClientReport with this event id."""

    event_id: _Uuid
    until_ms: _Moment
    counts: Counts


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """A report that lies in the spool, in a segment made between these times, and its period."""

    low_ms: _Moment
    high_ms: _Moment
    since_ms: _Moment


class Tally(msgspec.Struct, forbid_unknown_fields=True):
    """What is written to `tally.json`.

    `settling` names segments whose loss is counted but whose files may still be in the spool, and
    where they go: after a crash that is finished without counting again. `all_time` is for
    `status`.
    """

    counts: Counts = msgspec.field(default_factory=Counts)
    frozen: Frozen | None = None
    settling: dict[_Uuid, Settling] = {}
    all_time: Counts = msgspec.field(default_factory=Counts)
    told: dict[_Uuid, Told] = {}

    def on_accepted(self, events: int) -> None:
        """Events were taken in and are durable."""
        self.counts.accepted += events
        self.all_time.accepted += events

    def clear(self, now_ms: int) -> None:
        """Forgets everything: the user asked for it."""
        self.counts, self.all_time = Counts(since_ms=now_ms), Counts(since_ms=now_ms)
        self.frozen, self.settling, self.told = None, {}, {}

    def on_recovered(self, events_in_spool: int) -> None:
        """After a start: what was accepted follows from the rest (a crash may have cost counts)."""
        known = self.all_time.delivered + sum(self.all_time.dropped.values()) + events_in_spool
        self.all_time.accepted = known

    def on_delivered(self, events: int) -> None:
        """The collector confirmed events (new or known to it)."""
        self.counts.delivered += events
        self.all_time.delivered += events

    def on_rejected(self, reason: Reason | LossReason, events: int = 1) -> None:
        """Events were refused at the door, or never came there."""
        for counts in (self.counts, self.all_time):
            counts.rejected[reason] = counts.rejected.get(reason, 0) + events

    def on_dropped(self, reason: DropReason, events: int) -> None:
        """Events that had been taken in are lost."""
        if events <= 0:
            return
        for counts in (self.counts, self.all_time):
            counts.dropped[reason] = counts.dropped.get(reason, 0) + events

    def begin(
        self, how: Settling, batch_ids: Iterable[str], reason: DropReason, events: int
    ) -> None:
        """A loss is counted, and which files it is about: written together, before they go."""
        self.on_dropped(reason, events)
        self.settling.update(dict.fromkeys(batch_ids, how))

    def undo(self, batch_ids: Iterable[str], reason: DropReason, events: int) -> None:
        """The disk did not take what `begin` noted, so nothing was begun."""
        for counts in (self.counts, self.all_time):
            left = counts.dropped.get(reason, 0) - max(events, 0)
            counts.dropped.pop(reason, None)
            if left > 0:
                counts.dropped[reason] = left
        for batch_id in batch_ids:
            self.settling.pop(batch_id, None)

    def settling_as(self, how: Settling) -> set[str]:
        """Segments that are on their way out of the spool in this way."""
        return {batch_id for batch_id, way in self.settling.items() if way == how}

    def freeze(self, event_id: str, now_ms: int) -> Frozen:
        """The counts so far, set aside for a report; counting begins anew."""
        if self.frozen is None:
            self.frozen = Frozen(event_id, now_ms, self.counts)
            self.counts = Counts(since_ms=now_ms)
        return self.frozen

    def on_reported(self, between_ms: tuple[int, int]) -> None:
        """The frozen report is durable in the spool, in a segment made between these times."""
        if self.frozen is None:
            return
        since_ms = self.frozen.counts.since_ms
        self.told[self.frozen.event_id] = Told(min(between_ms), max(between_ms), since_ms)
        while len(self.told) > REPORTS_FOLLOWED_MAX:
            del self.told[next(iter(self.told))]
        self.frozen = None

    def may_hold_report(self, created_ms: int) -> bool:
        """Whether a segment made at this time may hold a report."""
        return any(one.low_ms <= created_ms <= one.high_ms for one in self.told.values())

    def on_report_moved(self, from_ms: int, to_ms: int) -> None:
        """What lay in a segment made at one time lies now in one made at another."""
        for one in self.told.values():
            if one.low_ms <= from_ms <= one.high_ms:
                one.low_ms, one.high_ms = min(one.low_ms, to_ms), max(one.high_ms, to_ms)

    def on_report_lost(self, event_id: str, payload: dict[str, Any]) -> Told | None:
        """A report left the spool undelivered: the next one tells what it told."""
        known = self.told.pop(event_id, None)
        if known is not None:
            self.counts.since_ms = min(self.counts.since_ms, known.since_ms)
            self._add(payload, 1)
        return known

    def on_report_kept(self, event_id: str, known: Told, payload: dict[str, Any]) -> None:
        """It did not leave after all: the disk refused."""
        self.told[event_id] = known
        self._add(payload, -1)

    def _add(self, payload: dict[str, Any], sign: int) -> None:
        counts = self.counts
        counts.accepted = max(counts.accepted + sign * payload.get("accepted", 0), 0)
        counts.delivered = max(counts.delivered + sign * payload.get("delivered", 0), 0)
        for own, told in (
            (counts.rejected, payload.get("rejected", {})),
            (counts.dropped, payload.get("dropped", {})),
        ):
            for reason, events in told.items():
                left = own.get(reason, 0) + sign * events
                if left > 0:
                    own[reason] = left
                else:
                    own.pop(reason, None)

    def wants_report(self, now_ms: int, interval_ms: int) -> bool:
        """Whether there is a loss to report and the last report is old enough."""
        return self.counts.losses > 0 and now_ms - self.counts.since_ms >= interval_ms


def report_payload(frozen: Frozen) -> dict[str, Any]:
    """The payload of the ClientReport event."""
    counts = frozen.counts
    return {
        "period_start": format_time(counts.since_ms),
        "period_end": format_time(frozen.until_ms),
        "accepted": counts.accepted,
        "delivered": counts.delivered,
        "rejected": dict(counts.rejected),
        "dropped": dict(counts.dropped),
    }


_DECODER = msgspec.json.Decoder(Tally)


def encode_tally(tally: Tally) -> bytes:
    """The bytes of `tally.json`."""
    return msgspec.json.encode(tally)


def decode_tally(raw: bytes) -> Tally | None:
    """A tally, or None for bytes that are none."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
