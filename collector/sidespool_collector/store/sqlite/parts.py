"""Parts of the store on their way to another store; see store/part.py."""

import sqlite3
from typing import Any

from sidespool_collector.store.part import PARTS, dump_sql, load_sql


def _mark(_: int) -> str:
    return "?"


def dump(db: sqlite3.Connection, name: str, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
    """Rows of a part after given keys."""
    part = PARTS[name]
    query = dump_sql(part, part.table, _mark, is_first=after is None)
    return db.execute(query, (*(after or ()), limit)).fetchall()


def load(db: sqlite3.Connection, name: str, rows: list[tuple[Any, ...]]) -> None:
    """Adds or replaces rows of a part."""
    part = PARTS[name]
    db.executemany(load_sql(part, ", ".join(part.columns[: part.keys]), _mark), rows)


def memo(db: sqlite3.Connection, key: str) -> bytes | None:
    """A value of `meta`."""
    found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return found[0] if found else None


def set_memo(db: sqlite3.Connection, key: str, value: bytes) -> None:
    """Keeps it."""
    db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
