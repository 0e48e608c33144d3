"""Removes events whose time is up: whole days by dropping their partition, the rest in chunks.

A day goes whole when no type is kept that long. Dropping is two steps, and appends wait for
neither longer than a moment:

1. a look at the partition, without a lock: has it any row to be kept (a client's clock was off)?
   If not, it is detached, which takes the table's lock for a millisecond, or gives up after 0.3 s;
2. nobody sees it any more. Rows that came between look and detaching and are to be kept go back
   into the table; then the rest is counted and dropped, in one transaction.

A collector that dies between the two leaves a table without a parent; the next purge does step 2.
"""

import asyncio
from typing import Any

import asyncpg

from sidespool_collector.store.postgres.attached import detach
from sidespool_collector.store.postgres.erase import forget_traces
from sidespool_collector.store.postgres.link import Link
from sidespool_collector.store.postgres.partition import NAMED, dated
from sidespool_collector.store.postgres.schema import LOCK_JOBS, LOCK_TOMBSTONES, new_epoch
from sidespool_collector.store.span import DAY_MS, HOUR_MS

LONG_S = 3600
DETACH_TRIES = 5
_KEPT = "type = $1 AND at >= $2"
Cutoffs = dict[int, tuple[str, int]]  # type's number → its name, and the time before which it goes


async def count_expired(db: Any, cutoffs: dict[str, int], default_ms: int) -> dict[str, int]:
    """Events older than their type's cutoff, by type, and refused lines under `(rejected)`."""
    counts: dict[str, int] = {}
    for number, (name, cutoff) in (await _cutoffs(db, cutoffs, default_ms)).items():
        query = "SELECT count(*) FROM event WHERE type = $1 AND at < $2"
        _add(counts, name, await db.fetchval(query, number, cutoff, timeout=LONG_S))
    query = "SELECT count(*) FROM rejected WHERE received_at < $1"
    _add(counts, "(rejected)", await db.fetchval(query, default_ms))
    return counts


async def purge(link: Link, cutoffs: dict[str, int], default_ms: int, chunk: int) -> dict[str, int]:
    """Removes what is expired; how much, by type. Nothing where another collector is at it."""
    counts: dict[str, int] = {}
    async with link.alone(LOCK_JOBS, 10) as db:
        if db is None:
            return {}
        by_number = await _cutoffs(db, cutoffs, default_ms)
        oldest_kept = min([default_ms, *cutoffs.values()])
        await _purge_days(db, by_number, oldest_kept, counts)
        for number, (name, cutoff) in by_number.items():
            while n := await _purge_some(db, number, cutoff, chunk):
                _add(counts, name, n)
        refused = await db.execute("DELETE FROM rejected WHERE received_at < $1", default_ms)
        _add(counts, "(rejected)", int(refused.split()[1]))
        await db.execute("DELETE FROM batch WHERE received_at < $1", oldest_kept, timeout=LONG_S)
        await db.execute("DELETE FROM intake WHERE hour < $1", oldest_kept // HOUR_MS)
        while await _purge_sources(db, oldest_kept, chunk):
            pass
    return counts


def _add(counts: dict[str, int], name: str, n: int) -> None:
    if n:
        counts[name] = counts.get(name, 0) + n


async def _cutoffs(db: Any, cutoffs: dict[str, int], default_ms: int) -> Cutoffs:
    types = await db.fetch("SELECT id, name FROM event_type ORDER BY name")
    return {number: (name, cutoffs.get(name, default_ms)) for number, name in types}


async def _purge_days(
    db: Any, by_number: Cutoffs, oldest_kept: int, counts: dict[str, int]
) -> None:
    attached = {row[0] for row in await db.fetch(NAMED)}
    tables = await db.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^event_[0-9]{8}$' "
        "AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'event'::regclass)"
    )
    for day, name in dated(row[0] for row in tables):
        is_loose = name not in attached
        if not is_loose and (day + 1) * DAY_MS <= oldest_kept:
            is_loose = await _detach(db, name, by_number)
        if is_loose:
            async with db.transaction():
                await _drop(db, name, by_number, counts)


async def _detach(db: Any, name: str, by_number: Cutoffs) -> bool:
    for number, (_, cutoff) in by_number.items():
        if await db.fetchval(
            f"SELECT 1 FROM {name} WHERE {_KEPT} LIMIT 1",  # noqa: S608
            number,
            cutoff,
        ):
            return False
    for _ in range(DETACH_TRIES):
        try:
            async with db.transaction():
                await db.execute("SET LOCAL lock_timeout = '300ms'")
                await db.execute(f"ALTER TABLE event DETACH PARTITION {name}")
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(0.2)
        else:
            return True
    return False


async def _drop(db: Any, name: str, by_number: Cutoffs, counts: dict[str, int]) -> None:
    for number, (kind, cutoff) in by_number.items():
        await db.execute(
            f"WITH kept AS (DELETE FROM {name} WHERE {_KEPT} RETURNING *) "  # noqa: S608
            "INSERT INTO event SELECT * FROM kept ON CONFLICT DO NOTHING",
            number,
            cutoff,
            timeout=LONG_S,
        )
        query = f"SELECT count(*) FROM {name} WHERE type = $1"  # noqa: S608
        _add(counts, kind, await db.fetchval(query, number, timeout=LONG_S))
    await db.execute(
        f"INSERT INTO dirty_hour (hour) SELECT DISTINCT at / {HOUR_MS} FROM {name}",  # noqa: S608
        timeout=LONG_S,
    )
    await detach(db, f"SELECT id FROM {name}")  # noqa: S608
    await db.execute(f"DROP TABLE {name}")
    await new_epoch(db)


async def _purge_some(db: Any, number: int, cutoff: int, chunk: int) -> int:
    async with db.transaction():
        rows = await db.fetch(
            "DELETE FROM event WHERE (id, day) IN (SELECT id, day FROM event WHERE type = $1 "
            "AND at < $2 ORDER BY at LIMIT $3) RETURNING id, at",
            number,
            cutoff,
            chunk,
        )
        if rows:
            await forget_traces(db, [(raw, at) for raw, at in rows])
    return len(rows)


async def _purge_sources(db: Any, oldest_kept: int, chunk: int) -> int:
    """Sessions without events, while no append is under way that might remember their numbers."""
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK_TOMBSTONES)
        gone = await db.fetch(
            "DELETE FROM source WHERE id IN (SELECT id FROM source WHERE last_at < $1 LIMIT $2) "
            "RETURNING install, first_at",
            oldest_kept,
            chunk,
        )
        if not gone:
            return 0
        await db.execute(
            "DELETE FROM install i WHERE id = ANY($1) "
            "AND NOT EXISTS (SELECT 1 FROM source s WHERE s.install = i.id)",
            sorted({install for install, _ in gone}),
        )
        await db.execute(
            "INSERT INTO dirty_hour (hour) SELECT unnest($1::bigint[])",
            sorted({first // HOUR_MS for _, first in gone}),
        )
        await new_epoch(db)
    return len(gone)
