# ruff: noqa: S608  (names of our own tables)
"""The ClickHouse schema and its migrations: forward only, checked at start.

Layout, and why:

- `event` is partitioned by `day`, a pure function of the id (store/span.py), and sorted by the id:
  the same event meets the same partition whoever sends it, so ReplacingMergeTree leaves one row of
  it, the one received first (`rank` falls with the time of receipt). Before that merge has
  happened every reader says FINAL, which gives the same.
- A payload is its JSON object. What charts measure of it (store/contract's `FactQuery.measure`)
  stands beside it as columns: `key`, `value` (NaN for none), `ok`; for ClientReports `reasons`
  and `losses`. So rollups are computed by the database from narrow columns.
- All other tables are ReplacingMergeTree with `ver`, where the newest row of a key counts.
- `touched` says which hours have events in which days' partitions, and until when more may come;
  `rolled` which `ver` of an hour's or a day's facts counts. See rollup.py.
- Times are corrected Unix ms; `skew` is what was taken off the client's own clock. 0 or an empty
  text stands for "none" where that cannot be a value.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Any

from sidespool_collector.store.clickhouse.block import block_of
from sidespool_collector.store.clickhouse.link import ClickHouseError, Link
from sidespool_collector.store.clickhouse.text import quoted
from sidespool_collector.store.contract import StoreError

RANK_OF = 1 << 42  # ms: later than any receipt until the year 2109
NONE = -(1 << 63)  # a skew or a delay that was not measured
WAIT_S, DDL_S = 20.0, 200.0
VERSION_BITS = 20
EXISTS, REPLICA_EXISTS, NO_TABLE, NO_DATABASE = 57, 253, 60, 81
MODERN = (23, 3)  # from here on: codecs, skipping indexes, and fsync before an insert is answered
DURABLE = ", fsync_after_insert = 1, fsync_part_directory = 1"
META = {"key": "String", "value": "String", "ver": "UInt64"}
EVENT = {
    "day": "UInt16", "id": "FixedString(16)", "rank": "UInt64", "event_type": "String",
    "hour": "Int32", "at": "Int64", "skew": "Int64", "session_id": "String", "user_id": "String",
    "app_id": "String", "app_version": "String", "os": "String", "seq": "Int64",
    "payload": "String", "aside": "String", "key": "String", "value": "Float64", "ok": "UInt8",
    "reasons": "Array(String)", "losses": "Array(UInt64)",
}  # fmt: skip
BATCH = {
    "day": "UInt16", "key": "String", "id": "UInt64", "rank": "UInt64", "token": "String",
    "received_at": "Int64", "accepted": "UInt32", "duplicates": "UInt32", "rejected": "UInt32",
    "skew": "Int64", "delay": "Int64", "what": "Array(String)", "n": "Array(UInt64)",
}  # fmt: skip
REJECTED = {
    "id": "Int64", "received_at": "Int64", "event_id": "String", "reason": "String",
    "detail": "String", "event_type": "String", "user_id": "String", "size": "Int64",
    "content": "String", "ver": "UInt64",
}  # fmt: skip
ERROR_GROUP = {
    "start": "Int64", "id": "String", "error_type": "String", "template": "String",
    "stack": "String", "first_at": "Int64", "last_at": "Int64", "ver": "UInt64",
}  # fmt: skip
ERASURE = {
    "receipt": "String", "state": "String", "requested_at": "Int64", "finished_at": "Int64",
    "events": "UInt64", "sessions": "UInt64", "rejected": "UInt64", "attachments": "UInt64",
    "ver": "UInt64",
}  # fmt: skip
ATTACHMENT = {
    "event_id": "FixedString(16)", "name": "String", "content_type": "String", "size": "Int64",
    "digest": "String", "received_at": "Int64", "gone": "UInt8", "ver": "UInt64",
}  # fmt: skip
AUDIT = {
    "id": "Int64", "at": "Int64", "who": "String", "act": "String", "detail": "String",
    "ver": "UInt64",
}  # fmt: skip
TOUCHED = {"hour": "Int32", "day": "UInt16", "until": "UInt64"}
ROLLED = {"kind": "UInt8", "start": "Int64", "ver": "UInt64"}
TOMBSTONE = {"mark": "FixedString(16)", "at": "Int64", "ver": "UInt64"}
PENDING = {"receipt": "String", "user_id": "String", "ver": "UInt64"}
ERROR_STATE = {"id": "String", "status": "String", "resolved_at": "Int64", "ver": "UInt64"}
LOOSE_FILE = {"digest": "String", "gone": "UInt8", "ver": "UInt64"}
INTAKE = {"hour": "Int64", "what": "String", "n": "UInt64", "ver": "UInt64"}
COLLECTOR = {"id": "String", "closed": "UInt8", "ver": "UInt64"}
ROLLUP = {
    "grain": "UInt8", "measure": "String", "start": "Int64", "key": "String",
    "app_version": "String", "os": "String", "n": "UInt64", "ok": "UInt64", "samples": "UInt64",
    "total": "Float64", "buckets": "Array(Int32)", "counts": "Array(UInt64)", "ver": "UInt64",
}  # fmt: skip
PRESENCE = {
    "grain": "UInt8", "start": "Int64", "app_version": "String", "os": "String",
    "sessions": "UInt64", "installs": "AggregateFunction(uniqExact, UInt64)", "ver": "UInt64",
}  # fmt: skip
SESSION = {
    "hour": "Int32", "skey": "UInt64", "install": "UInt64", "app_version": "String",
    "os": "String", "first_at": "Int64", "ver": "UInt64",
}  # fmt: skip
# table → columns, the column whose highest value stands, order, partition
TABLES: dict[str, tuple[dict[str, str], str, str, str]] = {
    "meta": (META, "ver", "key", ""),
    "event": (EVENT, "rank", "id", "day"),
    "batch": (BATCH, "rank", "key, id", "day"),
    "rejected": (REJECTED, "ver", "id", ""),
    "touched": (TOUCHED, "until", "hour, day", ""),
    "rolled": (ROLLED, "ver", "kind, start", ""),
    "rollup": (ROLLUP, "ver", "grain, measure, start, key, app_version, os", ""),
    "presence": (PRESENCE, "ver", "grain, start, app_version, os", ""),
    "session": (SESSION, "ver", "hour, skey", ""),
    "intake": (INTAKE, "ver", "hour, what", ""),
    "error_group": (ERROR_GROUP, "ver", "id, start", ""),
    "error_state": (ERROR_STATE, "ver", "id", ""),
    "erasure": (ERASURE, "ver", "receipt", ""),
    "pending": (PENDING, "ver", "receipt, user_id", ""),
    "tombstone": (TOMBSTONE, "ver", "mark", ""),
    "attachment": (ATTACHMENT, "ver", "event_id, name", ""),
    "loose_file": (LOOSE_FILE, "ver", "digest", ""),
    "audit": (AUDIT, "ver", "id", ""),
    "collector": (COLLECTOR, "ver", "id", ""),
}
_GRANULARITY = {"event": 2048, "batch": 1024}
_CODECS = {
    "at": "CODEC(Delta(8), ZSTD(1))", "rank": "CODEC(Delta(8), ZSTD(1))",
    "seq": "CODEC(T64, ZSTD(1))", "value": "CODEC(ZSTD(1))",
}  # fmt: skip
_HEX = "lower(hex(id))"
VIEW = (
    "SELECT concat(substring(h, 1, 8), '-', substring(h, 9, 4), '-', substring(h, 13, 4), '-', "
    "substring(h, 17, 4), '-', substring(h, 21, 12)) AS event_id, event_type, "
    "toDateTime(intDiv(at, 1000)) AS time, at AS corrected_ms, at + skew AS timestamp_ms, "
    "session_id, user_id, app_id, app_version, os, seq, payload, aside, "
    f"{RANK_OF} - rank AS received_ms FROM (SELECT *, {_HEX} AS h FROM %s.event FINAL)"
)


def _engine(link: Link, name: str, version: str) -> str:
    if not link.is_cluster:
        return f"ReplacingMergeTree({version})"
    path = f"/clickhouse/tables/{{shard}}/{link.database}/{name}"
    return f"ReplicatedReplacingMergeTree('{path}', '{{replica}}', {version})"


def _cluster(link: Link) -> str:
    return f" ON CLUSTER {link.place.cluster}" if link.is_cluster else ""


def _table(link: Link, name: str, *, is_modern: bool) -> str:
    columns, version, order, partition = TABLES[name]
    codecs = _CODECS if is_modern and name == "event" else {}
    inside = [f"{each} {kind} {codecs.get(each, '')}".strip() for each, kind in columns.items()]
    if is_modern and name == "event":
        inside.append("INDEX hours hour TYPE minmax GRANULARITY 4")
    return (
        f"CREATE TABLE IF NOT EXISTS {link.database}.{name}{_cluster(link)} "
        f"({', '.join(inside)}) ENGINE = {_engine(link, name, version)} "
        + (f"PARTITION BY {partition} " if partition else "")
        + f"ORDER BY ({order}) SETTINGS index_granularity = {_GRANULARITY.get(name, 8192)}"
        + (DURABLE if is_modern else "")
    )


def _first(link: Link, *, is_modern: bool) -> list[str]:
    tables = [_table(link, name, is_modern=is_modern) for name in TABLES if name != "meta"]
    view = f"CREATE VIEW IF NOT EXISTS {link.database}.events{_cluster(link)} AS "
    return [*tables, view + VIEW % link.database]


MIGRATIONS = (_first,)  # statements of each step; each may run again, also from several collectors
SCHEMA_VERSION = len(MIGRATIONS)


async def prepare(link: Link, fresh_key: bytes) -> bytes:
    """Brings the schema up to date; the key of the tombstones. Raises StoreError."""
    digits = (await link.run("SELECT version()")).decode().split(".")[:2]
    is_modern = tuple(map(int, digits)) >= MODERN
    version = await _schema(link)
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the store has schema {version}, this program knows {SCHEMA_VERSION}: "
            "install the newer collector, or restore a backup made before the upgrade"
        )
    if version == 0:
        await link.run(f"CREATE DATABASE IF NOT EXISTS {link.database}{_cluster(link)}")
        await link.run(_table(link, "meta", is_modern=is_modern), patience_s=DDL_S)
    for step in MIGRATIONS[version:]:
        for statement in step(link, is_modern=is_modern):
            await link.run(statement, patience_s=DDL_S)
    if version == 0 and await _is_first(link):
        await set_meta(link, "tombstone_key", fresh_key)
        await link.tell("meta")
    key = await _key(link)
    if version < SCHEMA_VERSION:
        await set_meta(link, "schema", b"%d" % SCHEMA_VERSION)
    return key


async def _schema(link: Link) -> int:
    try:
        return int(await meta(link, "schema") or b"0")
    except ClickHouseError as error:
        if error.code in (NO_TABLE, NO_DATABASE):
            return 0
        raise


async def _is_first(link: Link) -> bool:
    """Whether this collector, of all that start now, is the one to make the key.

    A table can be made once: in a cluster once as the replica of a fixed name.
    """
    engine = "TinyLog"
    if link.is_cluster:
        path = f"/clickhouse/tables/{link.database}/first"
        engine = f"ReplicatedMergeTree('{path}', 'first') ORDER BY at"
    try:
        await link.run(f"CREATE TABLE {link.database}.first (at UInt8) ENGINE = {engine}")
    except ClickHouseError as error:
        if error.code in (EXISTS, REPLICA_EXISTS):
            return False
        raise
    return True


async def _key(link: Link) -> bytes:
    ends = time.monotonic() + WAIT_S
    while (found := await meta(link, "tombstone_key")) is None:
        if time.monotonic() > ends:
            raise StoreError(
                f"a first start of this store was broken off: drop the database {link.database}, "
                "which holds nothing yet, and start again"
            )
        await asyncio.sleep(0.05)
    return found


async def meta(link: Link, key: str) -> bytes | None:
    """A value of `meta`."""
    query = f"SELECT hex(argMax(value, ver)) FROM meta WHERE key = {quoted(key)} HAVING count() > 0"
    found = await link.value(query)
    return bytes.fromhex(found) if found is not None else None


async def set_meta(link: Link, key: str, value: bytes) -> None:
    """Writes one value."""
    await add(link, "meta", [(key, value, new_version())])


def new_version() -> int:
    """A number that is higher the later it is drawn, and never drawn twice."""
    return (time.time_ns() // 1_000_000 << VERSION_BITS) | secrets.randbits(VERSION_BITS)


async def add(link: Link, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Adds rows with all of a table's columns."""
    if rows:
        await link.insert(table, block_of(TABLES[table][0], rows))
