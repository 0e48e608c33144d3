"""Counts every event's fate, so that each loss is known, shown and reported once.

Law: `accepted == delivered + dropped + in the spool`, at any moment and across crashes. What is
accepted is therefore not stored: it follows from the three that are.

A report is an event like any other. So that it goes out exactly once, its counts are first
frozen under a report id (`freeze`, written to disk), then emitted with that id as event id, then
forgotten (`on_reported`). A crash between any two steps repeats the same event with the same id,
which every store takes once.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from sidespool.wire.event import format_time
from sidespool.wire.outcome import DropReason, Reason

# A count or time that fits what a report may hold; anything else in the file is damage.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]  # to the year 9999
_Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,64}\Z")]
_Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]

Settling = Literal["delete", "history", "quarantine"]


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

    def on_accepted(self, events: int) -> None:
        """Events were taken in and are durable."""
        self.counts.accepted += events
        self.all_time.accepted += events

    def clear(self, now_ms: int) -> None:
        """Forgets everything: the user asked for it."""
        self.counts, self.all_time = Counts(since_ms=now_ms), Counts(since_ms=now_ms)
        self.frozen, self.settling = None, {}

    def on_recovered(self, events_in_spool: int) -> None:
        """After a start: what was accepted follows from the rest (a crash may have cost counts)."""
        known = self.all_time.delivered + sum(self.all_time.dropped.values()) + events_in_spool
        self.all_time.accepted = known

    def on_delivered(self, events: int) -> None:
        """The collector confirmed events (new or known to it)."""
        self.counts.delivered += events
        self.all_time.delivered += events

    def on_rejected(self, reason: Reason, events: int = 1) -> None:
        """Events were refused at the door."""
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

    def freeze(self, event_id: str, now_ms: int) -> Frozen:
        """The counts so far, set aside for a report; counting begins anew."""
        if self.frozen is None:
            self.frozen = Frozen(event_id, now_ms, self.counts)
            self.counts = Counts(since_ms=now_ms)
        return self.frozen

    def on_reported(self) -> None:
        """The frozen report is durable in the spool."""
        self.frozen = None

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
