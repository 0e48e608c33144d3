"""Parts of the store on their way to another store; see store/part.py."""

from typing import Any

from sidespool_collector.store.part import PARTS, dump_sql, load_sql

_SOURCES = {
    "intake": "(SELECT hour, what, sum(n)::bigint AS n FROM intake GROUP BY hour, what) AS sums"
}
_CONFLICTS = {"intake": "hour, what, lane"}
_NUMBERED = ("rejected", "audit")


def _mark(number: int) -> str:
    return f"${number}"


async def dump(db: Any, name: str, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
    """Rows of a part after given keys."""
    part = PARTS[name]
    query = dump_sql(part, _SOURCES.get(name, name), _mark, is_first=after is None)
    return [tuple(row) for row in await db.fetch(query, *(after or ()), limit)]


async def load(db: Any, name: str, rows: list[tuple[Any, ...]]) -> None:
    """Adds or replaces rows of a part."""
    part = PARTS[name]
    conflict = _CONFLICTS.get(name, ", ".join(part.columns[: part.keys]))
    await db.executemany(load_sql(part, conflict, _mark), rows)
    if name in _NUMBERED:
        await db.execute(
            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "  # noqa: S608
            f"(SELECT max(id) FROM {name}))"
        )


async def memo(db: Any, key: str) -> bytes | None:
    """A value of `meta`."""
    found: bytes | None = await db.fetchval("SELECT value FROM meta WHERE key = $1", key)
    return found
