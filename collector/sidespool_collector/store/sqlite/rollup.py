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
from typing import Any

import msgspec

from sidespool_collector.store.contract import Fact, FactQuery, InstallCount
from sidespool_collector.store.hour import (
    HourFacts,
    collect,
    fact_rows,
    merge_day,
    merge_facts,
)  # fmt: skip
from sidespool_collector.store.presence import (
    PresenceRow,
    install_counts,
    merge_presence,
    presence_of,
    presence_rows,
)  # fmt: skip
from sidespool_collector.store.span import DAY, DAY_MS, HOUR, HOUR_MS, spans_of
from sidespool_collector.store.sqlite.groups import keep_groups
from sidespool_collector.store.sqlite.readers import Readers
from sidespool_collector.store.sqlite.writer import Writer

HOURS_PER_STEP = 8
_PRESENCE = "SELECT start, app_version, os, sessions, installs FROM presence"


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
    start = hour * HOUR_MS
    result = HourFacts({}, {}, {})
    types = db.execute("SELECT id, name, fields FROM event_type").fetchall()
    for number, name, fields in types:
        rows = db.execute(
            "SELECT s.app_version, s.os, e.payload, e.at FROM event e "
            "JOIN source s ON s.id = e.source WHERE e.type = ? AND e.at >= ? AND e.at < ?",
            (number, start, start + HOUR_MS),
        )
        collect(result, name, msgspec.json.decode(fields), rows, start)
    result.presence = presence_of(
        db.execute(
            "SELECT app_version, os, install FROM source INDEXED BY source_first "
            "WHERE first_at >= ? AND first_at < ?",
            (start, start + HOUR_MS),
        )
    )
    return result


def _write(db: sqlite3.Connection, computed: list[tuple[int, int, HourFacts]]) -> None:
    for hour, mark, hour_facts in computed:
        now = db.execute("SELECT change FROM dirty_hour WHERE hour = ?", (hour,)).fetchone()
        if now is None:
            continue
        _replace(db, HOUR, hour * HOUR_MS, hour_facts)
        keep_groups(db, hour_facts.groups)
        if now[0] == mark:
            db.execute("DELETE FROM dirty_hour WHERE hour = ?", (hour,))
    for day in {hour // 24 for hour, _, _ in computed}:
        _replace(db, DAY, day * DAY_MS, _merge_day(db, day))


def _merge_day(db: sqlite3.Connection, day: int) -> HourFacts:
    start = day * DAY_MS
    span = (HOUR, start, start + DAY_MS)
    rows = db.execute(
        "SELECT measure, key, app_version, os, n, ok, samples, total, histogram FROM rollup "
        "WHERE grain = ? AND start >= ? AND start < ?",
        span,
    )
    facts = merge_day(rows, start)
    found = db.execute(f"{_PRESENCE} WHERE grain = ? AND start >= ? AND start < ?", span)
    return HourFacts(facts, {}, merge_presence(found))


def _replace(db: sqlite3.Connection, grain: int, start: int, found: HourFacts) -> None:
    for table in ("rollup", "presence"):
        db.execute(f"DELETE FROM {table} WHERE grain = ? AND start = ?", (grain, start))  # noqa: S608
    db.executemany(
        "INSERT INTO rollup (grain, measure, start, key, app_version, os, n, ok, samples, "
        "total, histogram) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        fact_rows(found.facts, grain, start),
    )
    db.executemany(
        "INSERT INTO presence (grain, start, app_version, os, sessions, installs) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        presence_rows(found.presence, grain, start),
    )


def read_facts(db: sqlite3.Connection, query: FactQuery) -> list[Fact]:
    """Facts by step and by what `query.by` names; whole days are read from daily rows."""
    rows: list[tuple[Any, ...]] = []
    for grain, since, until in spans_of(query):
        rows += db.execute(
            "SELECT start, key, app_version, os, n, ok, samples, total, histogram FROM rollup "
            "WHERE grain = ? AND measure = ? AND start >= ? AND start < ? "
            "AND (? = '' OR app_version = ?) AND (? = '' OR os = ?)",
            (grain, query.measure, since, until, *([query.app_version] * 2), *([query.os] * 2)),
        )
    return merge_facts(rows, query)


def read_installs(db: sqlite3.Connection, query: FactQuery) -> list[InstallCount]:
    """Sessions by their first event, and the distinct installs that began one."""
    rows: list[PresenceRow] = []
    for grain, since, until in spans_of(query):
        rows += db.execute(
            f"{_PRESENCE} WHERE grain = ? AND start >= ? AND start < ? "
            "AND (? = '' OR app_version = ?) AND (? = '' OR os = ?)",
            (grain, since, until, *([query.app_version] * 2), *([query.os] * 2)),
        )
    return install_counts(rows, query)
