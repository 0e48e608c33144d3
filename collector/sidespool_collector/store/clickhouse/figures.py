# ruff: noqa: S608  (names of our own tables, numbers)
"""Small questions about the store: intake, holdings, refusals, the audit log."""

from collections.abc import Iterable
from typing import Any

from sidespool_collector.chart.measure import EVENTS
from sidespool_collector.event import Refused
from sidespool_collector.store.clickhouse.link import Link
from sidespool_collector.store.clickhouse.rollup import current
from sidespool_collector.store.clickhouse.schema import add, new_version
from sidespool_collector.store.clickhouse.text import quoted
from sidespool_collector.store.contract import Act, Holding, Intake
from sidespool_collector.store.span import HOUR, HOUR_MS
from sidespool_collector.store.stored import plain
from sidespool_collector.store.tally import intake_of

SPOOLED_DAYS = 60  # a daemon keeps a batch for 30 days at most; clocks may be off


async def intake(link: Link, since_ms: int, until_ms: int) -> Intake:
    """Sums by when batches came, not by when their events happened; hours are the finest step."""
    since, until = since_ms // HOUR_MS, -(-until_ms // HOUR_MS)
    return intake_of(
        (what, n)
        for _, what, n in await link.rows(
            intake_sql(
                f"hour >= {since} AND hour < {until}",
                "0",
                f"day = 0 OR day >= {max(0, since // 24 - SPOOLED_DAYS)}",
            )
        )
    )


def intake_sql(condition: str, hour: str = "hour", days: str = "1") -> str:
    """Counts by hour and `what`, from batches and from what another store had counted.

    `days` leaves out partitions whose keys are too old for what came in these hours.
    """
    return (
        f"SELECT {hour} AS h, what, sum(n) AS ns FROM ("
        f"SELECT intDiv(received_at, {HOUR_MS}) AS hour, w AS what, c AS n FROM "
        f"(SELECT received_at, what AS ws, n AS cs FROM batch FINAL WHERE {days}) "
        f"ARRAY JOIN ws AS w, cs AS c WHERE {condition} "
        f"UNION ALL SELECT hour, what, n FROM intake FINAL WHERE {condition}) "
        "GROUP BY h, what"
    )


async def holding(link: Link) -> Holding:
    """Counts from the rollups, edges from the hours they name: the same cost at any size."""
    found = await link.rows(
        "SELECT key, sum(n), min(start), max(start) FROM rollup "
        f"WHERE grain = {HOUR} AND measure = '{EVENTS}' AND {current(HOUR)} GROUP BY key"
    )
    by_type = {key: n for key, n, _, _ in found}
    files, size = (
        await link.rows("SELECT count(), sum(size) FROM attachment FINAL WHERE NOT gone")
    )[0]
    return Holding(
        events=sum(by_type.values()),
        by_type=by_type,
        size_bytes=await link.value(
            "SELECT sum(bytes_on_disk) FROM system.parts "
            f"WHERE active AND database = {quoted(link.database)}"
        ),
        oldest_ms=await _edge(link, "min", min((low for _, _, low, _ in found), default=None)),
        newest_ms=await _edge(link, "max", max((high for _, _, _, high in found), default=None)),
        rejected=await link.value("SELECT count() FROM rejected FINAL"),
        attachments=files,
        attachment_bytes=size,
        pending_deletions=await link.value(
            "SELECT count() FROM erasure FINAL WHERE state != 'erased'"
        ),
    )


async def _edge(link: Link, which: str, start: int | None) -> int | None:
    if start is None:
        return None
    hour = start // HOUR_MS
    rows = await link.rows(
        f"SELECT count(), {which}(at) FROM event WHERE hour = {hour} AND day IN "
        f"(SELECT day FROM touched WHERE hour = {hour})"
    )
    n, at = rows[0]
    return at if n else start


async def rejected(link: Link, limit: int) -> list[tuple[int, Refused]]:
    """The latest refusals."""
    rows = await link.rows(
        "SELECT received_at, event_id, reason, detail, event_type, user_id, size, content "
        f"FROM rejected FINAL ORDER BY id DESC LIMIT {limit:d}"
    )
    return [
        (received, Refused(event_id or None, reason, detail, kind, user, size, content or None))
        for received, event_id, reason, detail, kind, user, size, content in rows
    ]


async def note(link: Link, acts: Iterable[Act]) -> None:
    """Adds to the audit log."""
    first = new_version()
    rows: list[tuple[Any, ...]] = [
        (first + n, act.at_ms, plain(act.who), plain(act.act), plain(act.detail), 0)
        for n, act in enumerate(acts)
    ]
    await add(link, "audit", rows)


async def audit(link: Link, limit: int) -> list[Act]:
    """The latest acts."""
    rows = await link.rows(
        f"SELECT at, who, act, detail FROM audit FINAL ORDER BY id DESC LIMIT {limit:d}"
    )
    return [Act(*row) for row in rows]
