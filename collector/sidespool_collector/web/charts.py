"""`GET /api/v1/metrics/{name}`: the figures behind every chart, as JSON, CSV or SQL."""

import asyncio
import csv
import io

from aiohttp import web

from sidespool.wire.event import format_time
from sidespool_collector.chart.build import BUILDERS
from sidespool_collector.chart.floor import held_to_floor
from sidespool_collector.chart.model import Chart
from sidespool_collector.chart.reading import OnceReading, Reading
from sidespool_collector.chart.usage import adoption
from sidespool_collector.chart.view import DAY_MS, RANGE_MAX_MS, View, default_view
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.export import parse_end, parse_moment
from sidespool_collector.web.problem import ProblemError, json_response
from sidespool_collector.web.sign_in import require_reader

GROUP_MAX = 50
CATCH_UP_S = 1.0  # how long an answer may wait for figures that are still being added up


async def get_chart(request: web.Request) -> web.Response:
    """One chart; `format` json (default), csv or sql."""
    collector = request.app[COLLECTOR]
    require_reader(request)
    name = request.match_info["name"]
    kind = request.query.get("format", "json")
    if name not in BUILDERS:
        raise ProblemError(404, "not_found")
    if kind not in ("json", "csv", "sql"):
        raise ProblemError(400, "bad_query")
    view = view_of(request)
    if kind == "sql":
        return web.Response(text=chart_sql(collector, name, view), content_type="text/plain")
    is_complete = await collector.store.refresh(CATCH_UP_S)
    chart = await build(name, view, collector.store)
    if kind == "csv":
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        return web.Response(text=as_csv(chart), content_type="text/csv", headers=headers)
    return json_response(
        {
            "name": chart.name,
            "title": chart.title,
            "from": format_time(view.since_ms),
            "to": format_time(view.until_ms),
            "is_complete": is_complete,
            "filters": {"version": view.app_version, "os": view.os},
            "min_group": view.min_group,
            "is_withheld": chart.is_withheld,
            "figures": chart.figures,
            "x": chart.x,
            "series": chart.series,
            "table": chart.table,
        }
    )


async def build(name: str, view: View, reading: Reading) -> Chart:
    """One chart of a view, held to its smallest group."""
    if name == "adoption":
        chart = await adoption(reading, view, view.min_group)
    else:
        chart = await BUILDERS[name](reading, view)
    return await held_to_floor(reading, view, chart)


async def build_all(collector: Collector, view: View) -> dict[str, Chart]:
    """Every chart of a view, side by side, asking the store for each thing once."""
    try:
        async with asyncio.TaskGroup() as group:
            reading = OnceReading(collector.store, group)
            tasks = {name: group.create_task(build(name, view, reading)) for name in BUILDERS}
    except* StoreBusyError as errors:
        raise StoreBusyError(str(errors.exceptions[0])) from errors
    return {name: task.result() for name, task in tasks.items()}


def view_of(request: web.Request) -> View:
    """The view a query string asks for; a date as `to` includes that day."""
    query = request.query
    usual = default_view(now_ms())
    until = parse_end(query.get("to", ""))
    since = parse_moment(query.get("from", ""))
    if until is None:
        until = usual.until_ms
    if since is None:
        since = min(usual.since_ms, until - DAY_MS)
    if not 0 < until - since <= RANGE_MAX_MS or abs(since) > 2**52:
        raise ProblemError(400, "bad_query")
    return View(
        since, until, query.get("version", "")[:256], query.get("os", "")[:256], _floor(request)
    )


def _floor(request: web.Request) -> int:
    """The operator's smallest group, or a larger one that the reader asks for with `k`."""
    least = request.app[COLLECTOR].settings.min_group
    text = request.query.get("k", "") or "1"
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= GROUP_MAX:
        raise ProblemError(400, "bad_query")
    return max(least, int(text))


def chart_sql(collector: Collector, name: str, view: View) -> str:
    """The statement behind a chart with its period."""
    from sidespool_collector.chart.names import CHARTS

    statement = collector.store.sql(CHARTS[name].measure)
    return f"-- :since = {view.since_ms}, :until = {view.until_ms}\n{statement};\n"


def as_csv(chart: Chart) -> str:
    """The series, or where there are none the table."""
    out = io.StringIO()
    writer = csv.writer(out)
    if chart.series:
        writer.writerow(["time", *(series.label for series in chart.series)])
        columns = [series.values for series in chart.series]
        for stamp, *values in zip(chart.x, *columns, strict=True):
            writer.writerow([format_time(stamp * 1000), *values])
    elif chart.table is not None:
        writer.writerow(chart.table.columns)
        writer.writerows(chart.table.rows)
    return out.getvalue()
