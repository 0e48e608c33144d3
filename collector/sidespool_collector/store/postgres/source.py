"""Numbers of types, installs and sessions: remembered, and given out where they are new.

Lives inside the append's transaction. What is remembered was committed; after a transaction that
failed, or when `meta.epoch` says that rows were taken away, everything is forgotten. Rows are
locked in the order of their keys, the same in every collector, so none waits for another's.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from sidespool_collector.event import ROW_AT, ROW_PAYLOAD, ROW_SOURCE, ROW_TYPE, Row, Source
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.stored import plain

SOURCES_CACHED = 50_000
_ENCODE = msgspec.json.Encoder().encode
Span = tuple[int, int]


def key_of(source: Source) -> bytes:
    """16 bytes that stand for a source in its unique index."""
    text = "\x1f".join(f"{len(part)}:{part}" for part in source)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class _Known(msgspec.Struct):
    number: int
    first: int
    last: int


class Numbers:
    """What is remembered between appends."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, tuple[str, ...]], int] = {}
        self._sources: dict[Source, _Known] = {}

    def forget(self) -> None:
        """Drops everything remembered."""
        self._types.clear()
        self._sources.clear()

    async def types(self, db: Any, rows: Iterable[Row]) -> dict[type, int]:
        """The number of each payload's shape."""
        shapes = {type(row[ROW_PAYLOAD]): row for row in rows}
        found = {}
        for kind, row in shapes.items():
            key = (row[ROW_TYPE], row[ROW_PAYLOAD].__struct_fields__)
            if key not in self._types:
                self._types[key] = await _type_number(db, key[0], _ENCODE(key[1]).decode())
            found[kind] = self._types[key]
        return found

    async def sources(self, db: Any, rows: Iterable[Row]) -> tuple[dict[Source, int], set[int]]:
        """The number of each source, and the hours whose sessions changed."""
        spans = _spans(rows)
        if len(self._sources) > SOURCES_CACHED:
            self._sources.clear()
        hours: set[int] = set()
        look = {s for s, span in spans.items() if self._is_earlier(s, span)}
        if look:
            await self._lock_known(db, look)
        changed = {s: span for s, span in spans.items() if self._is_wider(s, span)}
        for source, (first, _) in changed.items():
            known = self._sources.get(source)
            if known is None:
                hours.add(first // HOUR_MS)
            elif first < known.first:
                hours |= {first // HOUR_MS, known.first // HOUR_MS}
        if changed:
            await self._widen(db, changed)
        return {source: self._sources[source].number for source in spans}, hours

    def _is_earlier(self, source: Source, span: Span) -> bool:
        known = self._sources.get(source)
        return known is None or span[0] < known.first

    def _is_wider(self, source: Source, span: Span) -> bool:
        known = self._sources.get(source)
        return known is None or span[0] < known.first or span[1] > known.last

    async def _lock_known(self, db: Any, look: set[Source]) -> None:
        by_key = {key_of(source): source for source in look}
        found = await db.fetch(
            "SELECT key, id, first_at, last_at FROM source WHERE key = ANY($1) "
            "ORDER BY key FOR UPDATE",
            list(by_key),
        )
        for key, *values in found:
            self._sources[by_key[key]] = _Known(*values)

    async def _widen(self, db: Any, changed: dict[Source, Span]) -> None:
        installs = await _install_numbers(db, {plain(source[1]) for source in changed})
        order = sorted((key_of(source), source) for source in changed)
        columns = list(
            zip(
                *(
                    (key, installs[plain(s[1])], *map(plain, (s[0], *s[2:])), *changed[s])
                    for key, s in order
                ),
                strict=True,
            )
        )
        found = await db.fetch(
            "INSERT INTO source AS s (key, install, session_id, app_id, app_version, os, "
            "first_at, last_at) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], "
            "$4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[]) "
            "ON CONFLICT (key) DO UPDATE SET first_at = least(s.first_at, excluded.first_at), "
            "last_at = greatest(s.last_at, excluded.last_at) "
            "RETURNING key, id, first_at, last_at, xmax = 0",
            *columns,
        )
        by_key = dict(order)
        for key, number, first, last, is_new in found:
            source = by_key[key]
            if not is_new and source not in self._sources:
                # another collector added it since we looked: where it counted is not known here
                raise StoreBusyError("two collectors met over one session", 1)
            self._sources[source] = _Known(number, first, last)


def _spans(rows: Iterable[Row]) -> dict[Source, Span]:
    spans: dict[Source, Span] = {}
    for row in rows:
        at, source = row[ROW_AT], row[ROW_SOURCE]
        span = spans.get(source)
        if span is None:
            spans[source] = (at, at)
        elif at > span[1]:
            spans[source] = (span[0], at)
        elif at < span[0]:
            spans[source] = (at, span[1])
    return spans


async def _type_number(db: Any, name: str, fields: str) -> int:
    await db.execute(
        "INSERT INTO event_type (name, fields) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        name,
        fields,
    )
    number: int = await db.fetchval(
        "SELECT id FROM event_type WHERE name = $1 AND fields = $2", name, fields
    )
    return number


async def _install_numbers(db: Any, users: set[str]) -> dict[str, int]:
    """Numbers stay dense: one is drawn only for an install that has none."""
    order = sorted(users)
    find = "SELECT user_id, id FROM install WHERE user_id = ANY($1)"
    found = dict(await db.fetch(find, order))
    missing = [user for user in order if user not in found]
    if missing:
        await db.execute(
            "INSERT INTO install (user_id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
            missing,
        )
        found |= dict(await db.fetch(find, missing))
    return found
