"""Small questions about the store: intake, holdings, refusals, the audit log."""

from collections.abc import Iterable
from typing import Any

from sidespool_collector.chart.measure import EVENTS
from sidespool_collector.event import Refused
from sidespool_collector.store.contract import Act, Holding, Intake
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.stored import plain
from sidespool_collector.store.tally import intake_of

_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class "
    "WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'event'::regclass) "
    "AND relkind = 'r'"
)


async def intake(db: Any, since_ms: int, until_ms: int) -> Intake:
    """Sums by when batches came, not by when their events happened; hours are the finest step."""
    found = await db.fetch(
        "SELECT what, sum(n)::bigint FROM intake WHERE hour >= $1 AND hour < $2 GROUP BY what",
        since_ms // HOUR_MS,
        -(-until_ms // HOUR_MS),
    )
    return intake_of((what, n) for what, n in found)


async def holding(db: Any) -> Holding:
    """Counts from the rollups, edges from the hours they name: the same cost at any size."""
    found = await db.fetch(
        "SELECT key, sum(n)::bigint, min(start), max(start) FROM rollup "
        "WHERE grain = 1 AND measure = $1 GROUP BY key",
        EVENTS,
    )
    by_type = {key: n for key, n, _, _ in found}
    files, file_bytes = await db.fetchrow(
        "SELECT count(*), coalesce(sum(size), 0)::bigint FROM attachment"
    )
    return Holding(
        events=sum(by_type.values()),
        by_type=by_type,
        size_bytes=await db.fetchval(_SIZE),
        oldest_ms=await _edge(db, "min", min((low for _, _, low, _ in found), default=None)),
        newest_ms=await _edge(db, "max", max((high for _, _, _, high in found), default=None)),
        rejected=await db.fetchval("SELECT count(*) FROM rejected"),
        attachments=files,
        attachment_bytes=file_bytes,
        pending_deletions=await db.fetchval("SELECT count(*) FROM erasure WHERE state != 'erased'"),
    )


async def _edge(db: Any, which: str, hour: int | None) -> int | None:
    if hour is None:
        return None
    at: int | None = await db.fetchval(
        f"SELECT {which}(at) FROM event WHERE type = ANY(ARRAY(SELECT id FROM event_type)) "  # noqa: S608
        "AND at >= $1 AND at < $2",
        hour,
        hour + HOUR_MS,
    )
    return at if at is not None else hour


async def rejected(db: Any, limit: int) -> list[tuple[int, Refused]]:
    """The latest refusals."""
    rows = await db.fetch(
        "SELECT received_at, event_id, reason, detail, event_type, user_id, size, content "
        "FROM rejected ORDER BY id DESC LIMIT $1",
        limit,
    )
    return [(received, Refused(*rest)) for received, *rest in rows]


async def versions_and_systems(db: Any) -> tuple[list[str], list[str]]:
    """Values of the dashboard's filters, most used first."""
    found = []
    for column in ("app_version", "os"):
        rows = await db.fetch(
            f"SELECT {column} FROM rollup WHERE grain = 24 AND measure = $1 "  # noqa: S608
            f"GROUP BY {column} ORDER BY sum(n) DESC LIMIT 50",
            EVENTS,
        )
        found.append([value for (value,) in rows])
    return found[0], found[1]


async def note(db: Any, acts: Iterable[Act]) -> None:
    """Adds to the audit log."""
    await db.executemany(
        "INSERT INTO audit (at, who, act, detail) VALUES ($1, $2, $3, $4)",
        [(act.at_ms, plain(act.who), plain(act.act), plain(act.detail)) for act in acts],
    )


async def audit(db: Any, limit: int) -> list[Act]:
    """The latest acts."""
    rows = await db.fetch("SELECT at, who, act, detail FROM audit ORDER BY id DESC LIMIT $1", limit)
    return [Act(*row) for row in rows]
