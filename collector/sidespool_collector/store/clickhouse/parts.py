# ruff: noqa: S608  (names of our own tables; texts are quoted)
"""Parts of the store on their way to another store, and back; see store/part.py."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sidespool_collector.store.clickhouse.day import day_of_key
from sidespool_collector.store.clickhouse.figures import intake_sql
from sidespool_collector.store.clickhouse.link import Link
from sidespool_collector.store.clickhouse.read import LOADED, group_rows
from sidespool_collector.store.clickhouse.schema import NONE, RANK_OF, add, new_version
from sidespool_collector.store.clickhouse.text import listed, quoted, raw
from sidespool_collector.store.part import PARTS

Row = tuple[Any, ...]
After = Row | None


def _literal(value: Any) -> str:
    if isinstance(value, bytes):
        return raw(value)
    return quoted(value) if isinstance(value, str) else str(value)


def _beyond(columns: tuple[str, ...], after: After) -> str:
    """Rows after given keys."""
    if after is None:
        return "1"
    values = ", ".join(_literal(value) for value in after)
    return f"({', '.join(columns)}) > ({values})" if len(after) > 1 else f"{columns[0]} > {values}"


async def _plain_rows(link: Link, name: str, after: After, limit: int) -> list[Row]:
    """Tables whose columns are the part's columns; texts may be bytes in disguise."""
    part = PARTS[name]
    keys = part.columns[: part.keys]
    return [
        tuple(row)
        for row in await link.rows(
            f"SELECT {', '.join(part.columns)} FROM {name} FINAL WHERE {_beyond(keys, after)} "
            f"ORDER BY {', '.join(keys)} LIMIT {limit:d}"
        )
    ]


async def _tombstones(link: Link, after: After, limit: int) -> list[Row]:
    rows = await link.rows(
        f"SELECT hex(mark), at FROM tombstone FINAL WHERE {_beyond(('mark',), after)} "
        f"ORDER BY mark LIMIT {limit:d}"
    )
    return [(bytes.fromhex(mark), at) for mark, at in rows]


async def _erasures(link: Link, after: After, limit: int) -> list[Row]:
    rows = await _plain(link, "erasure", "receipt", after, limit, (
        "receipt", "state", "requested_at", "finished_at", "events", "sessions", "rejected",
        "attachments",
    ))  # fmt: skip
    receipts = listed(row[0] for row in rows) or "''"
    users: dict[str, list[str]] = {}
    for receipt, user in await link.rows(
        f"SELECT DISTINCT receipt, user_id FROM pending WHERE receipt IN ({receipts}) "
        "ORDER BY user_id"
    ):
        users.setdefault(receipt, []).append(user)
    return [
        (receipt, state, asked, done or None, _json(users.get(receipt, [])), *counts)
        for receipt, state, asked, done, *counts in rows
    ]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def _plain(
    link: Link, table: str, key: str, after: After, limit: int, columns: tuple[str, ...],
    condition: str = "1",
) -> list[list[Any]]:  # fmt: skip
    return await link.rows(
        f"SELECT {', '.join(columns)} FROM {table} FINAL WHERE {condition} "
        f"AND {_beyond((key,), after)} ORDER BY {key} LIMIT {limit:d}"
    )


async def _batches(link: Link, after: After, limit: int) -> list[Row]:
    rows = await _plain(link, "batch", "key", after, limit, (*PARTS["batch"].columns,), "key != ''")
    return [tuple(None if value == NONE else value for value in row) for row in rows]


async def _intake(link: Link, after: After, limit: int) -> list[Row]:
    beyond = _beyond(("h", "what"), after)
    query = f"SELECT h, what, ns FROM ({intake_sql('1')}) WHERE {beyond} "
    return [tuple(row) for row in await link.rows(query + f"ORDER BY h, what LIMIT {limit:d}")]


async def _rejected(link: Link, after: After, limit: int) -> list[Row]:
    rows = await _plain_rows(link, "rejected", after, limit)
    return [
        (number, received, event or None, *rest, content or None)
        for number, received, event, *rest, content in rows
    ]


async def _groups(link: Link, after: After, limit: int) -> list[Row]:
    rows = await group_rows(link, _beyond(("id",), after), f" LIMIT {limit:d}")
    return [tuple(row) for row in rows]


async def _attachments(link: Link, after: After, limit: int) -> list[Row]:
    rows = await link.rows(
        "SELECT hex(event_id), name, content_type, size, digest, received_at FROM attachment "
        f"FINAL WHERE NOT gone AND {_beyond(('event_id', 'name'), after)} "
        f"ORDER BY event_id, name LIMIT {limit:d}"
    )
    return [(bytes.fromhex(event), *rest) for event, *rest in rows]


async def _loose_files(link: Link, after: After, limit: int) -> list[Row]:
    rows = await _plain(link, "loose_file", "digest", after, limit, ("digest",), "NOT gone")
    return [tuple(row) for row in rows]


async def _audit(link: Link, after: After, limit: int) -> list[Row]:
    return await _plain_rows(link, "audit", after, limit)


_DUMPS: dict[str, Callable[[Link, After, int], Awaitable[list[Row]]]] = {
    "tombstone": _tombstones, "erasure": _erasures, "batch": _batches, "intake": _intake,
    "rejected": _rejected, "error_group": _groups, "attachment": _attachments,
    "loose_file": _loose_files, "audit": _audit,
}  # fmt: skip


async def dump(link: Link, name: str, after: After, limit: int) -> list[Row]:
    """Rows of a part after given keys."""
    return await _DUMPS[name](link, after, limit)


async def load(link: Link, name: str, rows: list[Row]) -> None:
    """Adds or replaces rows of a part."""
    for table, made in _tables_of(name, rows).items():
        await add(link, table, made)


def _tables_of(name: str, rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of our tables that stand for rows of a part."""
    if name == "erasure":
        return _of_erasures(rows)
    if name == "error_group":
        return {
            "error_group": [(LOADED, *row[:6], new_version()) for row in rows],
            "error_state": [(row[0], row[6], row[7] or 0, new_version()) for row in rows],
        }
    made: dict[str, Callable[[Row], Row]] = {
        "tombstone": lambda r: (*r, RANK_OF),
        "batch": _batch_row,
        "intake": lambda r: (*r, new_version()),
        "rejected": lambda r: (r[0], r[1], r[2] or "", *r[3:8], r[8] or "", new_version()),
        "attachment": lambda r: (*r, 0, new_version()),
        "loose_file": lambda r: (*r, 0, new_version()),
        "audit": lambda r: (*r, new_version()),
    }
    return {name: [made[name](row) for row in rows]}


def _of_erasures(rows: list[Row]) -> dict[str, list[Row]]:
    found = [
        (receipt, state, asked, done or 0, *counts, new_version())
        for receipt, state, asked, done, _, *counts in rows
    ]
    pending = [(row[0], user, 0) for row in rows for user in msgspec.json.decode(row[4])]
    return {"erasure": found, "pending": pending}


def _batch_row(row: Row) -> Row:
    """Its counts are in `intake`, which moves by itself."""
    key, token, received, accepted, duplicates, rejected, skew, delay = row
    return (
        day_of_key(key, received), key, 0, RANK_OF - received, token, received, accepted,
        duplicates, rejected, NONE if skew is None else skew, NONE if delay is None else delay,
        [], [],
    )  # fmt: skip
