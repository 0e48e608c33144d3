"""Puts a group of batches into the tables, in one transaction.

Order of the steps, the same in every collector, with rows in order of their keys, so that
several collectors on one database wait for each other and never in a circle:

1. a shared lock on the tombstones, then the tombstones themselves: whoever asks for an erasure
   takes that lock alone, so its request is answered after the appends under way and before all
   later ones, which see it;
2. the batches' rows, where an Idempotency-Key that is known (or being committed by another
   collector just now: we wait for it) falls out;
3. types, installs, sessions;
4. the events: copied into a table of this connection alone, then inserted with ON CONFLICT DO
   NOTHING, the database counting what was new in each batch;
5. refusals, counts, and the hours to be computed anew.
"""

import hmac
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import astuple

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
from sidespool_collector.store.postgres.partition import Days, day_of
from sidespool_collector.store.postgres.schema import LOCK_TOMBSTONES
from sidespool_collector.store.postgres.source import Numbers
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.stored import plain
from sidespool_collector.store.tally import delay_of, tally_of

_ENCODE = msgspec.json.Encoder().encode
_COLUMNS = ("id", "day", "type", "at", "skew", "source", "batch", "seq", "payload", "aside")
INCOMING = (
    "CREATE TEMP TABLE IF NOT EXISTS incoming (id uuid, day integer, type integer, at bigint, "
    "skew bigint, source bigint, batch bigint, seq bigint, payload text, aside text) "
    "ON COMMIT DELETE ROWS"
)
_INSERT = (
    f"WITH new AS (INSERT INTO event ({', '.join(_COLUMNS)}) SELECT * FROM incoming "  # noqa: S608
    "ON CONFLICT DO NOTHING RETURNING batch) SELECT batch, count(*) FROM new GROUP BY batch"
)
MARKS_KEPT = 100_000


class _Taken(msgspec.Struct):
    """One batch of a group on its way."""

    batch: Batch
    number: int
    is_known: bool = False
    rows: list[Row] = []
    erased: list[str] = []
    accepted: int = 0

    @property
    def receipt(self) -> Receipt:
        return Receipt(self.accepted, len(self.rows) - self.accepted, self.erased)


class Appender:
    """Appends groups on one connection. `lane` keeps its counts apart from other collectors'."""

    def __init__(self, tombstone_key: bytes, days: Days, lane: int) -> None:
        self._tombstone_key = tombstone_key
        self._days = days
        self._lane = lane
        self._numbers = Numbers()
        self._epoch = b""
        self._marks: dict[str, bytes] = {}

    def forget(self) -> None:
        """A transaction failed: what it gave out does not exist."""
        self._numbers.forget()

    def mark_of(self, user_id: str) -> bytes:
        """A user id as it may stay after its erasure: recognisable, and not readable."""
        mark = self._marks.get(user_id)
        if mark is None:
            if len(self._marks) > MARKS_KEPT:
                self._marks.clear()
            mark = hmac.digest(self._tombstone_key, plain(user_id).encode(), "sha256")[:16]
            self._marks[user_id] = mark
        return mark

    async def append(self, db: Any, batches: list[Batch]) -> list[Receipt]:
        """All or nothing, inside a transaction of its own; returns after the commit."""
        await self._days.ensure({day_of(row[ROW_ID]) for b in batches for row in b.rows})
        async with db.transaction():
            return await self._append(db, batches)

    async def _append(self, db: Any, batches: list[Batch]) -> list[Receipt]:
        await db.execute(f"SELECT pg_advisory_xact_lock_shared({LOCK_TOMBSTONES})")
        gone, numbers = await self._look_around(db, batches)
        taken = [_Taken(b, n) for b, n in zip(batches, numbers, strict=True)]
        await _add_batches(db, [each for each in taken if not each.batch.is_moved])
        await _find_moved(db, [each for each in taken if each.batch.is_moved])
        for each in taken:
            each.rows, each.erased = _without(each.batch.rows, gone)
        fresh = [each for each in taken if not each.is_known]
        for each in taken:
            if each.is_known:
                each.rows, each.erased = each.batch.rows, []
        hours = await self._add_rows(db, [each for each in fresh if each.rows])
        await _finish_batches(db, [each for each in fresh if not each.batch.is_moved])
        await self._keep_refused(db, fresh, gone)
        await self._count(db, taken, hours)
        return [each.receipt for each in taken]

    async def _look_around(self, db: Any, batches: list[Batch]) -> tuple[set[str], list[int]]:
        """Which users asked to be erased, and numbers for the batches."""
        users = {row[ROW_SOURCE][1] for b in batches for row in b.rows}
        users |= {refused.user_id for b in batches for refused in b.refused if refused.user_id}
        by_mark = {self.mark_of(user): user for user in users}
        found = await db.fetchrow(
            "SELECT (SELECT value FROM meta WHERE key = 'epoch'), "
            "ARRAY(SELECT mark FROM tombstone WHERE mark = ANY($1)), "
            "ARRAY(SELECT nextval('batch_id_seq') FROM generate_series(1, $2::int))",
            list(by_mark),
            len(batches),
        )
        epoch, marks, numbers = found
        if epoch != self._epoch:
            self._numbers.forget()
            self._days.forget()
            self._epoch = epoch
        return {by_mark[mark] for mark in marks}, numbers

    async def _add_rows(self, db: Any, fresh: list[_Taken]) -> set[int]:
        rows = [row for each in fresh for row in each.rows]
        if not rows:
            return set()
        types = await self._numbers.types(db, rows)
        sources, hours = await self._numbers.sources(db, rows)
        records = [
            (
                i, day_of(i), types[type(p)], at, k, sources[s], each.number, q,
                _ENCODE(astuple(p)).decode(), a,
            )
            for each in fresh
            for i, _, at, k, s, q, p, a in each.rows
        ]  # fmt: skip
        records.sort(key=lambda record: record[0])
        await db.copy_records_to_table("incoming", records=records, columns=_COLUMNS)
        counts = dict(await db.fetch(_INSERT))
        for each in fresh:
            each.accepted = counts.get(each.number, 0)
            if each.accepted:
                hours |= {row[ROW_AT] // HOUR_MS for row in each.rows}
        return hours

    async def _keep_refused(self, db: Any, fresh: list[_Taken], gone: set[str]) -> None:
        rows = [
            (each.batch.received_ms, *_refused(r, is_nameless=r.user_id in gone))
            for each in fresh
            for r in each.batch.refused
        ]
        if rows:
            await db.executemany(
                "INSERT INTO rejected (received_at, event_id, reason, detail, event_type, user_id, "
                "size, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                rows,
            )

    async def _count(self, db: Any, taken: list[_Taken], hours: set[int]) -> None:
        sums: dict[tuple[int, str], int] = {}
        for each in taken:
            hour = each.batch.received_ms // HOUR_MS
            counts = {} if each.batch.is_moved else tally_of(each.batch, each.receipt)
            for what, n in counts.items():
                sums[hour, what] = sums.get((hour, what), 0) + n
        rows = [(hour, what, n) for (hour, what), n in sorted(sums.items())]
        await db.execute(
            "WITH marks AS (INSERT INTO dirty_hour (hour) SELECT unnest($5::bigint[])) "
            "INSERT INTO intake AS i (hour, what, n, lane) "
            "SELECT *, $4 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) "
            "ON CONFLICT (hour, what, lane) DO UPDATE SET n = i.n + excluded.n",
            *(zip(*rows, strict=True) if rows else ((), (), ())),
            self._lane,
            sorted(hours),
        )


def _without(rows: list[Row], gone: set[str]) -> tuple[list[Row], list[str]]:
    if not gone:
        return rows, []
    erased = [id_text(row[ROW_ID]) for row in rows if row[ROW_SOURCE][1] in gone]
    return [row for row in rows if row[ROW_SOURCE][1] not in gone], erased


def _refused(refused: Refused, *, is_nameless: bool) -> tuple[Any, ...]:
    """A refused line of an erased user is counted, and says nothing of the user."""
    r = refused
    if is_nameless:
        r = Refused(None, r.reason, r.detail, r.event_type)
    content = plain(r.content) if r.content is not None else None
    return (
        r.event_id, r.reason, plain(r.detail), r.event_type, plain(r.user_id), r.size_bytes,
        content,
    )  # fmt: skip


async def _add_batches(db: Any, taken: list[_Taken]) -> None:
    """In order of keys; those that fall out are known."""
    order = sorted(taken, key=lambda each: (each.batch.key or "", each.number))
    kept = await db.fetch(
        "INSERT INTO batch (id, key, token, received_at, skew, delay) "
        "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], "
        "$6::bigint[]) ON CONFLICT (key) DO NOTHING RETURNING id",
        [each.number for each in order],
        [each.batch.key for each in order],
        [plain(each.batch.token) for each in order],
        [each.batch.received_ms for each in order],
        [each.batch.skew_ms for each in order],
        [delay_of(each.batch) for each in order],
    )
    numbers = {row[0] for row in kept}
    for each in taken:
        each.is_known = each.number not in numbers


async def _find_moved(db: Any, taken: list[_Taken]) -> None:
    """One row for all moved events that were received in the same millisecond."""
    for each in taken:
        found = await db.fetchval(
            "SELECT id FROM batch WHERE received_at = $1 AND key IS NULL AND token = 'moved'",
            each.batch.received_ms,
        )
        each.number = found or await db.fetchval(
            "INSERT INTO batch (id, received_at, token) VALUES ($1, $2, 'moved') RETURNING id",
            each.number,
            each.batch.received_ms,
        )


async def _finish_batches(db: Any, fresh: Iterable[_Taken]) -> None:
    rows = [
        (e.number, e.accepted, e.receipt.duplicates, len(e.batch.refused) + len(e.erased))
        for e in fresh
    ]
    if rows:
        await db.execute(
            "UPDATE batch SET accepted = f.accepted, duplicates = f.duplicates, "
            "rejected = f.rejected FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[]) "
            "AS f (id, accepted, duplicates, rejected) WHERE batch.id = f.id",
            *zip(*rows, strict=True),
        )
