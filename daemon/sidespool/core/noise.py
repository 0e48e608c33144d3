"""Tells a period's noisy counters: clamps the truth, has noise added, states the parameters.

The dice are an argument: `Noise` is implemented by `runtime/noise.py` with a library. Where
there is none, nothing of these counters is told (fail closed): a counter that was promised noise
never leaves without.
"""

from typing import Any, Protocol

from sidespool.wire.noise import Counter


class Noise(Protocol):
    """What adds the noise of `wire/noise.py`; each call is a fresh throw."""

    def flag(self, truth: bool, epsilon: float) -> bool:
        """The truth, or its opposite with probability 1 / (1 + exp(epsilon))."""

    def count(self, truth: int, epsilon: float, maximum: int) -> int:
        """The truth and geometric noise at scale maximum / epsilon; may be negative."""


def told(counters: list[Counter], sums: dict[str, int], noise: Noise) -> dict[str, Any]:
    """The fields of a UsageSummary for all counters, those of things not used as well.

    Which counters are told says nothing: it follows from the catalog alone.
    """
    counts: dict[str, int] = {}
    flags: dict[str, int] = {}
    for one in counters:
        truth = max(0, sums.get(one.label, 0))
        if one.maximum is None:
            flags[one.label] = int(noise.flag(truth > 0, one.epsilon))
        else:
            clamped = min(truth, one.maximum)
            counts[one.label] = noise.count(clamped, one.epsilon, one.maximum)
    fields: dict[str, Any] = {
        "noisy_counts": counts,
        "noisy_flags": flags,
        "noise_epsilon": {one.label: one.epsilon for one in counters},
        "noise_maximum": {one.label: one.maximum for one in counters if one.maximum is not None},
    }
    return {name: values for name, values in fields.items() if values}
