"""The dashboard's door: a read token once, then a session cookie."""

import secrets

from aiohttp import web

from sidespool_collector.auth.person import read_person, token_of
from sidespool_collector.auth.session import (
    SESSION_MS,
    form_token,
    is_form_token,
    open_session,
    read_session,
    token_ref,
)  # fmt: skip
from sidespool_collector.auth.tokens import Role, Token
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.page import render
from sidespool_collector.web.problem import ProblemError

SESSION_COOKIE = "sidespool_session"
FORM_COOKIE = "sidespool_form"


def reader_of(request: web.Request) -> Token | None:
    """The token behind a session cookie, if it still allows reading."""
    collector = request.app[COLLECTOR]
    cookie = request.cookies.get(SESSION_COOKIE, "")
    if not cookie:
        return None
    book = collector.tokens.book
    now = now_ms()
    person = read_person(book.session_key, cookie, now)
    if person is not None:
        settings = collector.settings
        return token_of(person, settings.oidc_readers, settings.oidc_admins)
    reference = read_session(book.session_key, cookie, now)
    for token in book.tokens:
        if token_ref(token.digest) == reference and token.is_valid(now) and token.may(Role.READ):
            return token
    return None


def require_reader(request: web.Request) -> str:
    """The reader's name: an open dashboard, a session, or a bearer token; raises 401 or 403."""
    collector = request.app[COLLECTOR]
    if collector.is_open:
        return "open"
    token = reader_of(request)
    if token is None:
        token = collector.require(request, Role.READ)
    return token.name


def form_of(request: web.Request) -> str:
    """The form token for pages shown to this session."""
    book = request.app[COLLECTOR].tokens.book
    return form_token(book.session_key, request.cookies.get(SESSION_COOKIE, ""))


async def checked_form(request: web.Request, cookie_name: str) -> dict[str, str]:
    """The fields of a form that was made here; raises 403 for one from anywhere else."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ProblemError(403, "cross_site")
    if request.content_type != "application/x-www-form-urlencoded":
        raise ProblemError(415, "unsupported_type")
    fields = {name: str(value) for name, value in (await request.post()).items()}
    key = request.app[COLLECTOR].tokens.book.session_key
    cookie = request.cookies.get(cookie_name, "")
    if not is_form_token(key, cookie, fields.get("form", "")):
        raise ProblemError(403, "cross_site")
    return fields


async def get_login(request: web.Request) -> web.Response:
    """The form."""
    return login_page(request, "")


def login_page(request: web.Request, message: str) -> web.Response:
    """The door, with what went wrong."""
    collector = request.app[COLLECTOR]
    cookie = request.cookies.get(FORM_COOKIE, "") or secrets.token_urlsafe(16)
    form = form_token(collector.tokens.book.session_key, cookie)
    response = render(
        "login.html",
        status=403 if message else 200,
        form=form,
        message=message,
        has_oidc=collector.oidc is not None,
    )
    set_cookie(response, collector, FORM_COOKIE, cookie, 3600)
    return response


async def post_login(request: web.Request) -> web.Response:
    """Opens a session for a valid read token."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    fields = await checked_form(request, FORM_COOKIE)
    now = now_ms()
    token = collector.tokens.find(fields.get("token", "").strip(), now)
    if token is None or not token.may(Role.READ):
        return login_page(request, "This is not a valid token with the role read.")
    response = web.Response(status=303, headers={"Location": "/"})
    cookie = open_session(collector.tokens.book.session_key, token.digest, now)
    set_cookie(response, collector, SESSION_COOKIE, cookie, SESSION_MS // 1000)
    await collector.note(token.name, "signed in")
    return response


async def post_logout(request: web.Request) -> web.Response:
    """Ends the session."""
    await checked_form(request, SESSION_COOKIE)
    response = web.Response(status=303, headers={"Location": "/login"})
    response.del_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="Strict")
    return response


def set_cookie(
    response: web.Response, collector: Collector, name: str, value: str, max_age_s: int,
    *, same_site: str = "Strict", path: str = "/",
) -> None:  # fmt: skip
    """A cookie that scripts cannot read, and only TLS carries where there is TLS."""
    settings = collector.settings
    is_tls = settings.tls_cert is not None or settings.public_url.startswith("https://")
    response.set_cookie(
        name, value, max_age=max_age_s, path=path, httponly=True, samesite=same_site, secure=is_tls
    )
