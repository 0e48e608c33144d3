"""Counts usage in place of recording it: sums over a period, of which only bins ever leave.

    collected --24 h over--> closed (an event id is fixed) --durable in the spool--> forgotten

Periods follow each other without a gap: each begins where the last one ended. The first begins
when counting begins. Periods without any use are told as one that spans them. The id of a summary
follows from the installation and the period, so that a crash at any point repeats the same event,
which every store takes once. A clock set back by more than a period starts a new period; while it
is set back by less, counting goes on in the present one.

What the catalog declares noise for is summed apart and told by `tell_noisy` only, at every close:
the noise is thrown once, with the close, and what was thrown is what is kept and sent.

An event is counted before it is acknowledged. A client that sends it again because the
acknowledgement was lost is not counted twice: short digests of the latest ids that clients gave
are kept with the counts, in one write.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import msgspec

from sidespool.core.minimise import (
    DURATION_BINS,
    count_bin,
    duration_bin,
    session_minutes_bin,
    size_bin,
)
from sidespool.wire.catalog import Catalog, EventSpec
from sidespool.wire.event import format_time
from sidespool.wire.level import Level

PERIOD_MS = 86_400_000
RECENT_MAX = 2_048  # ids remembered: two whole frames, more than a client has under way
_DIGEST_BYTES = 8
READY_MAX = 90  # summaries that could not be emitted for want of a disk; the oldest go first
_LONGEST = len(DURATION_BINS)

TellNoisy = Callable[[dict[str, int]], dict[str, Any]]


class Counted(msgspec.Struct, frozen=True):
    """What is kept of one event: its type, its durations (ms) and sizes by field."""

    event_type: str
    durations: dict[str, float] = {}
    sizes: dict[str, float] = {}
    noisy: dict[str, int] | None = None  # sums by label; None for an event without noise
    event_id: str = ""  # as the client gave it; empty where it gave none


class Summary(msgspec.Struct):
    """A closed period on its way into the spool."""

    event_id: str
    end_ms: int
    payload: dict[str, Any]


class RollUp(msgspec.Struct):
    """What is written to `rollup.json`; `durations` counts by bin, times are Unix milliseconds."""

    period_start_ms: int
    events: dict[str, int] = {}
    durations: dict[str, list[int]] = {}
    sizes: dict[str, float] = {}
    session_ms: float = 0.0
    noisy: dict[str, int] = {}
    ready: list[Summary] = []
    recent: bytes = b""

    def add_new(self, counted: list[Counted]) -> None:
        """Each of these that is not a repetition of one of the latest."""
        size = _DIGEST_BYTES
        order = [self.recent[at : at + size] for at in range(0, len(self.recent), size)]
        known = set(order)
        for one in counted:
            if one.event_id:
                digest = blake2b(one.event_id.encode(), digest_size=size).digest()
                if digest in known:
                    continue
                known.add(digest)
                order.append(digest)
            self.add(one)
        self.recent = b"".join(order[-RECENT_MAX:])

    def add(self, counted: Counted) -> None:
        """One event more; of one with noise nothing but its noisy sums is kept."""
        if counted.noisy is not None:
            for label, n in counted.noisy.items():
                self.noisy[label] = self.noisy.get(label, 0) + n
            return
        kind = counted.event_type
        self.events[kind] = self.events.get(kind, 0) + 1
        for name, value in counted.durations.items():
            bins = self.durations.setdefault(f"{kind}.{name}", [0] * (_LONGEST + 1))
            bins[_place(value)] += 1
        for name, value in counted.sizes.items():
            label = f"{kind}.{name}"
            self.sizes[label] = self.sizes.get(label, 0.0) + value
        if kind == "SessionEnd":
            self.session_ms += counted.durations.get("duration_ms", 0.0)

    def close(
        self, now_ms: int, id_of: Callable[[int, int], str], tell_noisy: TellNoisy = lambda _: {}
    ) -> bool:
        """Closes every period that is over; whether there was one."""
        start = self.period_start_ms
        if now_ms < start - PERIOD_MS:
            self._restart(now_ms)
            return True
        over = (now_ms - start) // PERIOD_MS
        if over < 1:
            return False
        self._tell(start, start + PERIOD_MS, id_of, tell_noisy)
        if over > 1:
            self._restart(start + PERIOD_MS)
            self._tell(start + PERIOD_MS, start + over * PERIOD_MS, id_of, tell_noisy)
        self._restart(start + over * PERIOD_MS)
        return True

    def _tell(
        self, start_ms: int, end_ms: int, id_of: Callable[[int, int], str], tell_noisy: TellNoisy
    ) -> None:
        payload = {**self.payload(start_ms, end_ms), **tell_noisy(self.noisy)}
        self.ready.append(Summary(id_of(start_ms, end_ms), end_ms, payload))
        del self.ready[:-READY_MAX]

    def _restart(self, start_ms: int) -> None:
        self.period_start_ms = start_ms
        self.events, self.durations, self.sizes, self.session_ms = {}, {}, {}, 0.0
        self.noisy = {}

    def payload(self, start_ms: int, end_ms: int) -> dict[str, Any]:
        """The payload of the UsageSummary event: bins, and nothing that counts exactly."""
        events = self.events
        return {
            "period_start": format_time(start_ms),
            "period_end": format_time(end_ms),
            "sessions": count_bin(events.get("SessionStart", 0)),
            "session_minutes": session_minutes_bin(self.session_ms / 60_000),
            "exchanges": count_bin(events.get("ChatTurn", 0)),
            "events": {name: count_bin(n) for name, n in sorted(events.items())},
            "durations": {name: _median(bins) for name, bins in sorted(self.durations.items())},
            "sizes": {name: size_bin(total) for name, total in sorted(self.sizes.items())},
        }


def _place(duration_ms: float) -> int:
    return next((i for i, (limit, _) in enumerate(DURATION_BINS) if duration_ms < limit), _LONGEST)


def _median(bins: list[int]) -> str:
    """The bin in which the middle value lies."""
    middle, seen = (sum(bins) + 1) // 2, 0
    for place, count in enumerate(bins):
        seen += count
        if seen >= middle:
            return DURATION_BINS[place][1] if place < _LONGEST else duration_bin(float("inf"))
    return DURATION_BINS[0][1]


def summarised(catalog: Catalog, all_usage: bool) -> set[str]:
    """The events that are counted instead of recorded."""
    return {
        name
        for name, spec in catalog.events.items()
        if spec.origin == "client" and spec.level is Level.USAGE and (spec.aggregate or all_usage)
    }


def measure(spec: EventSpec, payload: Any, event_id: str = "") -> Counted:
    """What is kept of an event; `payload` has an attribute for each field, None where unset."""
    if spec.is_noisy:
        return Counted(spec.name, noisy=_noisy_sums(spec, payload), event_id=event_id)
    durations, sizes = {}, {}
    for field in spec.fields.values():
        value = getattr(payload, field.name, None)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if field.kind == "duration":
            durations[field.name] = float(value)
        elif field.kind == "size":
            sizes[field.name] = float(value)
    return Counted(spec.name, durations, sizes, event_id=event_id)


def _noisy_sums(spec: EventSpec, payload: Any) -> dict[str, int]:
    sums = {spec.name: 1} if spec.noise else {}
    for field in spec.fields.values():
        value = getattr(payload, field.name, None) if field.noise else None
        if value:
            sums[f"{spec.name}.{field.name}"] = int(value)
    return sums


def encode_rollup(rollup: RollUp) -> bytes:
    """The bytes of `rollup.json`."""
    return msgspec.json.encode(rollup)


def decode_rollup(raw: bytes) -> RollUp | None:
    """The state, or None for bytes that are none."""
    try:
        rollup = msgspec.json.decode(raw, type=RollUp)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    whole = all(len(bins) == _LONGEST + 1 for bins in rollup.durations.values())
    return rollup if whole and rollup.period_start_ms >= 0 else None
