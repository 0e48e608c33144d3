"""Health, Prometheus metrics and the API's own description."""

import msgspec
from aiohttp import web

from sidespool_collector import VERSION
from sidespool_collector.auth.tokens import Role
from sidespool_collector.openapi import document
from sidespool_collector.store.contract import FactQuery, StoreBusyError
from sidespool_collector.web.alerts import current
from sidespool_collector.web.charts import CATCH_UP_S
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.counters import CONTENT_TYPE
from sidespool_collector.web.problem import come_again, json_response

DAY_MS = 86_400_000
PERIODS = {"1d": 1, "7d": 7, "30d": 30}


async def get_health(request: web.Request) -> web.Response:
    """Whether a batch would be taken now; needs no token and says nothing else."""
    collector = request.app[COLLECTOR]
    try:
        await collector.store.seen("")
    except StoreBusyError as error:
        raise come_again(503, "overloaded", error.retry_after_s) from None
    return json_response({"status": "ok", "version": VERSION, "store": collector.store.name})


async def get_prometheus(request: web.Request) -> web.Response:
    """Counters since the start and gauges of the store."""
    collector = request.app[COLLECTOR]
    if not collector.is_open:
        collector.require(request, Role.READ)
    await collector.store.refresh(CATCH_UP_S)
    holding = await collector.store.holding()
    counts = {name: await _use(collector, days) for name, days in PERIODS.items()}
    status = await current(collector)
    firing = {rule.name for rule in status.firing}
    collector.counters.show_use(counts, {r.name: r.name in firing for r in status.rules})
    return web.Response(
        body=collector.counters.render(holding), headers={"Content-Type": CONTENT_TYPE}
    )


async def _use(collector: Collector, days: int) -> tuple[int, int]:
    """Sessions and installs of the days up to now; none where they are too few to show."""
    now = now_ms()
    query = FactQuery("session", now - days * DAY_MS, now)
    found = await collector.store.installs(query)
    sessions, installs = sum(c.sessions for c in found), sum(c.installs for c in found)
    return (0, 0) if installs < collector.settings.min_group else (sessions, installs)


async def get_openapi(request: web.Request) -> web.Response:
    """The OpenAPI 3.1 document; public, like this source."""
    return web.Response(body=msgspec.json.encode(document()), content_type="application/json")
