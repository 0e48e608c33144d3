"""A fingerprint of each hour's events, made of its facts: when it changes, the hour is read again.

Facts are computed anew from an hour's events whenever they change (store/hour.py), so equal events
give equal facts in every store. Different events with equal facts are possible where one event is
erased and a like one of another user comes late to the same hour; an erasure therefore has a mark
of its own (web/hours.py).
"""

import hashlib
from typing import Any

import msgspec

from sidespool_collector.chart.measure import DROPS, ERRORS, EVENTS, MEASURES
from sidespool_collector.chart.reading import Reading
from sidespool_collector.store.contract import FactQuery

HOUR_MS = 3_600_000
MEASURED = (EVENTS, ERRORS, DROPS, *(measure.name for measure in MEASURES))


class HourPrint(msgspec.Struct, frozen=True):
    """One hour: how many events, and what tells them from others."""

    start_ms: int
    events: int
    fingerprint: str


async def hour_prints(reading: Reading, since_ms: int, until_ms: int) -> list[HourPrint]:
    """The hours of a period that hold events, in order."""
    seen: dict[int, list[Any]] = {}
    counts: dict[int, int] = {}
    for measure in MEASURED:
        for fact in await reading.facts(FactQuery(measure, since_ms, until_ms, HOUR_MS)):
            if measure == EVENTS:
                counts[fact.start_ms] = counts.get(fact.start_ms, 0) + fact.n
            fact_told = (
                measure,
                fact.key,
                fact.n,
                fact.ok,
                fact.values,
                sorted(fact.histogram.items()),
            )
            seen.setdefault(fact.start_ms, []).append(fact_told)
    for by in ("app_version", "os"):
        query = FactQuery("session", since_ms, until_ms, HOUR_MS, by=by)
        for count in await reading.installs(query):
            told = (by, count.key, count.sessions, count.installs)
            seen.setdefault(count.start_ms, []).append(told)
    return [
        HourPrint(start, counts[start], _digest(seen[start]))
        for start in sorted(seen)
        if counts.get(start)
    ]


def _digest(facts: list[Any]) -> str:
    raw = msgspec.json.encode(sorted(facts, key=repr))
    return hashlib.blake2b(raw, digest_size=12).hexdigest()
