"""`POST /api/v1/sql` and the page `/sql`: one SELECT over the view `events`, within limits.

Answers hold single events, as an export does: no smallest group applies here. COLLECTOR_SQL says
who may ask, `read` (the default), `admin`, or nobody.
"""

import csv
import io
import time

import msgspec
from aiohttp import web

from sidespool_collector import VERSION
from sidespool_collector.auth.tokens import Role, Token
from sidespool_collector.store.console import (
    ConsoleAnswer,
    ConsoleError,
    ConsoleLimits,
    ConsoleOffError,
    with_moments,
    without_values,
)  # fmt: skip
from sidespool_collector.store.console_opening import console_of
from sidespool_collector.web.body import read_body
from sidespool_collector.web.charts import view_of
from sidespool_collector.web.context import COLLECTOR, Collector
from sidespool_collector.web.page import render
from sidespool_collector.web.problem import ProblemError, json_response
from sidespool_collector.web.sign_in import SESSION_COOKIE, checked_form, form_of, reader_of
from sidespool_collector.writing import defused

SQL_MAX = 20_000
NOTED_MAX = 200
EXAMPLE = (
    "SELECT event_type, count(*) AS n, count(DISTINCT user_id) AS installs\n  FROM events\n"
    " WHERE corrected_ms >= :since AND corrected_ms < :until\n GROUP BY event_type ORDER BY n DESC"
)


class SqlRequest(msgspec.Struct):
    """`:since` and `:until` in the statement stand for `from` and `to` of the query string."""

    sql: str


_DECODER = msgspec.json.Decoder(SqlRequest)


async def post_sql(request: web.Request) -> web.Response:
    """`{"columns","rows","is_cut"}`, or CSV with `format=csv`."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    token = collector.require(request, Role.READ)
    kind = request.query.get("format", "json")
    if kind not in ("json", "csv"):
        raise ProblemError(400, "bad_query")
    with collector.admission.share() as share:
        body, _ = await read_body(request, collector.settings, share)
    try:
        sql = _DECODER.decode(body).sql
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise ProblemError(400, "bad_json") from None
    try:
        answer = await _ask(request, token, sql)
    except ConsoleError as error:
        raise ProblemError(400, "bad_sql", detail=str(error)) from None
    if kind == "csv":
        headers = {"Content-Disposition": 'attachment; filename="sidespool-sql.csv"'}
        return web.Response(text=_csv(answer), content_type="text/csv", headers=headers)
    return json_response(answer)


async def _ask(request: web.Request, token: Token | None, sql: str) -> ConsoleAnswer:
    """Raises ConsoleError, and ProblemError where asking is not allowed or not possible."""
    collector = request.app[COLLECTOR]
    _allow(collector, token)
    if not 0 < len(sql.strip()) <= SQL_MAX or "\0" in sql:
        raise ConsoleError(f"a statement has 1 to {SQL_MAX:,} characters")
    view = view_of(request)
    try:
        collector.console = collector.console or console_of(
            collector.settings.store_url, collector.settings.sql_store
        )
        statement = with_moments(sql, view.since_ms, view.until_ms)
        noted = without_values(sql)[:NOTED_MAX]
        await collector.note(token.name if token else "open", "sql", noted)
        return await collector.console.run(statement, ConsoleLimits())
    except ConsoleOffError as error:
        raise ProblemError(404, "no_console", detail=str(error)) from None


def _allow(collector: Collector, token: Token | None) -> None:
    who = collector.settings.sql
    if who == "off":
        raise ProblemError(404, "no_console", detail="The operator has switched it off.")
    is_open = token is None and collector.is_open
    if not is_open and (token is None or not token.may(Role(who))):
        raise ProblemError(403, "forbidden")


def _csv(answer: ConsoleAnswer) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(answer.columns)
    writer.writerows(
        [defused(value) if isinstance(value, str) else value for value in row]
        for row in answer.rows
    )
    return out.getvalue()


async def get_sql_page(request: web.Request) -> web.Response:
    """The form; without a session it leads to the door."""
    collector = request.app[COLLECTOR]
    token = reader_of(request)
    if token is None and not collector.is_open:
        return web.Response(status=303, headers={"Location": "/login"})
    _allow(collector, token)
    return _page(request, EXAMPLE)


async def post_sql_page(request: web.Request) -> web.Response:
    """Runs what the form holds and shows it."""
    collector = request.app[COLLECTOR]
    token = reader_of(request)
    if collector.is_open:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise ProblemError(403, "cross_site")
        fields = {name: str(value) for name, value in (await request.post()).items()}
    else:
        fields = await checked_form(request, SESSION_COOKIE)
    sql = fields.get("sql", "")
    started = time.monotonic()
    try:
        answer = await _ask(request, token, sql)
    except ConsoleError as error:
        return _page(request, sql, problem=str(error))
    return _page(request, sql, answer=answer, took_ms=1000 * (time.monotonic() - started))


def _page(
    request: web.Request, sql: str, *, answer: ConsoleAnswer | None = None, problem: str = "",
    took_ms: float = 0.0,
) -> web.Response:  # fmt: skip
    collector = request.app[COLLECTOR]
    return render(
        "sql.html", sql=sql, answer=answer, problem=problem, took_ms=took_ms, version=VERSION,
        limits=ConsoleLimits(), form="" if collector.is_open else form_of(request),
    )  # fmt: skip
