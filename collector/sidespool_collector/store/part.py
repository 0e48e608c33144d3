"""What a store holds beside events, in the form in which it moves to another store.

Both stores have these tables with these columns, so that a row of one is a row of the other: text,
whole numbers, bytes, None. What can be computed anew (rollups, presence) does not move.
"""

from collections.abc import Callable
from typing import NamedTuple


class Part(NamedTuple):
    """A table, its columns, and how many of the first of them are its key; `only` a condition."""

    table: str
    columns: tuple[str, ...]
    keys: int = 1
    only: str = "true"


PARTS: dict[str, Part] = {
    part.table: part
    for part in (
        Part("tombstone", ("mark", "at")),
        Part(
            "erasure",
            ("receipt", "state", "requested_at", "finished_at", "pending", "events", "sessions",
             "rejected", "attachments"),
        ),
        Part(
            "batch",
            ("key", "token", "received_at", "accepted", "duplicates", "rejected", "skew", "delay"),
            only="key IS NOT NULL",
        ),
        Part("intake", ("hour", "what", "n"), 2),
        Part(
            "rejected",
            ("id", "received_at", "event_id", "reason", "detail", "event_type", "user_id", "size",
             "content"),
        ),
        Part(
            "error_group",
            ("id", "error_type", "template", "stack", "first_at", "last_at", "status",
             "resolved_at"),
        ),
        Part(
            "attachment",
            ("event_id", "name", "content_type", "size", "digest", "received_at"),
            2,
        ),
        Part("loose_file", ("digest",)),
        Part("audit", ("id", "at", "who", "act", "detail")),
    )
}  # fmt: skip


def dump_sql(part: Part, source: str, mark: Callable[[int], str], *, is_first: bool) -> str:
    """Rows after given keys; arguments are the keys, unless it is the first, and a limit."""
    keys = ", ".join(part.columns[: part.keys])
    after, limit = "true", mark(1)
    if not is_first:
        marks = ", ".join(mark(n + 1) for n in range(part.keys))
        after, limit = f"({keys}) > ({marks})", mark(part.keys + 1)
    return (
        f"SELECT {', '.join(part.columns)} FROM {source} WHERE {part.only} AND {after} "  # noqa: S608
        f"ORDER BY {keys} LIMIT {limit}"
    )


def load_sql(part: Part, conflict: str, mark: Callable[[int], str]) -> str:
    """Adds a row or replaces it; `conflict` names the unique columns."""
    marks = ", ".join(mark(n + 1) for n in range(len(part.columns)))
    changes = ", ".join(f"{name} = excluded.{name}" for name in part.columns[part.keys :])
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    return (
        f"INSERT INTO {part.table} ({', '.join(part.columns)}) VALUES ({marks}) "  # noqa: S608
        f"ON CONFLICT ({conflict}) DO {action}"
    )
