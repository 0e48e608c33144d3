# ruff: noqa: S608  (names of our own tables; texts are quoted)
"""Answers what charts ask, from the rows that rollup.py keeps."""

from typing import Any

from sidespool_collector.chart.measure import ERRORS, EVENTS
from sidespool_collector.store.clickhouse.link import Link
from sidespool_collector.store.clickhouse.rollup import PRESENCE, current
from sidespool_collector.store.clickhouse.schema import add, new_version
from sidespool_collector.store.clickhouse.text import listed, quoted
from sidespool_collector.store.contract import ErrorGroup, Fact, FactQuery, InstallCount
from sidespool_collector.store.group import error_group
from sidespool_collector.store.span import DAY, DAY_MS, HOUR, spans_of

LOADED = -1  # `error_group.start` of a row that came from another store


def _filters(query: FactQuery) -> str:
    found = ""
    if query.app_version:
        found += f" AND app_version = {quoted(query.app_version)}"
    if query.os:
        found += f" AND os = {quoted(query.os)}"
    return found


def _place(query: FactQuery) -> str:
    """The step and the name under which a row counts; see span.place_of."""
    step = f"intDiv(start, {query.step_ms}) * {query.step_ms}" if query.step_ms else query.since_ms
    names = {"key": "key", "app_version": "app_version", "os": "os"}
    name = names.get(query.by, "concat(app_version, ' · ', os)")
    return f"toInt64({step}) AS step, {name} AS name"


def _rows(query: FactQuery, table: str, columns: str, condition: str, offset: int) -> str:
    """The rows of all spans that answer a query."""
    parts = []
    for grain, since, until in spans_of(query):
        if since < until:
            span = f"start >= {since} AND start < {until}"
            parts.append(
                f"SELECT {columns} FROM {table} WHERE grain = {grain} AND {span}{condition}"
                f"{_filters(query)} AND {current(grain + offset, span)}"
            )
    return " UNION ALL ".join(parts)


async def read_facts(link: Link, query: FactQuery) -> list[Fact]:
    """Facts by step and by what `query.by` names; whole days are read from daily rows."""
    columns = "start, key, app_version, os, n, ok, samples, total, buckets, counts"
    condition = f" AND measure = {quoted(query.measure)}"
    inner = _rows(query, "rollup", columns, condition, 0)
    if not inner:
        return []
    found = await link.rows(
        f"SELECT step, name, ns, oks, values, totals, h.1, h.2 FROM (SELECT {_place(query)}, "
        "sum(n) AS ns, sum(ok) AS oks, sum(samples) AS values, sum(total) AS totals, "
        f"sumMap(buckets, counts) AS h FROM ({inner}) GROUP BY step, name) ORDER BY step, name"
    )
    return [
        Fact(step, name, n, ok, values, total, dict(zip(buckets, counts, strict=True)))
        for step, name, n, ok, values, total, buckets, counts in found
    ]


async def read_installs(link: Link, query: FactQuery) -> list[InstallCount]:
    """Sessions by their first event, and the distinct installs that began one."""
    columns = "start, '' AS key, app_version, os, sessions, installs"
    inner = _rows(query, "presence", columns, "", PRESENCE)
    if not inner:
        return []
    found = await link.rows(
        f"SELECT {_place(query)}, sum(sessions), uniqExactMerge(installs) FROM ({inner}) "
        "GROUP BY step, name ORDER BY step, name"
    )
    return [InstallCount(step, sessions, users, name) for step, name, sessions, users in found]


async def read_groups(link: Link, query: FactQuery, limit: int) -> list[ErrorGroup]:
    """The groups met most often in a range; days are the finest step."""
    span = f"start >= {query.since_ms - query.since_ms % DAY_MS} AND start < {query.until_ms}"
    frequent = await link.rows(
        "SELECT key, sum(n) AS ns, groupUniqArray(app_version) FROM rollup "
        f"WHERE grain = {DAY} AND measure = '{ERRORS}' AND {span}{_filters(query)} "
        f"AND {current(DAY, span)} GROUP BY key ORDER BY ns DESC, key LIMIT {limit:d}"
    )
    if not frequent:
        return []
    ids = listed(group for group, _, _ in frequent)
    known = {group: tuple(rest) for group, *rest in await group_rows(link, f"id IN ({ids})")}
    return [error_group(g, known[g], n, set(versions)) for g, n, versions in frequent if g in known]


async def group_rows(link: Link, condition: str, tail: str = "") -> list[list[Any]]:
    """`(id, error_type, template, stack, first_at, last_at, status, resolved_at)` of groups."""
    found = await link.rows(
        "SELECT id, any(error_type), any(template), argMax(stack, last_at), min(first_at), "
        f"max(last_at) FROM error_group FINAL WHERE {condition} AND (start = {LOADED} OR "
        f"{current(HOUR)}) GROUP BY id ORDER BY id{tail}"
    )
    if not found:
        return []
    ids = listed(row[0] for row in found)
    states = {
        group: (status, resolved or None)
        for group, status, resolved in await link.rows(
            f"SELECT id, status, resolved_at FROM error_state FINAL WHERE id IN ({ids})"
        )
    }
    return [[*row, *states.get(row[0], ("open", None))] for row in found]


async def set_status(link: Link, group: str, status: str, now_ms: int) -> bool:
    """Marks a group; `resolved` remembers when, so that a later error is a regression."""
    if not await group_rows(link, f"id = {quoted(group)}"):
        return False
    resolved = now_ms if status == "resolved" else 0
    await add(link, "error_state", [(group, status, resolved, new_version())])
    return True


async def versions_and_systems(link: Link) -> tuple[list[str], list[str]]:
    """Values of the dashboard's filters, most used first."""
    found = []
    for column in ("app_version", "os"):
        rows = await link.rows(
            f"SELECT {column}, sum(n) AS ns FROM rollup WHERE grain = {DAY} "
            f"AND measure = '{EVENTS}' AND {current(DAY)} GROUP BY {column} "
            f"ORDER BY ns DESC, {column} LIMIT 50"
        )
        found.append([value for value, _ in rows])
    return found[0], found[1]
