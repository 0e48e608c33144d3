"""Forgets users who asked for it.

An erasure begins with its tombstones, committed before the request is answered, under a lock that
no append holds at that moment: the rows found afterwards are all there will ever be. Rows go in
chunks beside ingest; what is left to do is read from the tables, so another collector may go on
where one died. `VACUUM` then takes the deleted rows out of their pages before `erased` is said.

The tombstone is a keyed hash; the id itself is kept only until its rows are gone.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from sidespool_collector.chart.measure import ERROR_EVENT_TYPES
from sidespool_collector.event import id_text
from sidespool_collector.store.contract import Erasure
from sidespool_collector.store.group import group_of
from sidespool_collector.store.postgres.attached import detach
from sidespool_collector.store.postgres.groups import blank_stacks, drop_orphans
from sidespool_collector.store.postgres.schema import LOCK_TOMBSTONES
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.stored import payload_of, plain

VACUUM_S = 3600
_DELETE = (
    "DELETE FROM event WHERE (id, day) IN (SELECT id, day FROM event WHERE type = ANY($1) "
    "AND at >= $2 AND at <= $3 AND source = $4 LIMIT $5) "
    "RETURNING id, at, type, payload, tableoid::regclass::text"
)


async def request(
    db: Any, mark_of: Callable[[str], bytes], user_ids: list[str], receipt: str, now_ms: int
) -> None:
    """Writes the tombstones and the request, after the appends under way."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK_TOMBSTONES)
    await db.execute(
        "INSERT INTO tombstone (mark, at) SELECT unnest($1::bytea[]), $2 ON CONFLICT DO NOTHING",
        sorted({mark_of(user) for user in user_ids}),
        now_ms,
    )
    await db.execute(
        "INSERT INTO erasure (receipt, state, requested_at, pending) "
        "VALUES ($1, 'accepted', $2, $3)",
        receipt,
        now_ms,
        msgspec.json.encode([plain(user) for user in user_ids]).decode(),
    )


async def state_of(db: Any, receipt: str) -> Erasure | None:
    """What became of a request so far."""
    row = await db.fetchrow(
        "SELECT receipt, state, requested_at, finished_at, events, sessions, rejected, "
        "attachments FROM erasure WHERE receipt = $1",
        plain(receipt),
    )
    return Erasure(*row) if row else None


async def erase_rows(db: Any, chunk: int) -> tuple[list[str], set[str]]:
    """Deletes every row of every open request; their receipts, and the tables to be vacuumed."""
    await db.execute("UPDATE erasure SET state = 'erasing' WHERE state = 'accepted'")
    open_ones = await db.fetch(
        "SELECT receipt, pending FROM erasure WHERE state != 'erased' ORDER BY requested_at"
    )
    tables: set[str] = set()
    for receipt, pending in open_ones:
        for user in msgspec.json.decode(pending):
            is_more = True
            while is_more:
                async with db.transaction():
                    is_more = await _erase_some(db, receipt, user, chunk, tables)
    if open_ones:
        tables |= {"source", "install", "rejected", "error_group", "attachment"}
    return [receipt for receipt, _ in open_ones], tables


async def _erase_some(db: Any, receipt: str, user: str, chunk: int, tables: set[str]) -> bool:
    install = await db.fetchval("SELECT id FROM install WHERE user_id = $1", user)
    source = await db.fetchrow(
        "SELECT id, first_at, last_at FROM source WHERE install = $1 LIMIT 1", install
    )
    if source is None:
        await db.execute("DELETE FROM install WHERE id = $1", install)
        refused: str = await db.execute("DELETE FROM rejected WHERE user_id = $1", user)
        await _count(db, receipt, rejected=int(refused.split()[1]))
        return False
    number, first, last = source
    types = {
        row[0]: (row[1], msgspec.json.decode(row[2]))
        for row in await db.fetch("SELECT id, name, fields FROM event_type")
    }
    found = await db.fetch(_DELETE, list(types), first, last, number, chunk)
    if not found:
        await db.execute("DELETE FROM source WHERE id = $1", number)
        await db.execute("INSERT INTO dirty_hour (hour) VALUES ($1)", first // HOUR_MS)
        await _count(db, receipt, sessions=1)
        return True
    tables |= {table for *_, table in found}
    await blank_stacks(db, _groups_of(found, types))
    files = await forget_traces(db, [(raw, at) for raw, at, *_ in found])
    await _count(db, receipt, events=len(found), attachments=files)
    return True


def _groups_of(found: list[Any], types: dict[int, tuple[str, list[str]]]) -> set[str]:
    groups = set()
    for _, at, kind, payload, _ in found:
        name, fields = types[kind]
        if name in ERROR_EVENT_TYPES:
            groups.add(group_of(name, payload_of(fields, payload), at).group)
    return groups


async def forget_traces(db: Any, gone: list[tuple[bytes, int]]) -> int:
    """After events were deleted: their files, refusals that name them, and their hours' facts."""
    ids = [raw for raw, _ in gone]
    files = await detach(db, "SELECT unnest($1::uuid[])", ids)
    await db.execute(
        "UPDATE rejected SET event_id = NULL, content = NULL WHERE event_id = ANY($1)",
        [id_text(raw) for raw in ids],
    )
    await db.execute(
        "INSERT INTO dirty_hour (hour) SELECT unnest($1::bigint[])",
        sorted({at // HOUR_MS for _, at in gone}),
    )
    return files


async def _count(db: Any, receipt: str, **more: int) -> None:
    for column, n in more.items():
        await db.execute(
            f"UPDATE erasure SET {column} = {column} + $2 WHERE receipt = $1",  # noqa: S608
            receipt,
            n,
        )


async def finish(db: Any, receipts: list[str], tables: set[str], now_ms: int) -> None:
    """Takes the ids out of the requests, cleans the pages, and says so."""
    await drop_orphans(db)
    await db.execute("UPDATE erasure SET pending = '[]' WHERE receipt = ANY($1)", receipts)
    there = {row[0] for row in await db.fetch("SELECT relname FROM pg_class WHERE relkind = 'r'")}
    for table in sorted((tables | {"erasure"}) & there):
        await db.execute(f"VACUUM {table}", timeout=VACUUM_S)
    await db.execute(
        "UPDATE erasure SET state = 'erased', finished_at = $2 WHERE receipt = ANY($1)",
        receipts,
        now_ms,
    )


async def scan(db: Any, user_id: str) -> int:
    """Looks at every row of every table that could hold the id; slow, and sure."""
    looked = (
        "SELECT count(*) FROM install WHERE user_id = $1",
        "SELECT count(*) FROM source s LEFT JOIN install i ON i.id = s.install "
        "WHERE i.user_id = $1 OR s.session_id = $1",
        "SELECT count(*) FROM event e JOIN source s ON s.id = e.source "
        "JOIN install i ON i.id = s.install WHERE i.user_id = $1",
        "SELECT count(*) FROM event WHERE position($1 in payload) > 0 "
        "OR position($1 in coalesce(aside, '')) > 0",
        "SELECT count(*) FROM rejected WHERE user_id = $1 OR position($1 in detail) > 0 "
        "OR position($1 in coalesce(content, '')) > 0",
        "SELECT count(*) FROM error_group WHERE position($1 in template || stack) > 0",
        "SELECT count(*) FROM erasure WHERE position($1 in pending) > 0",
        "SELECT count(*) FROM audit WHERE position($1 in detail) > 0",
    )
    user = plain(user_id)
    return sum([int(await db.fetchval(query, user, timeout=VACUUM_S)) for query in looked])
