"""`GET /api/v1/noise`: de-biased sums of the counters that were told with noise."""

from typing import Any

import msgspec
from aiohttp import web

from sidespool_collector.auth.tokens import Role
from sidespool_collector.debias import CONFIDENCE, Debias, Estimate
from sidespool_collector.store.contract import EventQuery
from sidespool_collector.web.context import COLLECTOR
from sidespool_collector.web.export import parse_end, parse_moment
from sidespool_collector.web.problem import json_response


async def get_noise(request: web.Request) -> web.Response:
    """Every noisy counter over `from` … `to` (by the time a period closed)."""
    collector = request.app[COLLECTOR]
    collector.require(request, Role.READ)
    since = parse_moment(request.query.get("from", ""))
    until = parse_end(request.query.get("to", ""))
    sums = Debias()
    async for chunk in collector.store.export(EventQuery(since, until, ("UsageSummary",))):
        for event in chunk:
            sums.add(_payload(event.payload))
    return json_response(
        {
            "confidence": CONFIDENCE,
            "implausible": sums.implausible,
            "counters": [_told(one) for one in sums.estimates()],
        }
    )


def _payload(raw: msgspec.Raw) -> dict[str, Any]:
    found = msgspec.json.decode(raw)
    return found if isinstance(found, dict) else {}


def _told(one: Estimate) -> dict[str, Any]:
    low, high = one.interval()
    return {
        "label": one.label,
        "kind": one.kind,
        "reports": one.reports,
        "sum": one.sum,
        "low": low,
        "high": high,
        "standard_error": one.standard_error,
        "mean": one.sum / one.reports,
    }
