"""Around every request: security headers, constant error bodies, a count, and no surprises.

A client never sees a stack trace, and the log never sees a query string, an address or a body.
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from sidespool.errors import SidespoolError
from sidespool_collector.ingest.admission import OverloadedError
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.web.context import COLLECTOR
from sidespool_collector.web.problem import ProblemError, come_again

log = logging.getLogger("sidespool_collector")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into an answer."""
    collector = request.app[COLLECTOR]
    with collector.answering():
        response = await _answer(request, handler)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "other"
    collector.counters.requests.labels(route, str(response.status)).inc()
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except OverloadedError as error:
        return come_again(503, "overloaded", error.retry_after_s).response()
    except StoreBusyError as error:
        log.warning("store: %s", error)
        return come_again(503, "overloaded", error.retry_after_s).response()
    except web.HTTPMethodNotAllowed as error:
        allow = {"Allow": ", ".join(sorted(error.allowed_methods))}
        return ProblemError(405, "method_not_allowed", allow).response()
    except web.HTTPNotFound:
        return ProblemError(404, "not_found").response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return ProblemError(error.status, "bad_request").response()
    except SidespoolError as error:
        log.error("%s", error)  # the message is the whole story
        return come_again(503, "overloaded", 30).response()
    except ConnectionError:
        raise
    except Exception:  # the operator reads it, the client does not
        log.exception("request failed: %s %s", request.method, request.path)
        return ProblemError(500, "internal").response()


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Sets the security headers on every answer, also on streamed ones."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "sidespool"
    if request.app[COLLECTOR].is_draining:
        response.force_close()
