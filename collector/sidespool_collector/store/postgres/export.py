"""Reads events back in order of time: a day of corrected time after the other, each by a cursor.

The database sorts one day at a time, and this process holds one chunk: neither grows with the
export. Tombstones are asked for with every chunk, so an erasure that is requested meanwhile holds
for what is yet to come.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from sidespool_collector.store.contract import EventQuery, StoredEvent
from sidespool_collector.store.postgres.link import Link
from sidespool_collector.store.span import DAY_MS
from sidespool_collector.store.stored import stored_event

FOREVER_MS = 2**62
_SELECT = (
    "SELECT e.type, e.at, e.id, s.session_id, i.user_id, s.app_id, s.app_version, s.os, e.seq, "
    "e.skew, e.payload, e.aside, b.received_at FROM event e JOIN source s ON s.id = e.source "
    "JOIN install i ON i.id = s.install LEFT JOIN batch b ON b.id = e.batch "
    "WHERE e.type = ANY($1) AND e.at >= $2 AND e.at < $3 ORDER BY e.at, e.id"
)
_NEXT = "SELECT min(at) FROM event WHERE type = ANY($1) AND at >= $2 AND at < $3"


async def read_events(
    link: Link, query: EventQuery, mark_of: Callable[[str], bytes], chunk: int
) -> AsyncGenerator[list[StoredEvent], None]:
    """Events of the query in order of corrected time."""
    since = query.since_ms if query.since_ms is not None else -FOREVER_MS
    until = query.until_ms if query.until_ms is not None else FOREVER_MS
    async with link.lent() as db:
        types = {
            number: (name, tuple(msgspec.json.decode(fields)))
            for number, name, fields in await db.fetch("SELECT id, name, fields FROM event_type")
            if not query.event_types or name in query.event_types
        }
        while (first := await db.fetchval(_NEXT, list(types), since, until)) is not None:
            since = min(first - first % DAY_MS + DAY_MS, until)
            async with db.transaction():
                cursor = await db.cursor(_SELECT, list(types), first, since)
                while rows := await cursor.fetch(chunk):
                    kept = await _without_erased(db, rows, mark_of)
                    yield [stored_event(*types[number], tuple(row)) for number, *row in kept]


async def _without_erased(db: Any, rows: list[Any], mark_of: Callable[[str], bytes]) -> list[Any]:
    users = {mark_of(row[4]): row[4] for row in rows}
    found = await db.fetch("SELECT mark FROM tombstone WHERE mark = ANY($1)", list(users))
    gone = {users[mark] for (mark,) in found}
    return [row for row in rows if row[4] not in gone]
