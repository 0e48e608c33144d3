"""Reads sums out of noisy counters: unbiased estimates with confidence intervals.

Each report states the parameters it was told with (see `sidespool/wire/noise.py`), so that
reports of different app versions add up. For one report:

| told | unbiased estimate | variance |
|---|---|---|
| a count y with geometric noise at scale s | y | 2q / (1 - q)², q = exp(-1/s) |
| a flag y by randomised response, true with p | (y - (1 - p)) / (2p - 1) | p(1 - p) / (2p - 1)² |

The noise of two reports is independent, so sums add estimates and variances. A sum's interval
may reach below 0: cutting it there would bias it. What no honest noise could have made (beyond 40
scales: e^-40) is left out and counted, so that one forged report cannot move a sum far.
"""

from math import sqrt
from typing import Any

import msgspec

from sidespool.wire.noise import (
    EPSILON_MAX,
    EPSILON_MIN,
    LABEL_CHARS_MAX,
    PERIOD_MAXIMUM_MAX,
    noise_scale,
    noise_variance,
    truth_probability,
)

CONFIDENCE = 0.95
_NORMAL = 1.959964  # the sum of many reports is all but normal
_CHEBYSHEV = sqrt(1 / (1 - CONFIDENCE))  # of few, only this holds
_MANY = 30
_SCALES_MAX = 40
COUNTERS_MAX = 1_000  # forged labels cannot fill the memory


class Estimate(msgspec.Struct):
    """The sum of one counter over all reports; `variance` is that of the sum.

    For a flag the sum is in how many reports it was truly 1.
    """

    label: str
    kind: str
    reports: int = 0
    sum: float = 0.0
    variance: float = 0.0

    @property
    def standard_error(self) -> float:
        """The standard deviation of the sum."""
        return sqrt(self.variance)

    def interval(self) -> tuple[float, float]:
        """Holds the true sum in at least 95 of 100 cases."""
        reach = (_NORMAL if self.reports >= _MANY else _CHEBYSHEV) * self.standard_error
        return self.sum - reach, self.sum + reach


class Debias:
    """Adds up the noisy counters of UsageSummary payloads, in any order."""

    def __init__(self) -> None:
        self.implausible = 0
        self._estimates: dict[tuple[str, str], Estimate] = {}

    def add(self, payload: dict[str, Any]) -> None:
        """One summary; any JSON object will do, what is no honest report is left out."""
        epsilons, maxima = _map(payload, "noise_epsilon"), _map(payload, "noise_maximum")
        for label, value in _map(payload, "noisy_counts").items():
            maximum = maxima.get(label, 0)
            self._take("count", label, _count(value, epsilons.get(label, 0), maximum))
        for label, value in _map(payload, "noisy_flags").items():
            self._take("flag", label, _flag(value, epsilons.get(label, 0)))

    def estimates(self) -> list[Estimate]:
        """By label."""
        return sorted(self._estimates.values(), key=lambda one: (one.label, one.kind))

    def _take(self, kind: str, label: str, found: tuple[float, float] | None) -> None:
        estimate = self._estimates.get((kind, label))
        crowded = estimate is None and len(self._estimates) >= COUNTERS_MAX
        if found is None or crowded or len(label) > LABEL_CHARS_MAX:
            self.implausible += 1
            return
        if estimate is None:
            estimate = self._estimates.setdefault((kind, label), Estimate(label, kind))
        estimate.reports += 1
        estimate.sum += found[0]
        estimate.variance += found[1]


def _map(payload: dict[str, Any], name: str) -> dict[str, float]:
    """Its numbers; whatever else stands there reads as one that no noise makes."""
    values = payload.get(name)
    if not isinstance(values, dict):
        return {}
    return {label: value if _is_number(value) else float("nan") for label, value in values.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: float, epsilon: float, maximum: float) -> tuple[float, float] | None:
    fits = EPSILON_MIN <= epsilon <= EPSILON_MAX and 1 <= maximum <= PERIOD_MAXIMUM_MAX
    if not fits or maximum != int(maximum):
        return None
    scale = noise_scale(epsilon, int(maximum))
    reach = _SCALES_MAX * scale
    if not -reach <= value <= maximum + reach:
        return None
    return value, noise_variance(scale)


def _flag(value: float, epsilon: float) -> tuple[float, float] | None:
    if not EPSILON_MIN <= epsilon <= EPSILON_MAX or value not in (0, 1):
        return None
    p = truth_probability(epsilon)
    return (value - (1 - p)) / (2 * p - 1), p * (1 - p) / (2 * p - 1) ** 2
