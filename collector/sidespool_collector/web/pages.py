"""The dashboard's pages and the files they need; all of them come from here."""

from functools import cache
from importlib.resources import files

import msgspec
from aiohttp import web

from sidespool_collector import VERSION
from sidespool_collector.auth.tokens import Role
from sidespool_collector.chart.floor import names_to_offer
from sidespool_collector.chart.model import Chart
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.chart.view import DAY_MS, HOUR_MS, View, default_view, moment
from sidespool_collector.store.contract import ErrorGroup
from sidespool_collector.web.alerts import current
from sidespool_collector.web.charts import CATCH_UP_S, build_all, chart_sql, view_of
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.page import render
from sidespool_collector.web.place import own_url
from sidespool_collector.web.problem import ProblemError
from sidespool_collector.web.sign_in import (
    SESSION_COOKIE,
    checked_form,
    form_of,
    reader_of,
    require_reader,
)  # fmt: skip

STATIC_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}
PRESETS = ((1, "24 hours"), (7, "7 days"), (30, "30 days"), (90, "90 days"))
ERROR_STATUSES = ("open", "resolved", "ignored")
REFUSED_SHOWN = 10
GROUP_SIZES = (5, 10, 20, 50)


async def get_dashboard(request: web.Request) -> web.StreamResponse:
    """The one page; without a session it leads to the door."""
    collector = request.app[COLLECTOR]
    token = None if collector.is_open else reader_of(request)
    if token is None and not collector.is_open:
        if "Authorization" not in request.headers:
            return web.Response(status=303, headers={"Location": "/login"})
        require_reader(request)
    view = view_of(request)
    is_complete = await collector.store.refresh(CATCH_UP_S)
    charts = await build_all(collector, view)
    versions, systems = await _offered(collector, view)
    holding = await collector.store.holding()
    may_change = collector.is_open or (token is not None)
    return render(
        "dashboard.html",
        version=VERSION,
        view=view,
        from_text=moment(view.since_ms)[:10],
        to_text=moment(view.until_ms - 1)[:10],
        presets=_presets(view),
        charts=charts,
        info=CHARTS,
        sql={name: chart_sql(collector, name, view) for name in charts},
        groups=await _groups(collector, view, charts),
        refused=await collector.store.rejected(REFUSED_SHOWN),
        is_withheld=charts["sessions"].is_withheld,
        group_sizes=[k for k in GROUP_SIZES if k > collector.settings.min_group],
        least_group=collector.settings.min_group,
        versions=versions,
        systems=systems,
        holding=holding,
        retention_days=collector.settings.retention_days,
        is_empty=holding.events == 0,
        is_complete=is_complete,
        url=own_url(collector, request),
        is_open=collector.is_open,
        alerts=await current(collector),
        has_sql=collector.settings.sql != "off" and (collector.is_open or token is not None),
        form=form_of(request) if may_change and not collector.is_open else "",
        now=now_ms(),
    )


async def _offered(collector: Collector, view: View) -> tuple[list[str], list[str]]:
    """Versions and systems to choose from."""
    store = collector.store
    versions, systems = await store.versions_and_systems()
    return (
        await names_to_offer(store, view, "app_version", versions),
        await names_to_offer(store, view, "os", systems),
    )


async def _groups(collector: Collector, view: View, charts: dict[str, Chart]) -> list[ErrorGroup]:
    if charts["errors"].is_withheld:
        return []
    return await collector.store.error_groups(view.query("error"), 20)


def _presets(view: View) -> list[tuple[str, str, bool]]:
    now = now_ms()
    found = []
    for days, label in PRESETS:
        wanted = default_view(now, days)
        if days == 1:
            until = now - now % HOUR_MS + HOUR_MS
            wanted = View(until - DAY_MS, until)
        span = view.until_ms - view.since_ms
        is_now = span == wanted.until_ms - wanted.since_ms and view.until_ms >= wanted.until_ms
        filtered = msgspec.structs.replace(view, since_ms=wanted.since_ms, until_ms=wanted.until_ms)
        found.append((label, filtered.text(), is_now))
    return found


async def post_error_status(request: web.Request) -> web.Response:
    """Marks an error group `open`, `resolved` or `ignored`."""
    collector = request.app[COLLECTOR]
    token = reader_of(request)
    if token is None or not token.may(Role.READ):
        raise ProblemError(403, "forbidden")
    fields = await checked_form(request, SESSION_COOKIE)
    status, group = fields.get("status", ""), request.match_info["group"]
    if status not in ERROR_STATUSES:
        raise ProblemError(400, "bad_query")
    if not await collector.store.set_error_status(group, status, now_ms()):
        raise ProblemError(404, "not_found")
    await collector.note(token.name, f"error {status}", group)
    query = request.query_string
    return web.Response(
        status=303, headers={"Location": f"/?{query}#errors" if query else "/#errors"}
    )


@cache
def _static(name: str) -> bytes | None:
    if ".." in name or name.startswith("/"):
        return None
    file = files("sidespool_collector").joinpath("dashboard", "static", *name.split("/"))
    return file.read_bytes() if file.is_file() else None


async def get_static(request: web.Request) -> web.Response:
    """A file of the dashboard."""
    name = request.match_info["name"]
    kind = STATIC_TYPES.get(name.rpartition(".")[2])
    body = _static(name) if kind else None
    if body is None or kind is None:
        raise ProblemError(404, "not_found")
    return web.Response(
        body=body,
        content_type=kind,
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=3600"},
    )
