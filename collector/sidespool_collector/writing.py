"""Events as files: the columns of a table, and the writers of SQLite and Parquet.

Used by the export of the API and by the CLI alike.
"""

import asyncio
import csv
import importlib
import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from sidespool_collector.store.contract import StoredEvent

COLUMNS = (
    "event_id", "event_type", "timestamp", "session_id", "user_id", "app_id", "app_version", "os",
    "seq", "payload", "received_at", "corrected_timestamp", "aside",
)  # fmt: skip
EXPORT_TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "sqlite": "application/vnd.sqlite3",
    "parquet": "application/vnd.apache.parquet",
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class MissingExtraError(Exception):
    """Parquet was asked for, and neither pyarrow nor duckdb is installed."""


def row_of(event: StoredEvent) -> tuple[Any, ...]:
    """One event as values of `COLUMNS`; payload and aside are JSON text."""
    return (
        event.event_id, event.event_type, event.timestamp, event.session_id, event.user_id,
        event.app_id, event.app_version, event.os, event.seq, bytes(event.payload).decode(),
        event.received_at, event.corrected_timestamp,
        bytes(event.aside).decode() if event.aside is not None else None,
    )  # fmt: skip


def csv_row(event: StoredEvent) -> list[Any]:
    """One line of CSV; what a spreadsheet would run as a formula is made text."""
    return [defused(value) if isinstance(value, str) else value for value in row_of(event)]


def defused(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_head() -> bytes:
    """The first line."""
    return (",".join(COLUMNS) + "\r\n").encode()


def csv_bytes(chunk: list[StoredEvent]) -> bytes:
    """Events as lines of CSV."""
    out = io.StringIO()
    csv.writer(out).writerows(csv_row(event) for event in chunk)
    return out.getvalue().encode()


def jsonl_bytes(chunk: list[StoredEvent]) -> bytes:
    """Events as lines of JSON."""
    return b"".join(msgspec.json.encode(event) + b"\n" for event in chunk)


async def write_file(kind: str, path: Path, chunks: AsyncIterator[list[StoredEvent]]) -> int:
    """Writes `sqlite` or `parquet`; how many events. Raises MissingExtraError."""
    return await (_write_sqlite if kind == "sqlite" else _write_parquet)(path, chunks)


async def _write_sqlite(path: Path, chunks: AsyncIterator[list[StoredEvent]]) -> int:
    db = sqlite3.connect(path, check_same_thread=False)
    count = 0
    try:
        columns = ", ".join(f"{name} {'INTEGER' if name == 'seq' else 'TEXT'}" for name in COLUMNS)
        db.execute(f"CREATE TABLE events ({columns}, PRIMARY KEY (event_id))")
        insert = f"INSERT OR REPLACE INTO events VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
        async for chunk in chunks:
            rows = [row_of(event) for event in chunk]
            await asyncio.to_thread(db.executemany, insert, rows)
            count += len(rows)
        db.execute("CREATE INDEX events_time ON events (event_type, timestamp)")
        db.commit()
    finally:
        db.close()
    return count


async def _write_parquet(path: Path, chunks: AsyncIterator[list[StoredEvent]]) -> int:
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError from None
    kinds = {"seq": pyarrow.int64()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        async for chunk in chunks:
            columns = [list(column) for column in zip(*map(row_of, chunk), strict=True)]
            table = pyarrow.table(dict(zip(COLUMNS, columns, strict=True)), schema=schema)
            await asyncio.to_thread(writer.write_table, table)
            count += len(chunk)
    return count
