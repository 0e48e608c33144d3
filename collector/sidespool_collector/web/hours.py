"""`GET /api/v1/hours`: what a copy must compare to know which hours to fetch again."""

import hashlib

from aiohttp import web

from sidespool.wire.event import format_time
from sidespool_collector.auth.tokens import Role
from sidespool_collector.chart.fingerprint import HOUR_MS, hour_prints
from sidespool_collector.store.contract import Store
from sidespool_collector.web.context import COLLECTOR, now_ms
from sidespool_collector.web.export import parse_end, parse_moment
from sidespool_collector.web.problem import ProblemError, come_again, json_response

CATCH_UP_S = 5.0
RANGE_MAX_MS = 32 * 24 * HOUR_MS
ROWS_AT_ONCE = 1000


async def get_hours(request: web.Request) -> web.Response:
    """`{"erasures","oldest","newest","hours":[{"start","events","fingerprint"}]}`.

    At most 32 days; without `from` and `to` the last 32. 503 while figures are being added up.
    """
    collector = request.app[COLLECTOR]
    collector.require(request, Role.READ)
    until = parse_end(request.query.get("to", ""))
    until = now_ms() + 24 * HOUR_MS if until is None else until
    since = parse_moment(request.query.get("from", ""))
    since = until - RANGE_MAX_MS if since is None else since
    if not 0 < until - since <= RANGE_MAX_MS or abs(since) > 2**52:
        raise ProblemError(400, "bad_query")
    if not await collector.store.refresh(CATCH_UP_S):
        raise come_again(503, "overloaded", 5)
    since -= since % HOUR_MS
    found = await hour_prints(collector.store, since, until)
    holding = await collector.store.holding()
    return json_response(
        {
            "erasures": await _erasures(collector.store),
            "oldest": _time(holding.oldest_ms),
            "newest": _time(holding.newest_ms),
            "hours": [
                {
                    "start": format_time(hour.start_ms),
                    "events": hour.events,
                    "fingerprint": hour.fingerprint,
                }
                for hour in found
            ],
        }
    )


async def _erasures(store: Store) -> str:
    """Changes with every erasure that was asked for or finished."""
    digest = hashlib.blake2b(digest_size=12)
    after = None
    while rows := await store.dump("erasure", after, ROWS_AT_ONCE):
        after = (rows[-1][0],)
        for receipt, state, *_ in rows:
            digest.update(f"{receipt}\0{state}\0".encode())
    return digest.hexdigest()


def _time(ms: int | None) -> str | None:
    return None if ms is None else format_time(ms)
