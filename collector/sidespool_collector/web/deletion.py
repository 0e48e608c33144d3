"""`/api/v1/deletion`: takes requests to be forgotten, and says how far each one is."""

import secrets

import msgspec
from aiohttp import web

from sidespool.wire.event import format_time
from sidespool_collector.auth.tokens import Role
from sidespool_collector.web.body import read_body
from sidespool_collector.web.context import COLLECTOR, now_ms
from sidespool_collector.web.problem import ProblemError, json_response

USERS_MAX = 1000
ID_MAX = 256


class DeletionRequest(msgspec.Struct):
    """`{"user_ids": […]}`; unknown members are ignored, so that newer daemons may say more."""

    user_ids: list[str]


_DECODER = msgspec.json.Decoder(DeletionRequest)


async def post_deletion(request: web.Request) -> web.Response:
    """202 with a receipt once the tombstones are durable; the rest happens at once after it."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    token = collector.require(request, Role.INGEST)
    with collector.admission.share() as share:
        body, _ = await read_body(request, collector.settings, share)
    try:
        users = list(dict.fromkeys(_DECODER.decode(body).user_ids))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise ProblemError(400, "bad_json") from None
    if not 0 < len(users) <= USERS_MAX or not all(_is_id(user) for user in users):
        raise ProblemError(400, "bad_json")
    receipt = secrets.token_urlsafe(24)
    await collector.store.request_erasure(users, receipt, now_ms())
    if collector.forward is not None:
        await collector.forward.erase(users)
    await collector.note(token.name, "deletion requested", f"{len(users)} ids")
    collector.erasure_wanted.set()
    return json_response({"receipt": receipt}, 202)


def _is_id(user: str) -> bool:
    try:
        user.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(user) <= ID_MAX  # characters, as the wire allows them


async def get_deletion(request: web.Request) -> web.Response:
    """The state of a request: `accepted`, `erasing`, `erased` with counts."""
    collector = request.app[COLLECTOR]
    collector.require(request, Role.INGEST, Role.READ)
    erasure = await collector.store.erasure(request.match_info["receipt"])
    if erasure is None:
        raise ProblemError(404, "not_found")
    finished = erasure.finished_ms
    return json_response(
        {
            "receipt": erasure.receipt,
            "state": erasure.state,
            "requested_at": format_time(erasure.requested_ms),
            "finished_at": format_time(finished) if finished is not None else None,
            "erased": {
                "events": erasure.events,
                "sessions": erasure.sessions,
                "rejected": erasure.rejected,
                "attachments": erasure.attachments,
            },
        }
    )
