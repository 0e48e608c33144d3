"""Puts a group of batches into the tables.

Order of the steps:

1. which of the group's Idempotency-Keys, event ids and users' tombstones are known: three
   questions at once, by primary key;
2. marks for the hours touched, where they do not hold for some time yet (see rollup.py);
3. the events, as one block a day of ids;
4. the batches' rows, with their keys and counts, and what was refused.

There is no transaction over these, and none is needed. What dies after 2 has marked an hour for
nothing. What dies after 3 is sent again: its ids are found, so it counts as duplicates, and once.
Two collectors that take in the same event at the same moment both answer "accepted" and both add
a row; the rows have the same key and day, so every reader sees one (FINAL), and a merge leaves
one. The same holds for a batch's key.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from sidespool_collector.event import (
    ROW_AT,
    ROW_ID,
    ROW_SOURCE,
    Batch,
    Receipt,
    Refused,
    Row,
    id_text,
)  # fmt: skip
from sidespool_collector.store.clickhouse.block import sized
from sidespool_collector.store.clickhouse.day import day_of, day_of_key
from sidespool_collector.store.clickhouse.encode import EventBlocks
from sidespool_collector.store.clickhouse.link import ANSWER_S, Link
from sidespool_collector.store.clickhouse.schema import NONE, RANK_OF, add, new_version
from sidespool_collector.store.clickhouse.text import listed
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.stored import plain
from sidespool_collector.store.tally import delay_of, tally_of

LEASE_MS = 60_000
MARKS_KEPT = 100_000
DAYS_PER_INSERT = 50  # a server takes a hundred partitions in one block
ID_BYTES = 16


class _Taken(msgspec.Struct):
    """One batch of a group on its way."""

    batch: Batch
    is_known: bool = False
    rows: list[Row] = []
    duplicates: int = 0
    erased: list[str] = []

    @property
    def receipt(self) -> Receipt:
        return Receipt(len(self.rows), self.duplicates, self.erased)


class Appender:
    """Appends groups, one after the other. `clock` gives Unix ms."""

    def __init__(self, link: Link, tombstone_key: bytes, clock: Callable[[], int]) -> None:
        self._link = link
        self._key = tombstone_key
        self._clock = clock
        self._marks: dict[str, bytes] = {}
        self._leases: dict[tuple[int, int], int] = {}
        self._blocks = EventBlocks()

    def mark_of(self, user_id: str) -> bytes:
        """A user id as it may stay after its erasure: recognisable, and not readable."""
        mark = self._marks.get(user_id)
        if mark is None:
            if len(self._marks) > MARKS_KEPT:
                self._marks.clear()
            mark = hmac.digest(self._key, plain(user_id).encode(), "sha256")[:ID_BYTES]
            self._marks[user_id] = mark
        return mark

    async def append(self, batches: list[Batch]) -> list[Receipt]:
        """Returns when all of it is kept. Raises StoreBusyError."""
        taken = [_Taken(batch) for batch in batches]
        try:
            async with asyncio.timeout(ANSWER_S):  # an erasure counts on it, see erase.py
                gone = await self._take(taken)
        except TimeoutError:
            raise StoreBusyError("ClickHouse takes too long") from None
        await asyncio.gather(
            self._add_batches([each for each in taken if not each.batch.is_moved]),
            self._add_refused([each for each in taken if not each.is_known], gone),
        )
        return [each.receipt for each in taken]

    async def _take(self, taken: list[_Taken]) -> set[str]:
        """Adds the events; the users who are erased."""
        keys, ids, gone = await self._look_around([each.batch for each in taken])
        for each in taken:
            key = each.batch.key
            each.is_known = key is not None and key in keys
            if each.is_known:
                each.duplicates = len(each.batch.rows)
                continue
            if key is not None:
                keys.add(key)
            _sort_out(each, ids, gone)
        await self._add_events([each for each in taken if each.rows])
        return gone

    async def _look_around(self, batches: list[Batch]) -> tuple[set[str], set[bytes], set[str]]:
        """Of keys, ids and users, those that are known."""
        ids = {row[ROW_ID] for b in batches for row in b.rows}
        users = {row[ROW_SOURCE][1] for b in batches for row in b.rows}
        users |= {refused.user_id for b in batches for refused in b.refused if refused.user_id}
        by_mark = {self.mark_of(user): user for user in users}
        keys, found, marks = await asyncio.gather(
            known_keys(self._link, {b.key for b in batches if b.key is not None}),
            known_ids(self._link, ids),
            known_marks(self._link, by_mark),
        )
        return keys, found, {by_mark[mark] for mark in marks}

    async def _add_events(self, taken: list[_Taken]) -> None:
        if not taken:
            return
        by_day: dict[int, list[tuple[Row, int]]] = {}
        pairs: set[tuple[int, int]] = set()
        for each in taken:
            rank = RANK_OF - each.batch.received_ms
            for row in each.rows:
                day = day_of(row[ROW_ID])
                pairs.add((row[ROW_AT] // HOUR_MS, day))
                by_day.setdefault(day, []).append((row, rank))
        await self._lease(pairs)
        settings = {"insert_quorum": self._link.place.quorum} if self._link.place.quorum else None
        days = sorted(by_day)
        for start in range(0, len(days), DAYS_PER_INSERT):
            some = {day: by_day[day] for day in days[start : start + DAYS_PER_INSERT]}
            await self._link.insert("event", self._blocks.encode(some), settings)

    async def _lease(self, pairs: set[tuple[int, int]]) -> None:
        """Marks hours as changing for a while yet; one mark holds for many appends."""
        now = self._clock()
        if len(self._leases) > MARKS_KEPT:
            self._leases.clear()
        ends = [pair for pair in pairs if self._leases.get(pair, 0) - now < LEASE_MS * 2 // 3]
        if ends:
            await touch(self._link, ends, now + LEASE_MS)
            self._leases.update(dict.fromkeys(ends, now + LEASE_MS))

    async def _add_batches(self, taken: list[_Taken]) -> None:
        rows = []
        for each in taken:
            batch, receipt = each.batch, each.receipt
            counts = tally_of(batch, receipt)
            key = batch.key if batch.key is not None and not each.is_known else ""
            rows.append((
                day_of_key(key, batch.received_ms), key, 0 if key else secrets.randbits(63),
                RANK_OF - batch.received_ms, plain(batch.token), batch.received_ms,
                receipt.accepted, receipt.duplicates, len(batch.refused) + len(receipt.erased),
                batch.skew_ms if batch.skew_ms is not None else NONE,
                _or_none(delay_of(batch)), list(counts), list(counts.values()),
            ))  # fmt: skip
        await add(self._link, "batch", rows)

    async def _add_refused(self, taken: list[_Taken], gone: set[str]) -> None:
        first = new_version()
        rows = [
            (each.batch.received_ms, *_refused(r, is_nameless=r.user_id in gone))
            for each in taken
            for r in each.batch.refused
        ]
        await add(self._link, "rejected", [(first + n, *row, 0) for n, row in enumerate(rows)])


def _or_none(value: int | None) -> int:
    return NONE if value is None else value


def _sort_out(each: _Taken, ids: set[bytes], gone: set[str]) -> None:
    """Parts a batch's rows into new ones, duplicates, and those of erased users."""
    for row in each.batch.rows:
        if gone and row[ROW_SOURCE][1] in gone:
            each.erased.append(id_text(row[ROW_ID]))
        elif row[ROW_ID] in ids:
            each.duplicates += 1
        else:
            ids.add(row[ROW_ID])
            each.rows.append(row)


def _refused(refused: Refused, *, is_nameless: bool) -> tuple[Any, ...]:
    """A refused line of an erased user is counted, and says nothing of the user."""
    r = refused
    if is_nameless:
        r = Refused(None, r.reason, r.detail, r.event_type)
    return (
        r.event_id or "", r.reason, plain(r.detail), r.event_type, plain(r.user_id), r.size_bytes,
        plain(r.content) if r.content is not None else "",
    )  # fmt: skip


async def touch(link: Link, pairs: Iterable[Sequence[int]], until_ms: int) -> None:
    """Marks hours of days' partitions as changing until then."""
    await add(link, "touched", [(hour, day, until_ms) for hour, day in pairs])


async def known_keys(link: Link, keys: set[str]) -> set[str]:
    """Of Idempotency-Keys, those of batches that are kept."""
    if not keys:
        return set()
    days = listed(sorted({day_of_key(key, 0) for key in keys}))
    packed = b"".join(sized(key.encode()) for key in sorted(keys))
    query = f"SELECT DISTINCT key FROM batch WHERE day IN ({days}) AND key IN asked"  # noqa: S608
    return {key for (key,) in await link.rows(query, {"asked": ("k String", packed)})}


async def known_ids(link: Link, ids: set[bytes]) -> set[bytes]:
    """Of event ids, those that are kept."""
    if not ids:
        return set()
    days = listed(sorted({day_of(raw) for raw in ids}))
    query = f"SELECT id FROM event WHERE day IN ({days}) AND id IN asked"  # noqa: S608
    packed = b"".join(sorted(ids))
    return await _sixteens(link, query, packed)


async def known_marks(link: Link, marks: Iterable[bytes]) -> set[bytes]:
    """Of tombstones' marks, those that stand."""
    packed = b"".join(sorted(marks))
    if not packed:
        return set()
    return await _sixteens(link, "SELECT mark FROM tombstone WHERE mark IN asked", packed)


async def _sixteens(link: Link, query: str, packed: bytes) -> set[bytes]:
    tables = {"asked": (f"x FixedString({ID_BYTES})", packed)}
    found = await link.run(query + " FORMAT RowBinary", tables=tables)
    return {found[at : at + ID_BYTES] for at in range(0, len(found), ID_BYTES)}


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000
