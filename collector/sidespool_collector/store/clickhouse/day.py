"""The day of an id: the partition that an event or a batch belongs to.

It depends on the id alone, never on a clock or on a corrected time: the same id always meets the
same partition and with it the row it may be a duplicate of, whoever sends it, whenever, and
however its timestamp was corrected. Merges happen within a partition only, so this is what makes
ReplacingMergeTree exact.
"""

from sidespool_collector.event import id_bytes
from sidespool_collector.store.span import DAY_MS

FIRST_DAY, LAST_DAY = 19_000, 29_000  # 2022 to 2049: a made-up id makes no partition of its own


def day_of(raw: bytes) -> int:
    """Days since 1970 by a UUIDv7's own time; 0 for an id that holds none, or a far one."""
    if raw[6] >> 4 != 7 or raw[8] >> 6 != 2:
        return 0
    return _within(int.from_bytes(raw[:6], "big") // DAY_MS)


def day_of_key(key: str, received_ms: int) -> int:
    """The partition of a batch: its key's day, or where it has no key that of its receipt."""
    if not key:
        return _within(received_ms // DAY_MS)
    raw = id_bytes(key)
    return day_of(raw) if raw is not None else 0


def _within(day: int) -> int:
    return day if FIRST_DAY <= day < LAST_DAY else 0
