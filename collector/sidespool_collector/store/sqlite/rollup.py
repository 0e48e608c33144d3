"""Keeps hourly and daily facts beside the events, so that a chart reads hundreds of rows.

An append marks the hours it touched in `dirty_hour`, in its own transaction. `roll_up` computes
a marked hour anew from its events and replaces it: idempotent, so a crash costs nothing, and the
same code serves late events, purges and erasures.

The reading happens beside the writer, and the command line may do the same in a process of its
own. Each mark carries a random number, new with every change, read in the same snapshot as the
events. When the result is written, under the writer's lock:

1. the mark is as it was read: nothing changed, the result is written and the mark removed;
2. the mark is another: events came meanwhile. The result is written, one step behind, and the
   mark stays, so that the hour is computed again;
3. there is no mark: someone else computed the hour from a later snapshot. Nothing is written.
"""

import sqlite3
import time
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
from sidespool_collector.store.sqlite.append import HOUR_MS
from sidespool_collector.store.sqlite.export import payload_of
from sidespool_collector.store.sqlite.groups import Seen, group_of, keep_groups
from sidespool_collector.store.sqlite.readers import Readers
from sidespool_collector.store.sqlite.writer import Writer

HOUR, DAY = 1, 24
HOURS_PER_STEP = 24
_KEY = tuple[str, str, str, str]  # measure, key, app_version, os
_UPSERT = (
    "INSERT OR REPLACE INTO rollup (grain, measure, start, key, app_version, os, n, ok, samples, "
    "total, histogram) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class HourFacts(msgspec.Struct):
    """Everything one hour's events say."""

    facts: dict[_KEY, Fact] = {}
    groups: dict[str, Seen] = {}


async def roll_up(writer: Writer, readers: Readers, budget_s: float) -> bool:
    """Computes marked hours, newest first, for about `budget_s`; whether each has had its turn.

    An hour that grows meanwhile stays marked, but has no second turn in the same call.
    """
    ends = time.monotonic() + budget_s
    done: set[int] = set()
    while True:
        hours = [hour for hour in await readers.run(_dirty) if hour not in done]
        if not hours:
            return True
        if done and time.monotonic() > ends:
            return False
        step = hours[:HOURS_PER_STEP]
        done.update(step)
        computed = await readers.run(lambda db: _read_hours(db, step))  # noqa: B023
        await writer.run(lambda db: _write(db, computed))  # noqa: B023


def _dirty(db: sqlite3.Connection) -> list[int]:
    found = db.execute("SELECT hour FROM dirty_hour ORDER BY hour DESC")
    return [hour for (hour,) in found]


def _read_hours(db: sqlite3.Connection, hours: list[int]) -> list[tuple[int, int, HourFacts]]:
    """Each hour with its mark, from one snapshot."""
    db.execute("BEGIN")
    try:
        found = []
        for hour in hours:
            mark = db.execute("SELECT change FROM dirty_hour WHERE hour = ?", (hour,)).fetchone()
            if mark is not None:
                found.append((hour, mark[0], _read_hour(db, hour)))
        return found
    finally:
        db.execute("COMMIT")


def _read_hour(db: sqlite3.Connection, hour: int) -> HourFacts:
    result = HourFacts({}, {})
    types = db.execute("SELECT id, name, fields FROM event_type").fetchall()
    for number, name, fields in types:
        rows = db.execute(
            "SELECT s.app_version, s.os, e.payload, e.at FROM event e "
            "JOIN source s ON s.id = e.source WHERE e.type = ? AND e.at >= ? AND e.at < ?",
            (number, hour * HOUR_MS, (hour + 1) * HOUR_MS),
        )
        _collect(result, name, msgspec.json.decode(fields), rows, hour * HOUR_MS)
    return result


def _collect(
    result: HourFacts, name: str, fields: list[str], rows: Iterable[tuple[Any, ...]], start: int
) -> None:
    measure = BY_EVENT_TYPE.get(name)
    is_error = name in ERROR_EVENT_TYPES
    for version, os, payload, at in rows:
        count = _fact(result, (EVENTS, name, version, os), start)
        count.n += 1
        if measure is not None:
            _add(result, measure, payload_of(fields, payload), version, os, start)
        elif is_error:
            seen = group_of(name, payload_of(fields, payload), at)
            _fact(result, (ERRORS, seen.group, version, os), start).n += 1
            had = result.groups.get(seen.group)
            result.groups[seen.group] = had.merged(seen) if had else seen
        elif name == "ClientReport":
            for reason, n in (payload_of(fields, payload).get("dropped") or {}).items():
                _fact(result, (DROPS, reason, version, os), start).n += int(n)


def _add(
    result: HourFacts, measure: Measure, payload: dict[str, Any], version: str, os: str, start: int
) -> None:
    key = payload.get(measure.key) if measure.key else ""
    fact = _fact(result, (measure.name, str(key or "unknown"), version, os), start)
    fact.n += 1
    if measure.ok and payload.get(measure.ok) is True:
        fact.ok += 1
    value = payload.get(measure.value) if measure.value else None
    if isinstance(value, int | float):
        bucket = bucket_of(value)
        fact.histogram[bucket] = fact.histogram.get(bucket, 0) + 1
        fact.values += 1
        fact.total += value


def _fact(result: HourFacts, key: _KEY, start: int) -> Fact:
    fact = result.facts.get(key)
    if fact is None:
        fact = result.facts[key] = Fact(start, key[1], histogram={})
    return fact


def _write(db: sqlite3.Connection, computed: list[tuple[int, int, HourFacts]]) -> None:
    for hour, mark, hour_facts in computed:
        now = db.execute("SELECT change FROM dirty_hour WHERE hour = ?", (hour,)).fetchone()
        if now is None:
            continue
        _replace(db, HOUR, hour * HOUR_MS, hour_facts.facts)
        keep_groups(db, hour_facts.groups)
        if now[0] == mark:
            db.execute("DELETE FROM dirty_hour WHERE hour = ?", (hour,))
    for day in {hour // 24 for hour, _, _ in computed}:
        _replace(db, DAY, day * 24 * HOUR_MS, _merge_day(db, day))


def _merge_day(db: sqlite3.Connection, day: int) -> dict[_KEY, Fact]:
    start = day * 24 * HOUR_MS
    merged: dict[_KEY, Fact] = {}
    rows = db.execute(
        "SELECT measure, key, app_version, os, n, ok, samples, total, histogram FROM rollup "
        "WHERE grain = ? AND start >= ? AND start < ?",
        (HOUR, start, start + 24 * HOUR_MS),
    )
    for measure, key, version, os, *values in rows:
        fact = merged.setdefault((measure, key, version, os), Fact(start, key, histogram={}))
        merge(fact, *values)
    return merged


def _replace(db: sqlite3.Connection, grain: int, start: int, facts: dict[_KEY, Fact]) -> None:
    db.execute("DELETE FROM rollup WHERE grain = ? AND start = ?", (grain, start))
    db.executemany(
        _UPSERT,
        [
            (
                grain, measure, start, key, version, os, fact.n, fact.ok, fact.values, fact.total,
                msgspec.json.encode(fact.histogram).decode(),
            )
            for (measure, key, version, os), fact in facts.items()
        ],
    )  # fmt: skip


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


def read_facts(db: sqlite3.Connection, query: FactQuery) -> list[Fact]:
    """Facts by step and by what `query.by` names; whole days are read from daily rows."""
    merged: dict[tuple[int, str], Fact] = {}
    for grain, since, until in _spans(query):
        rows = db.execute(
            "SELECT start, key, app_version, os, n, ok, samples, total, histogram FROM rollup "
            "WHERE grain = ? AND measure = ? AND start >= ? AND start < ? "
            "AND (? = '' OR app_version = ?) AND (? = '' OR os = ?)",
            (grain, query.measure, since, until, *([query.app_version] * 2), *([query.os] * 2)),
        )
        for start, key, version, os, *values in rows:
            step = start - start % query.step_ms if query.step_ms else query.since_ms
            name = {"app_version": version, "os": os, "version_os": f"{version} · {os}"}.get(
                query.by, key
            )
            fact = merged.get((step, name))
            if fact is None:
                fact = merged[step, name] = Fact(step, name, histogram={})
            merge(fact, *values)
    return sorted(merged.values(), key=lambda fact: (fact.start_ms, fact.key))


def _spans(query: FactQuery) -> list[tuple[int, int, int]]:
    day_ms = 24 * HOUR_MS
    first, last = -(-query.since_ms // day_ms) * day_ms, query.until_ms // day_ms * day_ms
    if first >= last or (query.step_ms and query.step_ms % day_ms):
        return [(HOUR, query.since_ms - query.since_ms % HOUR_MS, query.until_ms)]
    return [
        (HOUR, query.since_ms - query.since_ms % HOUR_MS, first),
        (DAY, first, last),
        (HOUR, last, query.until_ms),
    ]
