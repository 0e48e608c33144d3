"""Keeps hourly and daily facts beside the events, so that a chart reads hundreds of rows.

An append adds a mark for each hour it touched, in its own transaction, as a row of its own.
`roll_up` reads an hour's marks and its events in one snapshot, computes the hour anew, and writes
the result together with the removal of the very marks it read:

1. an append that commits after the snapshot has a mark that is not removed: the hour is
   computed again;
2. a crash between reading and writing leaves the marks: the same;
3. another collector: one at a time adds up, by an advisory lock; the other finds it done.
"""

import asyncio
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
from sidespool_collector.store.postgres.groups import keep_groups
from sidespool_collector.store.postgres.link import Link
from sidespool_collector.store.postgres.schema import LOCK_ROLLUP
from sidespool_collector.store.presence import (
    PresenceRow,
    install_counts,
    merge_presence,
    presence_of,
    presence_rows,
)  # fmt: skip
from sidespool_collector.store.span import DAY, DAY_MS, HOUR, HOUR_MS, spans_of

HOURS_PER_STEP = 24
ROWS_AT_ONCE = 2000
GLANCE_S = 0.2  # a page does not wait for another collector that adds up
PATIENT_S = 30.0
_EVENTS = (
    "SELECT e.type, s.app_version, s.os, e.payload, e.at FROM event e "
    "JOIN source s ON s.id = e.source WHERE e.type = ANY($1) AND e.at >= $2 AND e.at < $3"
)
_FACTS = "SELECT start, key, app_version, os, n, ok, samples, total, histogram FROM rollup"
_PRESENCE = "SELECT start, app_version, os, sessions, installs FROM presence"
_FILTER = "AND ($4 = '' OR app_version = $4) AND ($5 = '' OR os = $5)"
Marked = tuple[int, list[int], HourFacts]


async def roll_up(link: Link, budget_s: float) -> bool:
    """Computes marked hours, newest first, for about `budget_s`; whether each has had its turn."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + budget_s
    done: set[int] = set()
    wait_s = budget_s if budget_s >= PATIENT_S else min(budget_s, GLANCE_S)
    async with link.alone(LOCK_ROLLUP, wait_s) as db:
        if db is None:
            return False
        while True:
            found = await db.fetch("SELECT DISTINCT hour FROM dirty_hour ORDER BY hour DESC")
            hours = [hour for (hour,) in found if hour not in done]
            if not hours:
                return True
            if done and loop.time() > ends:
                return False
            step = hours[:HOURS_PER_STEP]
            done.update(step)
            async with db.transaction(isolation="repeatable_read", readonly=True):
                computed = [await _read_hour(db, hour) for hour in step]
            async with db.transaction():
                await _write(db, computed)


async def _read_hour(db: Any, hour: int) -> Marked:
    """One hour with its marks, from the transaction's snapshot."""
    marks = [row[0] for row in await db.fetch("SELECT id FROM dirty_hour WHERE hour = $1", hour)]
    result = HourFacts({}, {}, {})
    start = hour * HOUR_MS
    types = {
        number: (name, msgspec.json.decode(fields))
        for number, name, fields in await db.fetch("SELECT id, name, fields FROM event_type")
    }
    by_type: dict[int, list[tuple[Any, ...]]] = {number: [] for number in types}
    taken = 0
    async for row in db.cursor(_EVENTS, list(types), start, start + HOUR_MS, prefetch=ROWS_AT_ONCE):
        by_type[row[0]].append(tuple(row)[1:])
        taken += 1
        if taken % ROWS_AT_ONCE == 0:
            _collect(result, types, by_type, start)
    _collect(result, types, by_type, start)
    begun = await db.fetch(
        "SELECT app_version, os, install FROM source WHERE first_at >= $1 AND first_at < $2",
        start,
        start + HOUR_MS,
    )
    result.presence = presence_of((version, os, install) for version, os, install in begun)
    return hour, marks, result


def _collect(
    result: HourFacts,
    types: dict[int, tuple[str, list[str]]],
    by_type: dict[int, list[tuple[Any, ...]]],
    start: int,
) -> None:
    for number, rows in by_type.items():
        collect(result, *types[number], rows, start)
        rows.clear()


async def _write(db: Any, computed: list[Marked]) -> None:
    for hour, marks, found in computed:
        await _replace(db, HOUR, hour * HOUR_MS, found)
        await keep_groups(db, found.groups)
        await db.execute("DELETE FROM dirty_hour WHERE id = ANY($1)", marks)
    for day in sorted({hour // 24 for hour, _, _ in computed}):
        await _replace(db, DAY, day * DAY_MS, await _merge_day(db, day))


async def _merge_day(db: Any, day: int) -> HourFacts:
    start = day * DAY_MS
    span = (HOUR, start, start + DAY_MS)
    rows = await db.fetch(
        "SELECT measure, key, app_version, os, n, ok, samples, total, histogram FROM rollup "
        "WHERE grain = $1 AND start >= $2 AND start < $3",
        *span,
    )
    found = await db.fetch(f"{_PRESENCE} WHERE grain = $1 AND start >= $2 AND start < $3", *span)
    return HourFacts(merge_day(rows, start), {}, merge_presence(found))


async def _replace(db: Any, grain: int, start: int, found: HourFacts) -> None:
    for table in ("rollup", "presence"):
        await db.execute(
            f"DELETE FROM {table} WHERE grain = $1 AND start = $2",  # noqa: S608
            grain,
            start,
        )
    await db.copy_records_to_table(
        "rollup",
        records=fact_rows(found.facts, grain, start),
        columns=(
            "grain", "measure", "start", "key", "app_version", "os", "n", "ok", "samples",
            "total", "histogram",
        ),
    )  # fmt: skip
    await db.copy_records_to_table(
        "presence",
        records=presence_rows(found.presence, grain, start),
        columns=("grain", "start", "app_version", "os", "sessions", "installs"),
    )


async def read_facts(db: Any, query: FactQuery) -> list[Fact]:
    """Facts by step and by what `query.by` names; whole days are read from daily rows."""
    rows: list[Any] = []
    for grain, since, until in spans_of(query):
        rows += await db.fetch(
            f"{_FACTS} WHERE grain = $1 AND start >= $2 AND start < $3 {_FILTER} AND measure = $6",
            grain, since, until, query.app_version, query.os, query.measure,
        )  # fmt: skip
    return merge_facts(rows, query)


async def read_installs(db: Any, query: FactQuery) -> list[InstallCount]:
    """Sessions by their first event, and the distinct installs that began one."""
    rows: list[PresenceRow] = []
    for grain, since, until in spans_of(query):
        rows += await db.fetch(
            f"{_PRESENCE} WHERE grain = $1 AND start >= $2 AND start < $3 {_FILTER}",
            grain, since, until, query.app_version, query.os,
        )  # fmt: skip
    return install_counts(rows, query)
