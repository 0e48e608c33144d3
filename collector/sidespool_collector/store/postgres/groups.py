"""Error groups in their table; what a group is stands in store/group.py."""

from collections.abc import Iterable
from typing import Any

from sidespool_collector.chart.measure import ERRORS
from sidespool_collector.store.contract import ErrorGroup, FactQuery
from sidespool_collector.store.group import Seen, error_group
from sidespool_collector.store.span import DAY_MS
from sidespool_collector.store.stored import plain


async def keep_groups(db: Any, groups: dict[str, Seen]) -> None:
    """Adds groups, or widens those known."""
    await db.executemany(
        "INSERT INTO error_group AS g (id, error_type, template, stack, first_at, last_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET "
        "stack = CASE WHEN excluded.stack != '' AND (g.stack = '' OR excluded.last_at >= "
        "g.last_at) THEN excluded.stack ELSE g.stack END, "
        "first_at = least(g.first_at, excluded.first_at), "
        "last_at = greatest(g.last_at, excluded.last_at)",
        [
            (g.group, plain(g.error_type), plain(g.template), plain(g.stack), g.first_ms, g.last_ms)
            for _, g in sorted(groups.items())
        ],
    )


async def read_groups(db: Any, query: FactQuery, limit: int) -> list[ErrorGroup]:
    """The groups met most often in a range; days are the finest step."""
    counts: dict[str, int] = {}
    versions: dict[str, set[str]] = {}
    rows = await db.fetch(
        "SELECT key, app_version, sum(n)::bigint FROM rollup WHERE grain = 24 AND measure = $1 "
        "AND start >= $2 AND start < $3 AND ($4 = '' OR app_version = $4) AND ($5 = '' OR os = $5) "
        "GROUP BY key, app_version",
        ERRORS, query.since_ms - query.since_ms % DAY_MS, query.until_ms, query.app_version,
        query.os,
    )  # fmt: skip
    for group, version, n in rows:
        counts[group] = counts.get(group, 0) + n
        versions.setdefault(group, set()).add(version)
    frequent = sorted(counts, key=lambda group: (-counts[group], group))[:limit]
    found = await db.fetch(
        "SELECT id, error_type, template, stack, first_at, last_at, status, resolved_at "
        "FROM error_group WHERE id = ANY($1)",
        frequent,
    )
    by_id = {group: tuple(rest) for group, *rest in found}
    return [error_group(g, by_id[g], counts[g], versions[g]) for g in frequent if g in by_id]


async def set_status(db: Any, group: str, status: str, now_ms: int) -> bool:
    """Marks a group; `resolved` remembers when, so that a later error is a regression."""
    changed: str = await db.execute(
        "UPDATE error_group SET status = $2, resolved_at = $3 WHERE id = $1",
        plain(group),
        status,
        now_ms if status == "resolved" else None,
    )
    return changed != "UPDATE 0"


async def blank_stacks(db: Any, groups: Iterable[str]) -> None:
    """Takes the sample traces out: they may stem from events that are being erased."""
    await db.execute("UPDATE error_group SET stack = '' WHERE id = ANY($1)", sorted(groups))


async def drop_orphans(db: Any) -> None:
    """Removes groups that no event belongs to any more; the rollups must be up to date."""
    await db.execute(
        "DELETE FROM error_group WHERE id NOT IN (SELECT key FROM rollup WHERE measure = $1)",
        ERRORS,
    )
