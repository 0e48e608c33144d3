"""HTTP and WebSocket on 127.0.0.1, by aiohttp, behind the guard.

The HTTP twins of the protocol's operations. Every request has been judged by the guard before it
comes here. Bodies are bounded and have 10 s to arrive; each answer closes its connection.
"""

import asyncio
import logging
import re
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from sidespool.core.policy import EVENTS_PER_FRAME_MAX, FRAME_BYTES_MAX, FRAME_DEADLINE_S
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.shows import Shows
from sidespool.runtime.doors.websocket import converse
from sidespool.wire import frame as wire
from sidespool.wire.outcome import Rejection

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")
CLOSE_S = 1.0  # how long a page may take to say goodbye
Json = dict[str, Any]


class Refused(Exception):
    """A request ends with this status and a constant word."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


def split_events(body: bytes, ndjson: bool) -> list[msgspec.Raw]:
    """The events in a body: NDJSON lines, a JSON array, or a single object."""
    if ndjson:
        return [msgspec.Raw(line) for line in body.split(b"\n") if line.strip()]
    try:
        if body.lstrip()[:1] == b"[":
            return msgspec.json.decode(body, type=list[msgspec.Raw])
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(400, "malformed") from None
    return [msgspec.Raw(body)]


def inflate(body: bytes) -> bytes:
    """Gunzips one member, with the frame limit on what comes out."""
    stream = zlib.decompressobj(31)
    try:
        out = stream.decompress(body, FRAME_BYTES_MAX + 1)
    except zlib.error:
        raise Refused(400, "malformed") from None
    if len(out) > FRAME_BYTES_MAX:
        raise Refused(413, "too_large")
    if not stream.eof:
        raise Refused(400, "malformed")
    return out


class HttpDoor:
    """Builds the aiohttp application; `handler_factory` makes a protocol per connection."""

    def __init__(self, reception: Reception, origins: Callable[[str], bool], shows: Shows) -> None:
        self._reception = reception
        self._origins = origins
        self._shows = shows
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
                web.get("/v1/pending", self._pending),
                web.get("/v1/history", self._history),
                web.post("/v1/preview", self._preview),
            ]
        )
        quiet = logging.getLogger("sidespool.http")
        quiet.disabled = True
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=quiet,
            handle_signals=False,
            auto_decompress=False,
            shutdown_timeout=CLOSE_S,
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
            response = await handler(request)
        except Refused as refused:
            self._reception.refuse(refused.word)
            response = web.json_response({"error": refused.word}, status=refused.status)
        except web.HTTPException as missing:
            response = web.json_response({"error": "not_found"}, status=missing.status)
        if not response.prepared:
            origin = request.headers.get("Origin")
            if origin is not None and self._origins(origin):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Vary"] = "Origin"
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.force_close()
        return response

    async def _body(self, request: web.Request, *types: str) -> bytes:
        if request.content_type not in types:
            raise Refused(415, "content_type")
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise Refused(415, "content_encoding")
        if (request.content_length or 0) > FRAME_BYTES_MAX:
            raise Refused(413, "too_large")
        body = await self._whole(request)
        return inflate(body) if encoding == "gzip" else body

    async def _whole(self, request: web.Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(FRAME_DEADLINE_S):
                async for part in request.content.iter_any():
                    size += len(part)
                    if size > FRAME_BYTES_MAX:
                        raise Refused(413, "too_large")
                    parts.append(part)
        except TimeoutError:
            raise Refused(400, "deadline") from None
        return b"".join(parts)

    # -- events --------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.Response:
        body = await self._body(request, "application/json", "application/x-ndjson")
        events = split_events(body, request.content_type == "application/x-ndjson")
        if len(events) > EVENTS_PER_FRAME_MAX:
            raise Refused(413, "too_large")
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
        body = await self._body(request, "application/json", "application/x-ndjson")
        events = split_events(body, request.content_type == "application/x-ndjson")
        if len(events) > EVENTS_PER_FRAME_MAX:
            raise Refused(413, "too_large")
        admitted = self._reception.intake.preview(events)
        lines = [
            msgspec.Raw(line) for chunk in admitted.chunks for line in chunk.lines.splitlines()
        ]
        return _json({"events": lines, "rejected": admitted.rejected})

    async def _pending(self, request: web.Request) -> web.StreamResponse:
        """A segment at a time: a full spool is more than should stand in memory."""
        response = web.StreamResponse()
        response.content_type = "application/x-ndjson"
        response.headers["Cache-Control"] = "no-store"
        response.force_close()
        await response.prepare(request)
        for batch_id in self._shows.segments():
            lines = await self._shows.pending(batch_id)
            await response.write(b"".join(line + b"\n" for line in lines))
        await response.write_eof()
        return response

    async def _history(self, request: web.Request) -> web.Response:
        batch = request.query.get("batch")
        if batch is None:
            return _json({"batches": await self._shows.history()})
        lines = await self._shows.history_lines(batch)
        if lines is None:
            raise Refused(404, "not_found")
        return _ndjson(lines)

    # -- operations ----------------------------------------------------------------------------

    def _op(
        self, as_frame: Callable[[Json], wire.AnyFrame]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            content: Json = {}
            if request.can_read_body:
                content = _object(await self._body(request, "application/json"))
            try:
                frame = as_frame(content)
            except msgspec.ValidationError:
                raise Refused(422, "invalid_value") from None
            return self._reply(await self._reception.operations.answer(frame, "http"))

        return handle

    async def _settings(self, request: web.Request) -> web.Response:
        return _json(self._reception.operations.governor.settings())

    async def _attachment(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if _NAME.fullmatch(name) is None:
            raise Refused(422, "invalid_value")
        frame = wire.Attach(
            event_id=request.match_info["event_id"],
            name=name,
            data=await self._body(request, request.content_type),
            content_type=request.content_type,
        )
        return self._reply(await self._reception.operations.answer(frame, "http"))

    def _reply(self, reply: Json) -> web.Response:
        content = {key: value for key, value in reply.items() if key not in ("op", "id")}
        if reply["op"] != "error":
            return _json(content)
        self._reception.refuse(str(reply["reason"]))
        return _json({"error": reply["reason"], "detail": reply.get("detail", "")}, status=422)

    # -- WebSocket -----------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            protocols=(wire.SUBPROTOCOL,),
            compress=False,
            max_msg_size=FRAME_BYTES_MAX,
            decode_text=False,
            timeout=CLOSE_S,
        )
        if not socket.can_prepare(request).ok:
            raise Refused(400, "malformed")
        await socket.prepare(request)
        self._pages.add(socket)
        try:
            await converse(socket, self._reception)
        finally:
            self._pages.discard(socket)
        return socket


def _object(body: bytes) -> Json:
    try:
        content = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(400, "malformed") from None
    if not isinstance(content, dict):
        raise Refused(422, "invalid_value")
    return content


def _as_set(content: Json) -> wire.AnyFrame:
    plain = content.get("settings", content)
    return wire.Set(settings=msgspec.convert(plain, wire.Settings))


def _as_consent(content: Json) -> wire.AnyFrame:
    return msgspec.convert({**content, "op": "consent"}, wire.Consent)


def _json(content: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(content), status=status, content_type="application/json"
    )


def _ndjson(lines: list[bytes]) -> web.Response:
    body = b"".join(line + b"\n" for line in lines)
    return web.Response(body=body, content_type="application/x-ndjson")
