"""Error groups in their table; what a group is stands in store/group.py."""

import sqlite3

from sidespool_collector.chart.measure import ERRORS
from sidespool_collector.store.contract import ErrorGroup, FactQuery
from sidespool_collector.store.group import Seen, error_group
from sidespool_collector.store.span import DAY_MS


def keep_groups(db: sqlite3.Connection, groups: dict[str, Seen]) -> None:
    """Adds groups, or widens those known."""
    db.executemany(
        "INSERT INTO error_group (id, error_type, template, stack, first_at, last_at) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "stack = CASE WHEN excluded.stack != '' AND (stack = '' OR excluded.last_at >= last_at) "
        "THEN excluded.stack ELSE stack END, "
        "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
        [
            (g.group, g.error_type, g.template, g.stack, g.first_ms, g.last_ms)
            for g in groups.values()
        ],
    )


def read_groups(db: sqlite3.Connection, query: FactQuery, limit: int) -> list[ErrorGroup]:
    """The groups met most often in a range; days are the finest step."""
    counts: dict[str, int] = {}
    versions: dict[str, set[str]] = {}
    rows = db.execute(
        "SELECT key, app_version, sum(n) FROM rollup WHERE grain = 24 AND measure = ? "
        "AND start >= ? AND start < ? AND (? = '' OR app_version = ?) AND (? = '' OR os = ?) "
        "GROUP BY key, app_version",
        (
            ERRORS, query.since_ms - query.since_ms % DAY_MS, query.until_ms,
            *([query.app_version] * 2), *([query.os] * 2),
        ),
    )  # fmt: skip
    for group, version, n in rows:
        counts[group] = counts.get(group, 0) + n
        versions.setdefault(group, set()).add(version)
    frequent = sorted(counts, key=lambda group: (-counts[group], group))[:limit]
    return [
        found
        for group in frequent
        if (found := _group(db, group, counts[group], versions[group])) is not None
    ]


def _group(db: sqlite3.Connection, group: str, n: int, versions: set[str]) -> ErrorGroup | None:
    row = db.execute(
        "SELECT error_type, template, stack, first_at, last_at, status, resolved_at "
        "FROM error_group WHERE id = ?",
        (group,),
    ).fetchone()
    return error_group(group, row, n, versions) if row is not None else None


def set_status(db: sqlite3.Connection, group: str, status: str, now_ms: int) -> bool:
    """Marks a group; `resolved` remembers when, so that a later error is a regression."""
    changed = db.execute(
        "UPDATE error_group SET status = ?, resolved_at = ? WHERE id = ?",
        (status, now_ms if status == "resolved" else None, group),
    )
    return changed.rowcount > 0


def blank_stacks(db: sqlite3.Connection, groups: set[str]) -> None:
    """Takes the sample traces out: they may stem from events that are being erased."""
    db.executemany("UPDATE error_group SET stack = '' WHERE id = ?", [(g,) for g in groups])


def drop_orphans(db: sqlite3.Connection) -> None:
    """Removes groups that no event belongs to any more; the rollups must be up to date."""
    db.execute(
        "DELETE FROM error_group WHERE id NOT IN (SELECT key FROM rollup WHERE measure = ?)",
        (ERRORS,),
    )
