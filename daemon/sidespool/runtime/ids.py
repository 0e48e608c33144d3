"""Makes ids: the one place that combines the clock and dice into UUIDs."""

import random
import secrets
import time

from sidespool.core.record import batch_id_bits
from sidespool.wire.event import uuid7
from sidespool.wire.level import Level

_DICE = random.Random(secrets.randbits(128))  # noqa: S311  # ids are no secrets


def now_ms() -> int:
    """Unix milliseconds of the wall clock."""
    return time.time_ns() // 1_000_000


def dice(bits: int) -> int:
    """Random bits for ids; not for secrets."""
    return _DICE.getrandbits(bits)


def new_uuid() -> str:
    """A UUID version 7 of now."""
    return uuid7(now_ms(), dice(12), dice(62))


class BatchIds:
    """Batch ids that sort in the order they were made, even when the clock jumps back."""

    def __init__(self) -> None:
        self._last_ms = 0

    def new(self, level: Level) -> str:
        """A batch id for a segment of this level."""
        self._last_ms = max(now_ms(), self._last_ms + 1)
        rand_a, rand_b = batch_id_bits(level, dice(70))
        return uuid7(self._last_ms, rand_a, rand_b)


def new_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)
