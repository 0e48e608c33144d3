"""Keeps the book of segments and decides what is sealed, evicted, and when nothing fits.

The book holds what the directory listing says; it is rebuilt from the listing at each start and
is never written. Facts come in (`on_opened`, `on_grown`, `on_sealed`, `on_gone`), decisions go
out (`must_seal`, `make_room`, `expired`, `above`).

Rules
    - A segment is full at 1 MiB, 10,000 events, or 16 MiB before compression.
    - Over the quota the oldest segment of the least important level goes first: full, usage,
      error, crash. A more important event may displace a less important one, never the reverse;
      when only more important ones are left, the newcomer is refused.
    - Age counts from the batch id's time; crash and error segments live longer.
    - Where segments are sealed and none leaves, small ones gather; from a number on the oldest of
      one day are merged into one that is no larger than a segment may be, and as old as the first.
"""

from collections.abc import Collection

import msgspec

from sidespool.core.policy import (
    AGE_DAYS_MAX_ERROR,
    EVICTION_ORDER,
    MERGE_SEGMENTS_MAX,
    MERGE_SEGMENTS_MIN,
    SEGMENT_BYTES_MAX,
    SEGMENT_EVENTS_MAX,
    SEGMENT_RAW_BYTES_MAX,
)
from sidespool.wire.level import Level

DAY_MS = 86_400_000


class Segment(msgspec.Struct, gc=False):
    """One segment as the book knows it; sizes in bytes on disk."""

    batch_id: str
    level: Level
    size_bytes: int = 0
    raw_bytes: int = 0
    events: int = 0
    sealed: bool = False

    @property
    def created_ms(self) -> int:
        """Unix milliseconds from the batch id (RFC 9562: the first 48 bits)."""
        return int(self.batch_id[:8] + self.batch_id[9:13], 16)


class Full(msgspec.Struct, frozen=True):
    """Nothing less important is left to evict: the newcomer is refused."""


class Evict(msgspec.Struct, frozen=True):
    """These segments go, in this order, then the newcomer fits."""

    batch_ids: tuple[str, ...]


class SpoolBook:
    """All segments of the spool, active and sealed."""

    def __init__(self, bytes_max: int, age_days_max: float) -> None:
        self.bytes_max = bytes_max
        self.age_days_max = age_days_max
        self.merge_min = MERGE_SEGMENTS_MIN
        self.segments: dict[str, Segment] = {}
        self.total_bytes = 0
        self.changes = 0  # counts every change to the set of sealed segments

    def on_opened(self, segment: Segment) -> None:
        """A segment exists now (created, or found at start); safe to repeat."""
        self.on_gone(segment.batch_id)
        self.segments[segment.batch_id] = segment
        self.total_bytes += segment.size_bytes
        self.changes += segment.sealed

    def on_grown(self, batch_id: str, size_bytes: int, raw_bytes: int, events: int) -> None:
        """A commit reached the disk; the arguments are what it added."""
        segment = self.segments[batch_id]
        segment.size_bytes += size_bytes
        segment.raw_bytes += raw_bytes
        segment.events += events
        self.total_bytes += size_bytes

    def on_sealed(self, batch_id: str, size_bytes: int) -> None:
        """The segment is closed and has this size."""
        segment = self.segments[batch_id]
        self.total_bytes += size_bytes - segment.size_bytes
        segment.size_bytes = size_bytes
        segment.sealed = True
        self.changes += 1

    def on_gone(self, batch_id: str) -> Segment | None:
        """The segment's file is no longer there; its entry, if it had one."""
        segment = self.segments.pop(batch_id, None)
        if segment is not None:
            self.total_bytes -= segment.size_bytes
            self.changes += segment.sealed
        return segment

    def must_seal(self, batch_id: str) -> bool:
        """Whether the segment has reached one of its limits."""
        return _is_large(self.segments[batch_id], 1)

    def make_room(
        self, level: Level, incoming_bytes: int, unsynced: Collection[str] = ()
    ) -> Evict | Full:
        """What to evict so that `incoming_bytes` of `level` fit; an empty Evict when they do."""
        excess = self.total_bytes + incoming_bytes - self.bytes_max
        if excess <= 0:
            return Evict(())
        chosen: list[str] = []
        for victim in self._by_importance(level):
            if excess <= 0:
                break
            if victim.batch_id in unsynced:
                continue
            chosen.append(victim.batch_id)
            excess -= victim.size_bytes
        return Full() if excess > 0 else Evict(tuple(chosen))

    def _by_importance(self, level: Level) -> list[Segment]:
        """Segments that may give way to `level`, first to go first; batch ids sort by time."""
        allowed = EVICTION_ORDER[: EVICTION_ORDER.index(level) + 1]
        candidates = [one for one in self.segments.values() if one.level in allowed]
        return sorted(candidates, key=lambda one: (allowed.index(one.level), one.batch_id))

    def expired(self, now_ms: int) -> list[str]:
        """Segments past their age limit."""
        return [
            one.batch_id
            for one in self.segments.values()
            if now_ms - one.created_ms > self._age_days(one.level) * DAY_MS
        ]

    def _age_days(self, level: Level) -> float:
        if level in (Level.CRASH, Level.ERROR):
            return max(self.age_days_max, AGE_DAYS_MAX_ERROR)
        return self.age_days_max

    def newest_ms(self, level: Level) -> int:
        """When the segment that takes the next commit of a level was made, as far as is known."""
        alike = [one for one in self.segments.values() if one.level is level]
        active = [one for one in alike if not one.sealed]
        return max((one.created_ms for one in active or alike), default=0)

    def mergeable(self) -> list[Segment]:
        """Sealed segments of one level and day, oldest first, to be merged into one; or none."""
        alike: dict[tuple[Level, int], list[Segment]] = {}
        for one in self.segments.values():
            if one.sealed and not _is_large(one, 2):
                alike.setdefault((one.level, one.created_ms // DAY_MS), []).append(one)
        for small in alike.values():
            if len(small) < self.merge_min:
                continue
            small.sort(key=lambda one: one.batch_id)
            chosen: list[Segment] = []
            whole = Segment("", small[0].level)
            for one in small:
                whole.size_bytes += one.size_bytes
                whole.raw_bytes += one.raw_bytes
                whole.events += one.events
                if _is_large(whole, 1) or len(chosen) == MERGE_SEGMENTS_MAX:
                    break
                chosen.append(one)
            return chosen
        return []

    def above(self, level: Level) -> list[str]:
        """Segments holding events that need more than `level`."""
        return [one.batch_id for one in self.segments.values() if one.level > level]

    def sealed(self) -> list[Segment]:
        """Sealed segments, most important level's oldest first: what to upload next."""
        rank = {level: place for place, level in enumerate(reversed(EVICTION_ORDER))}
        found = [one for one in self.segments.values() if one.sealed]
        return sorted(found, key=lambda one: (rank[one.level], one.batch_id))

    @property
    def events(self) -> int:
        """Events in all segments; may be asked for while another thread changes the book."""
        return sum([one.events for one in list(self.segments.values())])


def _is_large(segment: Segment, share: int) -> bool:
    """Whether the segment has reached one of its limits, or this share of one."""
    return (
        segment.size_bytes * share >= SEGMENT_BYTES_MAX
        or segment.events * share >= SEGMENT_EVENTS_MAX
        or segment.raw_bytes * share >= SEGMENT_RAW_BYTES_MAX
    )
