"""Reads events back in order of time, a chunk at a time.

Each event type has its own index range, already in order; they are merged by time as they are
read, so that an export of everything holds one chunk and no more.
"""

import heapq
import sqlite3
from collections.abc import Iterator

import msgspec

from sidespool_collector.store.contract import EventQuery, StoredEvent
from sidespool_collector.store.stored import StoredRow, stored_event

FOREVER_MS = 2**62
_SELECT = (
    "SELECT e.at, e.id, s.session_id, s.user_id, s.app_id, s.app_version, s.os, e.seq, e.skew, "
    "e.payload, e.aside, b.received_at FROM event e JOIN source s ON s.id = e.source "
    "LEFT JOIN batch b ON b.id = e.batch "
    "WHERE e.type = ? AND e.at >= ? AND e.at < ? ORDER BY e.at"
)


def read_events(db: sqlite3.Connection, query: EventQuery) -> Iterator[StoredEvent]:
    """Events of the query in order of corrected time."""
    since = query.since_ms if query.since_ms is not None else -FOREVER_MS
    until = query.until_ms if query.until_ms is not None else FOREVER_MS
    types = {
        number: (name, tuple(msgspec.json.decode(fields)))
        for number, name, fields in db.execute("SELECT id, name, fields FROM event_type")
        if not query.event_types or name in query.event_types
    }
    streams = [_stream(db, number, since, until) for number in types]
    for _, _, number, row in heapq.merge(*streams):
        yield stored_event(*types[number], row)


def _stream(
    db: sqlite3.Connection, number: int, since: int, until: int
) -> Iterator[tuple[int, bytes, int, StoredRow]]:
    for row in db.execute(_SELECT, (number, since, until)):
        yield row[0], row[1], number, row
