"""Puts facts together: over keys, by step, and as shares."""

from sidespool_collector.chart.measure import percentile
from sidespool_collector.chart.view import View
from sidespool_collector.store.contract import Fact

ROWS_MAX = 20


def steps_of(view: View, facts: list[Fact]) -> list[float | int | None]:
    """Counts for every step of the view, 0 where nothing happened."""
    counts: dict[int, int] = {}
    for fact in facts:
        counts[fact.start_ms] = counts.get(fact.start_ms, 0) + fact.n
    return [counts.get(start, 0) for start in view.steps()]


def merged(facts: list[Fact]) -> Fact:
    """All facts as one."""
    whole = Fact(0, "", histogram={})
    for fact in facts:
        whole.n += fact.n
        whole.ok += fact.ok
        whole.values += fact.values
        whole.total += fact.total
        for bucket, n in fact.histogram.items():
            whole.histogram[bucket] = whole.histogram.get(bucket, 0) + n
    return whole


def average(fact: Fact) -> float | None:
    """The mean of the values, or None without any."""
    return fact.total / fact.values if fact.values else None


def at_share(fact: Fact | None, share: float) -> float | None:
    """A percentile, or None where there is no fact."""
    return percentile(fact.histogram, share) if fact is not None else None


def share_of(part: int, whole: int) -> float | None:
    """A part in percent, or None of nothing."""
    return 100 * part / whole if whole else None
