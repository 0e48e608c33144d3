# ruff: noqa: S608  (names of our own tables; texts are quoted)
"""Reads events back in order of time: a day of corrected time after the other, streamed.

The database sorts a day at a time, on disk where that is large, and this process holds one chunk:
neither grows with the export. Tombstones are asked for with every chunk, so an erasure that is
requested meanwhile holds for what is yet to come.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec

from sidespool.wire.event import format_time
from sidespool_collector.event import id_text
from sidespool_collector.store.clickhouse.append import known_marks
from sidespool_collector.store.clickhouse.link import Link
from sidespool_collector.store.clickhouse.schema import RANK_OF
from sidespool_collector.store.clickhouse.text import listed
from sidespool_collector.store.contract import EventQuery, StoreBusyError, StoredEvent
from sidespool_collector.store.span import DAY_MS

FOREVER_MS = 2**62
SORTED_IN_MEMORY = 500_000_000
_COLUMNS = (
    "at, hex(id) AS id, event_type, session_id, user_id, app_id, app_version, os, seq, skew, "
    "payload, aside, rank"
)


class _Line(msgspec.Struct):
    """One row as it is streamed."""

    at: int
    id: str
    event_type: str
    session_id: str
    user_id: str
    app_id: str
    app_version: str
    os: str
    seq: int
    skew: int
    payload: str
    aside: str
    rank: int


_LINE = msgspec.json.Decoder(_Line)


async def read_events(
    link: Link, query: EventQuery, mark_of: Callable[[str], bytes], chunk: int
) -> AsyncGenerator[list[StoredEvent], None]:
    """Events of the query in order of corrected time."""
    since = query.since_ms if query.since_ms is not None else -FOREVER_MS
    until = query.until_ms if query.until_ms is not None else FOREVER_MS
    found = await link.rows(
        "SELECT toInt32(floor(hour / 24)) AS date, groupUniqArray(day) FROM touched "
        "GROUP BY date ORDER BY date"
    )
    for date, days in found:
        first, last = max(since, date * DAY_MS), min(until, (date + 1) * DAY_MS)
        if first >= last:
            continue
        statement = _statement(query, days, first, last)
        async with aclosing(_chunks(link, statement, chunk)) as chunks:
            async for lines in chunks:
                kept = await _without_erased(link, lines, mark_of)
                yield [_event(line) for line in kept]


def _statement(query: EventQuery, days: list[int], since: int, until: int) -> str:
    types = f" AND event_type IN ({listed(query.event_types)})" if query.event_types else ""
    return (
        f"SELECT {_COLUMNS} FROM event FINAL WHERE day IN ({listed(sorted(days))}) "
        f"AND at >= {since} AND at < {until}{types} ORDER BY at, id "
        f"SETTINGS max_bytes_before_external_sort = {SORTED_IN_MEMORY} FORMAT JSONEachRow"
    )


async def _chunks(link: Link, statement: str, size: int) -> AsyncGenerator[list[_Line], None]:
    lines: list[_Line] = []
    async for text in link.stream(statement):
        if not text:
            continue
        try:
            lines.append(_LINE.decode(text))
        except msgspec.MsgspecError as error:
            said = text[:300].decode(errors="replace")
            raise StoreBusyError(f"ClickHouse broke off: {said}") from error
        if len(lines) == size:
            yield lines
            lines = []
    if lines:
        yield lines


async def _without_erased(
    link: Link, lines: list[_Line], mark_of: Callable[[str], bytes]
) -> list[_Line]:
    users = {mark_of(line.user_id): line.user_id for line in lines}
    gone = {users[mark] for mark in await known_marks(link, users)}
    return [line for line in lines if line.user_id not in gone]


def _event(line: _Line) -> StoredEvent:
    received = RANK_OF - line.rank
    return StoredEvent(
        id_text(bytes.fromhex(line.id)),
        line.event_type,
        format_time(line.at + line.skew),
        line.session_id,
        line.user_id,
        line.app_id,
        line.app_version,
        line.os,
        line.seq,
        _payload(line.payload),
        format_time(received),
        format_time(line.at) if line.skew else None,
        msgspec.Raw(line.aside.encode()) if line.aside else None,
    )


def _payload(text: str) -> msgspec.Raw:
    """What was left out stays out."""
    if "null" not in text:
        return msgspec.Raw(text.encode())
    found: dict[str, Any] = msgspec.json.decode(text)
    kept = {name: value for name, value in found.items() if value is not None}
    return msgspec.Raw(msgspec.json.encode(kept))
