"""HTTP and WebSocket on 127.0.0.1, by aiohttp, behind the guard.

The HTTP twins of the protocol's operations. Every request has been judged by the guard before it
comes here. Bodies are bounded and have 10 s to arrive; each answer closes its connection.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.client_exceptions import ClientError
from aiohttp.http import HttpProcessingError, WSCloseCode

from sidespool.core.policy import FRAME_BYTES_MAX, HEAD_BYTES_MAX
from sidespool.core.viewer import POLICY
from sidespool.runtime.doors.body import JSON, Bodies, Refused
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.shows import Shows
from sidespool.runtime.doors.viewer import Viewer
from sidespool.runtime.doors.watched import WatchedProtocol
from sidespool.runtime.doors.websocket import converse
from sidespool.runtime.log import LOGGER
from sidespool.wire import frame as wire
from sidespool.wire.outcome import Rejection

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")
CLOSE_S = 1.0  # how long a page may take to say goodbye
LINGER_S = 1.0  # how long the rest of a refused body is thrown away after the answer
FAULTS_LOGGED_MAX = 20
Json = dict[str, Any]


class HttpDoor:
    """Builds the aiohttp application; `handler_factory` makes a protocol per connection."""

    def __init__(
        self, reception: Reception, origins: Callable[[str], bool], shows: Shows, viewer: Viewer
    ) -> None:
        self._reception = reception
        self._origins = origins
        self._bodies = Bodies(reception.intake)
        self._faults_left = FAULTS_LOGGED_MAX
        self._shows = shows
        self._viewer = viewer
        self._runner: web.AppRunner | None = None
        self._pages: set[web.WebSocketResponse] = set()

    async def start(self) -> Callable[[], asyncio.Protocol]:
        """The factory of protocols that the guard hands connections to."""
        app = web.Application(middlewares=[self._middleware], client_max_size=FRAME_BYTES_MAX)
        app.add_routes(
            [
                web.get("/v1/socket", self._socket),
                web.post("/v1/events", self._events),
                web.put("/v1/attachments/{event_id}/{name}", self._attachment),
                web.get("/v1/status", self._op(lambda _: wire.Status())),
                web.get("/v1/settings", self._settings),
                web.patch("/v1/settings", self._op(_as_set)),
                web.post("/v1/consent", self._op(_as_consent)),
                web.post("/v1/flush", self._op(lambda _: wire.Flush())),
                web.post("/v1/reset", self._op(lambda _: wire.Reset())),
                web.post("/v1/report", self._op(_as_report)),
                web.get("/v1/reports", self._op(lambda _: wire.Reports())),
                web.post("/v1/viewer", self._op(lambda _: wire.View())),
                web.get("/viewer/", self._view),
                web.get("/v1/pending", self._pending),
                web.get("/v1/history", self._history),
                web.post("/v1/preview", self._preview),
            ]
        )
        app.on_response_prepare.append(self._on_prepare)
        quiet = logging.getLogger("sidespool.http")
        quiet.disabled = True
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=quiet,
            handle_signals=False,
            auto_decompress=False,
            shutdown_timeout=CLOSE_S,
            lingering_time=LINGER_S,
            max_line_size=HEAD_BYTES_MAX,
            max_field_size=HEAD_BYTES_MAX,
        )
        await runner.setup()
        self._runner = runner
        server = runner.server
        if server is None:
            raise RuntimeError("aiohttp made no server")
        return server

    async def close(self) -> None:
        """Ends what is open: a page that stays connected must not use up the grace."""
        goodbyes = [page.close(code=WSCloseCode.GOING_AWAY) for page in self._pages]
        await asyncio.gather(*goodbyes, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _middleware(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            self._reception.refuse(refused.word)
            return web.json_response({"error": refused.word}, status=refused.status)
        except web.HTTPException as missing:
            return web.json_response({"error": "not_found"}, status=missing.status)
        except (ClientError, HttpProcessingError, ConnectionError):
            self._reception.refuse("body")
            return web.json_response({"error": "malformed"}, status=400)
        except Exception:
            if self._faults_left > 0:
                self._faults_left -= 1
                LOGGER.exception("a request could not be answered")
            return web.json_response({"error": "internal"}, status=500)
        finally:
            self._bodies.give_back(request)

    async def _on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """No CORS header ever goes to an origin that is not allowed; each answer is the last."""
        origin = request.headers.get("Origin")
        if origin is not None and self._origins(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Server"] = "sidespool"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if not isinstance(response, web.WebSocketResponse):
            response.headers["Connection"] = "close"
            response.force_close()

    # -- events --------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.Response:
        events = await self._bodies.events(request)
        done: asyncio.Future[tuple[int, list[Rejection]]] = (
            asyncio.get_running_loop().create_future()
        )

        def answer(accepted: int, rejected: list[Rejection]) -> None:
            if not done.done():
                done.set_result((accepted, rejected))

        self._reception.intake.emit_raw(events, None, answer)
        accepted, rejected = await done
        return _json({"accepted": accepted, "rejected": rejected}, status=202)

    async def _preview(self, request: web.Request) -> web.Response:
        events = await self._bodies.events(request)
        admitted = self._reception.intake.preview(events)
        lines = [
            msgspec.Raw(line) for chunk in admitted.chunks for line in chunk.lines.splitlines()
        ]
        return _json({"events": lines, "rejected": admitted.rejected})

    async def _pending(self, request: web.Request) -> web.StreamResponse:
        """A segment at a time: a full spool is more than should stand in memory."""
        response = web.StreamResponse()
        response.content_type = "application/x-ndjson"
        await response.prepare(request)
        for batch_id in self._shows.segments():
            lines = await self._shows.pending(batch_id)
            await response.write(b"".join(line + b"\n" for line in lines))
        await response.write_eof()
        return response

    async def _view(self, request: web.Request) -> web.Response:
        """The viewer's page; the guard has used up the link that led here."""
        return web.Response(
            body=await self._viewer.page(),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"},
        )

    async def _history(self, request: web.Request) -> web.Response:
        batch = request.query.get("batch")
        if batch is None:
            shows = self._shows
            sent = {"attachments": await shows.history_attachments()}
            return _json({"batches": await shows.history(), **sent})
        lines = await self._shows.history_lines(batch)
        if lines is None:
            raise Refused(404, "not_found")
        return _ndjson(lines)

    # -- operations ----------------------------------------------------------------------------

    def _op(
        self, as_frame: Callable[[Json], wire.Question]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            content: Json = {}
            if request.can_read_body:
                content = _object(await self._bodies.read(request, JSON))
            try:
                frame = as_frame(content)
            except msgspec.ValidationError:
                raise Refused(400, "invalid_value") from None
            return self._reply(await self._reception.operations.answer(frame, "http"))

        return handle

    async def _settings(self, request: web.Request) -> web.Response:
        return _json(self._reception.operations.governor.settings())

    async def _attachment(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if _NAME.fullmatch(name) is None:
            raise Refused(400, "invalid_value")
        frame = wire.Attach(
            event_id=request.match_info["event_id"],
            name=name,
            data=await self._bodies.read(request, request.content_type),
            content_type=request.content_type,
        )
        return self._reply(await self._reception.operations.answer(frame, "http"))

    def _reply(self, reply: Json) -> web.Response:
        content = {key: value for key, value in reply.items() if key not in ("op", "id")}
        if reply["op"] != "error":
            return _json(content)
        self._reception.refuse(str(reply["reason"]))
        return _json({"error": reply["reason"], "detail": reply.get("detail", "")}, status=400)

    # -- WebSocket -----------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            protocols=(wire.SUBPROTOCOL,),
            compress=False,
            max_msg_size=FRAME_BYTES_MAX + 1,  # aiohttp refuses what reaches it
            decode_text=False,
            timeout=CLOSE_S,
        )
        way = None if request.transport is None else request.transport.get_protocol()
        if not socket.can_prepare(request).ok or not isinstance(way, WatchedProtocol):
            raise Refused(400, "malformed")
        await socket.prepare(request)
        self._pages.add(socket)
        try:
            await converse(socket, way, self._reception)
        finally:
            self._pages.discard(socket)
        return socket


def _object(body: bytes) -> Json:
    try:
        content = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(400, "malformed") from None
    if not isinstance(content, dict):
        raise Refused(400, "invalid_value")
    return content


def _as_set(content: Json) -> wire.Question:
    """The settings stand in the object itself, or under `settings` as in a frame."""
    if "settings" not in content:
        plain = {name: value for name, value in content.items() if name != "with_history"}
        content = {**content, "settings": plain}
        content = {name: content[name] for name in ("settings", "with_history") if name in content}
    frame = msgspec.convert({**content, "op": "set"}, wire.Set)
    return wire.checked_set(frame, content)


def _as_report(content: Json) -> wire.AnyFrame:
    return msgspec.convert({**content, "op": "report"}, wire.Report)


def _as_consent(content: Json) -> wire.AnyFrame:
    return msgspec.convert({**content, "op": "consent"}, wire.Consent)


def _json(content: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(content), status=status, content_type="application/json"
    )


def _ndjson(lines: list[bytes]) -> web.Response:
    body = b"".join(line + b"\n" for line in lines)
    return web.Response(body=body, content_type="application/x-ndjson")
