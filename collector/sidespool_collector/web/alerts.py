"""`/api/v1/alerts` and `/api/v1/silences`: what fires, what is silenced, and by whom."""

import msgspec
from aiohttp import web

from sidespool.wire.event import format_time
from sidespool_collector.alert.machine import Silence
from sidespool_collector.alert.silence import add_silence, end_silence
from sidespool_collector.alert.status import AlertStatus, status_of
from sidespool_collector.auth.tokens import Role
from sidespool_collector.web.body import read_body
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.problem import ProblemError, json_response
from sidespool_collector.web.sign_in import require_reader

HOUR_MS = 3_600_000
HOURS_MAX = 24 * 90


class SilenceRequest(msgspec.Struct):
    """`rule` is a name, or a pattern with `*` and `?`."""

    rule: str
    hours: float
    reason: str = ""


_DECODER = msgspec.json.Decoder(SilenceRequest)


async def current(collector: Collector) -> AlertStatus:
    """The state as of the last turn."""
    alerts = collector.alerts
    return await status_of(collector.store, alerts.plan, alerts.problem, now_ms())


async def get_alerts(request: web.Request) -> web.Response:
    """Every rule with its state, every destination, every silence."""
    require_reader(request)
    found = await current(request.app[COLLECTOR])
    value = msgspec.to_builtins(found)
    for rule in value["rules"]:
        rule["since"] = _time(rule.pop("since_ms"))
    for destination in value["destinations"]:
        destination["last_at"] = _time(destination.pop("last_ms"))
    value["silences"] = [_silence(silence) for silence in found.silences]
    return json_response(value)


async def post_silence(request: web.Request) -> web.Response:
    """201 with the silence; needs an admin token."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    token = collector.require(request, Role.ADMIN)
    with collector.admission.share() as share:
        body, _ = await read_body(request, collector.settings, share)
    try:
        wanted = _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise ProblemError(400, "bad_json") from None
    is_text = 0 < len(wanted.rule) <= 100 and len(wanted.reason) <= 200
    if not is_text or not 0 < wanted.hours <= HOURS_MAX:
        raise ProblemError(400, "bad_json")
    now = now_ms()
    until = now + int(wanted.hours * HOUR_MS)
    silence = await add_silence(collector.store, wanted.rule, until, token.name, wanted.reason, now)
    await collector.note(token.name, "silence", f"{silence.id} until {format_time(until)}")
    return json_response(_silence(silence), 201)


async def delete_silence(request: web.Request) -> web.Response:
    """Ends a silence; needs an admin token."""
    collector = request.app[COLLECTOR]
    token = collector.require(request, Role.ADMIN)
    number = request.match_info["id"]
    if not await end_silence(collector.store, number, now_ms()):
        raise ProblemError(404, "not_found")
    await collector.note(token.name, "silence ended", number[:40])
    return json_response({"ended": number})


def _silence(silence: Silence) -> dict[str, str]:
    return {
        "id": silence.id,
        "rule": silence.rule,
        "until": format_time(silence.until_ms),
        "who": silence.who,
        "reason": silence.reason,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else format_time(ms)
