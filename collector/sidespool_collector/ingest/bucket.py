"""Token buckets by key: pure arithmetic over a clock that the caller passes in.

A bucket begins full. A request larger than the bucket passes when it is full and leaves a debt,
so that a big backlog is slowed down, never locked out.
"""

KEYS_MAX = 100_000


class Buckets:
    """`per_s` tokens a second up to `burst`, for each key; memory is bounded."""

    def __init__(self, per_s: float, burst: float, keys_max: int = KEYS_MAX) -> None:
        self._per_s = per_s
        self._burst = max(burst, 1.0)
        self._keys_max = keys_max
        self._levels: dict[bytes, tuple[float, float]] = {}

    def take(self, key: bytes, n: float, now_s: float) -> float:
        """Takes `n` tokens and returns 0, or returns the seconds to wait and takes none."""
        if self._per_s <= 0:
            return 0.0
        level, then = self._levels.get(key, (self._burst, now_s))
        level = min(self._burst, level + max(0.0, now_s - then) * self._per_s)
        wanted = min(n, self._burst)
        if level < wanted:
            return (wanted - level) / self._per_s
        if key not in self._levels and len(self._levels) >= self._keys_max:
            self._forget_full(now_s)
        self._levels[key] = (level - n, now_s)
        return 0.0

    def _forget_full(self, now_s: float) -> None:
        """Drops buckets that are full again, or, under a flood of keys, the oldest half."""
        full = [
            key
            for key, (level, then) in self._levels.items()
            if level + (now_s - then) * self._per_s >= self._burst
        ]
        for key in full or list(self._levels)[: self._keys_max // 2]:
            del self._levels[key]
