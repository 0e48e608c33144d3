"""Puts batches into the tables: sources by number, events by key, refusals beside them.

Runs on the writer thread only, inside its transaction, so its caches need no lock. They are
read anew whenever a transaction fails, because a number given out in it no longer exists.
"""

import hmac
import sqlite3

import msgspec
from msgspec.structs import astuple

from sidespool_collector.event import (
    ROW_AT,
    ROW_ID,
    ROW_PAYLOAD,
    ROW_SOURCE,
    ROW_TYPE,
    Batch,
    Receipt,
    Refused,
    Row,
    Source,
    id_text,
)  # fmt: skip
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.tally import delay_of, tally_of

SOURCES_CACHED = 8_000
_ENCODE = msgspec.json.Encoder().encode
_INSERT = (
    "INSERT OR IGNORE INTO event (id, type, at, skew, source, batch, seq, payload, aside) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Appender:
    """Remembers numbers already given out, and tombstones."""

    def __init__(self, tombstone_key: bytes) -> None:
        self._tombstone_key = tombstone_key
        self._types: dict[tuple[str, tuple[str, ...]], int] = {}
        self._sources: dict[Source, list[int]] = {}
        self.tombstones: set[bytes] = set()

    def load(self, db: sqlite3.Connection) -> None:
        """Reads what must be known before the first batch."""
        self.forget()
        self.tombstones = {mark for (mark,) in db.execute("SELECT mark FROM tombstone")}

    def forget(self) -> None:
        """Drops every cache: the tables changed under it."""
        self._types.clear()
        self._sources.clear()

    def mark_of(self, user_id: str) -> bytes:
        """A user id as it may stay after its erasure: recognisable, and not readable."""
        return hmac.digest(self._tombstone_key, user_id.encode(), "sha256")[:16]

    def is_erased(self, user_id: str) -> bool:
        """Whether this user asked to be erased."""
        return bool(self.tombstones) and self.mark_of(user_id) in self.tombstones

    def append(self, db: sqlite3.Connection, batch: Batch) -> Receipt:
        """One batch, inside the caller's transaction."""
        if batch.key is not None and is_known(db, batch.key):
            receipt = Receipt(0, len(batch.rows))
            _count(db, batch, receipt)
            return receipt
        rows, erased = self._without_erased(batch.rows)
        number = _moved_batch(db, batch) if batch.is_moved else _add_batch(db, batch, len(erased))
        accepted = self._add_rows(db, rows, number) if rows else 0
        if accepted:
            for hour in {row[ROW_AT] // HOUR_MS for row in rows}:
                touch(db, hour)
        receipt = Receipt(accepted, len(rows) - accepted, erased)
        if batch.is_moved:
            return receipt
        db.execute(
            "UPDATE batch SET accepted = ?, duplicates = ? WHERE id = ?",
            (accepted, receipt.duplicates, number),
        )
        _keep_refused(db, batch.received_ms, [self._nameless(r) for r in batch.refused])
        _count(db, batch, receipt)
        return receipt

    def _add_rows(self, db: sqlite3.Connection, rows: list[Row], number: int) -> int:
        shapes = {type(row[ROW_PAYLOAD]): row for row in rows}
        types = {kind: self._type(db, row) for kind, row in shapes.items()}
        sources = self._source_numbers(db, rows)
        before = db.total_changes
        db.executemany(
            _INSERT,
            [
                (i, types[type(p)], at, k, sources[s], number, q, _ENCODE(astuple(p)).decode(), a)
                for i, _, at, k, s, q, p, a in rows
            ],
        )
        return db.total_changes - before

    def _without_erased(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        if not self.tombstones:
            return rows, []
        gone = {user for user in {row[ROW_SOURCE][1] for row in rows} if self.is_erased(user)}
        if not gone:
            return rows, []
        erased = [id_text(row[ROW_ID]) for row in rows if row[ROW_SOURCE][1] in gone]
        return [row for row in rows if row[ROW_SOURCE][1] not in gone], erased

    def _nameless(self, refused: Refused) -> Refused:
        """A refused line of an erased user is counted, and says nothing of the user."""
        if not refused.user_id or not self.is_erased(refused.user_id):
            return refused
        return Refused(None, refused.reason, refused.detail, refused.event_type)

    def _type(self, db: sqlite3.Connection, row: Row) -> int:
        shape = (row[ROW_TYPE], row[ROW_PAYLOAD].__struct_fields__)
        number = self._types.get(shape)
        if number is None:
            key = (shape[0], _ENCODE(shape[1]).decode())
            db.execute("INSERT OR IGNORE INTO event_type (name, fields) VALUES (?, ?)", key)
            found = db.execute("SELECT id FROM event_type WHERE name = ? AND fields = ?", key)
            number = self._types[shape] = int(found.fetchone()[0])
        return number

    def _source_numbers(self, db: sqlite3.Connection, rows: list[Row]) -> dict[Source, int]:
        spans: dict[Source, tuple[int, int]] = {}
        for row in rows:
            at, source = row[ROW_AT], row[ROW_SOURCE]
            span = spans.get(source)
            if span is None:
                spans[source] = (at, at)
            elif at > span[1]:
                spans[source] = (span[0], at)
            elif at < span[0]:
                spans[source] = (at, span[1])
        return {source: self._source(db, source, *span) for source, span in spans.items()}

    def _source(self, db: sqlite3.Connection, source: Source, first: int, last: int) -> int:
        known = self._sources.get(source)
        if known is None:
            known = self._find_source(db, source, first, last)
        number, had_first, had_last = known
        if first < had_first or last > had_last:
            if first // HOUR_MS < had_first // HOUR_MS:
                touch(db, had_first // HOUR_MS)  # where the session counted until now
                touch(db, first // HOUR_MS)
            known[1], known[2] = min(first, had_first), max(last, had_last)
            db.execute(
                "UPDATE source SET first_at = ?, last_at = ? WHERE id = ?",
                (known[1], known[2], number),
            )
        return number

    def _find_source(
        self, db: sqlite3.Connection, source: Source, first: int, last: int
    ) -> list[int]:
        if len(self._sources) >= SOURCES_CACHED:
            self._sources.clear()
        added = db.execute(
            "INSERT OR IGNORE INTO source (session_id, user_id, app_id, app_version, os, first_at, "
            "last_at, install) VALUES (?, ?, ?, ?, ?, ?, ?, "
            "coalesce((SELECT install FROM source WHERE user_id = ? LIMIT 1), 0))",
            (*source, first, last, source[1]),
        )
        found = db.execute(
            "SELECT id, first_at, last_at FROM source WHERE session_id = ? AND user_id = ? AND "
            "app_id = ? AND app_version = ? AND os = ?",
            source,
        ).fetchone()
        if added.rowcount:
            touch(db, first // HOUR_MS)
            # an install's number is that of its first source
            db.execute("UPDATE source SET install = id WHERE id = ? AND install = 0", found[:1])
        known = self._sources[source] = list(found)
        return known


def touch(db: sqlite3.Connection, hour: int) -> None:
    """Notes that an hour's events changed, in the transaction that changes them.

    The number is random, so that a note that was taken away and made again is not the same.
    """
    db.execute("INSERT OR REPLACE INTO dirty_hour (hour, change) VALUES (?, random())", (hour,))


def _moved_batch(db: sqlite3.Connection, batch: Batch) -> int:
    """One row for all moved events that were received in the same millisecond."""
    found = db.execute(
        "SELECT id FROM batch WHERE received_at = ? AND key IS NULL AND token = 'moved'",
        (batch.received_ms,),
    ).fetchone()
    if found is None:
        found = db.execute(
            "INSERT INTO batch (token, received_at, accepted, duplicates, rejected) "
            "VALUES ('moved', ?, 0, 0, 0) RETURNING id",
            (batch.received_ms,),
        ).fetchone()
    return int(found[0])


def _add_batch(db: sqlite3.Connection, batch: Batch, erased: int) -> int:
    rejected = len(batch.refused) + erased
    added = db.execute(
        "INSERT INTO batch (key, token, received_at, accepted, duplicates, rejected, skew, "
        "delay) VALUES (?, ?, ?, 0, 0, ?, ?, ?)",
        (batch.key, batch.token, batch.received_ms, rejected, batch.skew_ms, delay_of(batch)),
    )
    return int(added.lastrowid or 0)


def _count(db: sqlite3.Connection, batch: Batch, receipt: Receipt) -> None:
    hour = batch.received_ms // HOUR_MS
    db.executemany(
        "INSERT INTO intake (hour, what, n) VALUES (?, ?, ?) "
        "ON CONFLICT (hour, what) DO UPDATE SET n = n + excluded.n",
        [(hour, what, n) for what, n in tally_of(batch, receipt).items()],
    )


def is_known(db: sqlite3.Connection, key: str) -> bool:
    """Whether a batch with this Idempotency-Key was committed."""
    return db.execute("SELECT 1 FROM batch WHERE key = ?", (key,)).fetchone() is not None


def _keep_refused(db: sqlite3.Connection, received_ms: int, refused: list[Refused]) -> None:
    if not refused:
        return
    db.executemany(
        "INSERT INTO rejected (received_at, event_id, reason, detail, event_type, user_id, size, "
        "content) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                received_ms, r.event_id, r.reason, r.detail, r.event_type, r.user_id,
                r.size_bytes, r.content,
            )
            for r in refused
        ],
    )  # fmt: skip
