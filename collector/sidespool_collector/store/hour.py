"""What one hour's events say, as facts that can be merged: the rollups of every store.

A store computes an hour anew from its events whenever they changed, keeps the facts by hour
(grain 1) and merges them by day (grain 24). Nothing is added to a stored fact, so late events,
purges and erasures need no code of their own.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from sidespool_collector.chart.measure import (
    BY_EVENT_TYPE,
    DROPS,
    ERROR_EVENT_TYPES,
    ERRORS,
    EVENTS,
    Measure,
    bucket_of,
)  # fmt: skip
from sidespool_collector.store.contract import Fact, FactQuery
from sidespool_collector.store.group import Seen, group_of
from sidespool_collector.store.presence import Presence
from sidespool_collector.store.span import place_of
from sidespool_collector.store.stored import payload_of, plain

FactKey = tuple[str, str, str, str]  # measure, key, app_version, os


class HourFacts(msgspec.Struct):
    """Everything one hour's events say; `presence` by app_version and os."""

    facts: dict[FactKey, Fact] = {}
    groups: dict[str, Seen] = {}
    presence: dict[tuple[str, str], Presence] = {}


def collect(
    result: HourFacts, name: str, fields: list[str], rows: Iterable[tuple[Any, ...]], start: int
) -> None:
    """Adds events of one type; a row is `(app_version, os, payload, at)`."""
    measure = BY_EVENT_TYPE.get(name)
    is_error = name in ERROR_EVENT_TYPES
    for version, os, payload, at in rows:
        _fact(result, (EVENTS, name, version, os), start).n += 1
        if measure is not None:
            _add(result, measure, payload_of(fields, payload), version, os, start)
        elif is_error:
            seen = group_of(name, payload_of(fields, payload), at)
            _fact(result, (ERRORS, seen.group, version, os), start).n += 1
            had = result.groups.get(seen.group)
            result.groups[seen.group] = had.merged(seen) if had else seen
        elif name == "ClientReport":
            for reason, n in (payload_of(fields, payload).get("dropped") or {}).items():
                _fact(result, (DROPS, plain(reason), version, os), start).n += int(n)


def _add(
    result: HourFacts, measure: Measure, payload: dict[str, Any], version: str, os: str, start: int
) -> None:
    key = payload.get(measure.key) if measure.key else ""
    fact = _fact(result, (measure.name, plain(str(key or "unknown")), version, os), start)
    fact.n += 1
    if measure.ok and payload.get(measure.ok) is True:
        fact.ok += 1
    value = payload.get(measure.value) if measure.value else None
    if isinstance(value, int | float):
        bucket = bucket_of(value)
        fact.histogram[bucket] = fact.histogram.get(bucket, 0) + 1
        fact.values += 1
        fact.total += value


def _fact(result: HourFacts, key: FactKey, start: int) -> Fact:
    fact = result.facts.get(key)
    if fact is None:
        fact = result.facts[key] = Fact(start, key[1], histogram={})
    return fact


_HISTOGRAM = msgspec.json.Decoder(dict[int, int], strict=False)


def merge(fact: Fact, n: int, ok: int, samples: int, total: float, histogram: str) -> None:
    """Adds a stored row to a fact."""
    fact.n += n
    fact.ok += ok
    fact.values += samples
    fact.total += total
    if samples:
        sums = fact.histogram
        for bucket, count in _HISTOGRAM.decode(histogram).items():
            sums[bucket] = sums.get(bucket, 0) + count


def merge_day(rows: Iterable[tuple[Any, ...]], start: int) -> dict[FactKey, Fact]:
    """Hourly rows with their measure in front, merged into those of their day."""
    merged: dict[FactKey, Fact] = {}
    for measure, key, version, os, *values in rows:
        fact = merged.setdefault((measure, key, version, os), Fact(start, key, histogram={}))
        merge(fact, *values)
    return merged


def fact_rows(facts: dict[FactKey, Fact], grain: int, start: int) -> list[tuple[Any, ...]]:
    """Facts as rows of the table `rollup`."""
    return [
        (
            grain, measure, start, key, version, os, fact.n, fact.ok, fact.values, fact.total,
            msgspec.json.encode(fact.histogram).decode(),
        )
        for (measure, key, version, os), fact in facts.items()
    ]  # fmt: skip


def merge_facts(rows: Iterable[tuple[Any, ...]], query: FactQuery) -> list[Fact]:
    """Rows `(start, key, app_version, os, n, ok, samples, total, histogram)` by step and name."""
    merged: dict[tuple[int, str], Fact] = {}
    for start, key, version, os, *values in rows:
        where = place_of(query, start, key, version, os)
        fact = merged.get(where)
        if fact is None:
            fact = merged[where] = Fact(*where, histogram={})
        merge(fact, *values)
    return sorted(merged.values(), key=lambda fact: (fact.start_ms, fact.key))
