"""`/login/oidc`: to the provider and back, then a session cookie as any other.

The cookie of the trip is SameSite=Lax, because the way back begins on another site. The session's
is Strict, and a browser would not send it along on that same way; so the answer is a page of our
own that leads on to the dashboard.
"""

import logging

from aiohttp import web

from sidespool_collector.auth.person import PERSON_MS, OidcError, open_person, token_of
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.page import render
from sidespool_collector.web.place import own_url
from sidespool_collector.web.problem import ProblemError
from sidespool_collector.web.sign_in import SESSION_COOKIE, login_page, set_cookie

TRIP_COOKIE = "sidespool_trip"
TRIP_PATH = "/login/oidc"
log = logging.getLogger("sidespool_collector")


async def get_leave(request: web.Request) -> web.Response:
    """Sends a person to the provider."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    if collector.oidc is None:
        raise ProblemError(404, "not_found")
    key = collector.tokens.book.session_key
    try:
        url, cookie = await collector.oidc.leave(key, _callback(collector, request), now_ms())
    except OidcError as error:
        log.warning("sign-in: %s", error)
        return login_page(request, "The sign-in service does not answer. Try again later.")
    response = web.Response(status=303, headers={"Location": url})
    set_cookie(
        response, collector, TRIP_COOKIE, cookie, 600, same_site="Lax", path=TRIP_PATH
    )  # fmt: skip
    return response


async def get_callback(request: web.Request) -> web.Response:
    """Takes a person who comes back."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    if collector.oidc is None:
        raise ProblemError(404, "not_found")
    key, now = collector.tokens.book.session_key, now_ms()
    cookie = request.cookies.get(TRIP_COOKIE, "")
    try:
        person = await collector.oidc.come_back(
            key, cookie, _callback(collector, request), dict(request.query), now
        )
    except OidcError as error:
        log.warning("sign-in: %s", error)
        return login_page(request, "Signing in did not work. Try again.")
    settings = collector.settings
    if token_of(person, settings.oidc_readers, settings.oidc_admins) is None:
        await collector.note(person.name, "sign-in refused")
        return login_page(request, "You are not on the list of readers: ask the operator.")
    response = render("signed_in.html")
    response.del_cookie(TRIP_COOKIE, path=TRIP_PATH)
    set_cookie(
        response, collector, SESSION_COOKIE, open_person(key, person, now), PERSON_MS // 1000
    )
    await collector.note(person.name, "signed in")
    return response


def _callback(collector: Collector, request: web.Request) -> str:
    return f"{own_url(collector, request)}{TRIP_PATH}/callback"
