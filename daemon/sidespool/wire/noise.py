"""What a counter with local noise is: its parameters, what it costs, and how far off it may be.

A catalog may declare `noise = "local"` with an `epsilon` on an event or a field that is only ever
told as a sum over a period (`aggregate = true`). Each such counter is told once a period, by
every installation, used or not:

| declared on | told | mechanism | a period's cost |
|---|---|---|---|
| an event | how many there were, at most `period_maximum` | geometric noise | epsilon |
| a `count` field | its sum, clamped to `period_maximum` | geometric noise | epsilon |
| a `flag` field | whether it was true at least once | randomised response | epsilon |

Geometric noise (the discrete Laplace distribution) at scale s = period_maximum / epsilon:
P(noise = k) is proportional to exp(-|k| / s). One period's truth can move the sum by
period_maximum at most, so any two truths give any answer with probabilities within a factor of
exp(epsilon). Randomised response tells the truth with probability exp(epsilon) /
(1 + exp(epsilon)); the same factor holds. Costs add up: over counters, and over periods.

Sources: S. L. Warner 1965 (randomised response); A. Ghosh, T. Roughgarden, M. Sundararajan 2009
(the geometric mechanism); C. Dwork and A. Roth 2014, section 3.5 (composition).
"""

from math import exp, expm1

import msgspec

from sidespool.wire.catalog import Catalog, EventSpec, FieldSpec

NOISES = ("local",)
# Below, the noise drowns a million installations; above, it is noise in name only: at 4 a
# randomised answer is the truth in 98 of 100 cases.
EPSILON_MIN = 0.01
EPSILON_MAX = 4.0
# All counters of a catalog together, a period; more promises nothing to a person who uses all.
EPSILON_TOTAL_MAX = 10.0
PERIOD_MAXIMUM_MAX = 1_000_000
COUNTERS_MAX = 100  # what a map of UsageSummary holds
LABEL_CHARS_MAX = 64  # and what a key of it does


class Counter(msgspec.Struct, frozen=True):
    """One counter with noise; `maximum` is None for a flag."""

    label: str
    epsilon: float
    maximum: int | None


def noisy_counters(catalog: Catalog) -> list[Counter]:
    """Every counter a catalog declares noise for, in its order."""
    return [one for spec in catalog.events.values() for one in counters_of(spec)]


def counters_of(spec: EventSpec) -> list[Counter]:
    """The counters of one event; empty for an event without noise."""
    found = [Counter(spec.name, spec.epsilon, spec.period_maximum)] if spec.noise else []
    fields = (field for field in spec.fields.values() if field.noise)
    return found + [_of_field(spec.name, field) for field in fields]


def _of_field(event: str, field: FieldSpec) -> Counter:
    maximum = None if field.kind == "flag" else field.period_maximum
    return Counter(f"{event}.{field.name}", field.epsilon, maximum)


def period_cost(counters: list[Counter]) -> float:
    """What one period costs a person who uses everything: the counters' epsilons together."""
    return sum(one.epsilon for one in counters)


def truth_probability(epsilon: float) -> float:
    """How often randomised response tells the truth: more than a half, less than one."""
    return 1 / (1 + exp(-epsilon))


def noise_scale(epsilon: float, maximum: int) -> float:
    """The scale of the geometric noise, in units of the counter."""
    return maximum / epsilon


def noise_variance(scale: float) -> float:
    """The variance of geometric noise: 2q / (1 - q)² with q = exp(-1 / scale)."""
    return 2 * exp(-1 / scale) / expm1(-1 / scale) ** 2
