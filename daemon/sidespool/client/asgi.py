"""Watches an ASGI application: uncaught exceptions become `Error`, latencies `ToolCall`.

    app.add_middleware(SidespoolMiddleware, telemetry=telemetry)     # FastAPI, Starlette
    app = SidespoolMiddleware(app, telemetry)                        # any ASGI application

| scope | `tool_name` | measured until | `error_type` |
|---|---|---|---|
| http | `http GET /items/{id}` | the last byte of the response | `4xx`, `5xx`, the class |
| websocket | `ws /chat` | the end of the connection | `rejected`, `close_1011`, the class |

Only the route's template is ever recorded: no URL, query, header, body or message. Messages pass
through untouched, exceptions pass through unchanged, and background tasks are not measured. At
the end of the application's lifespan, waiting events are flushed for at most a second, because
servers that end by re-raising a signal run no exit handlers.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sidespool.client.telemetry import Telemetry
from sidespool.client.tool import tool_payload
from sidespool.wire.event import cut_text

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UNMATCHED = "(unmatched)"
NAME_BYTES_MAX = 128
LIFESPAN_FLUSH_S = 1.0
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT")
)
_USUAL_CLOSES = (1000, 1001, 1005)  # done, going away (a page left), no code given


class SidespoolMiddleware:
    """Pure ASGI; holds no state but the application and the client."""

    def __init__(self, app: App, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, connection or lifespan."""
        watch: Watch
        if scope["type"] == "http":
            watch = HttpWatch(self._telemetry, scope)
        elif scope["type"] == "websocket":
            watch = SocketWatch(self._telemetry, scope)
        elif scope["type"] == "lifespan":
            watch = LifespanWatch(self._telemetry, scope)
        else:
            await self._app(scope, receive, send)
            return

        async def heard() -> Message:
            message = await receive()
            watch.on_received(message)
            return message

        async def said(message: Message) -> None:
            watch.before_sent(message)
            await send(message)
            watch.on_sent(message)

        try:
            await self._app(scope, heard, said)
        except BaseException as error:
            watch.on_raised(error)
            raise
        watch.on_returned()


class Watch:
    """What is remembered of one scope while it runs; the default is to record nothing."""

    def __init__(self, telemetry: Telemetry, scope: Scope) -> None:
        self._telemetry = telemetry
        self._scope = scope
        self._started = time.perf_counter()
        self._recorded = False

    def on_received(self, message: Message) -> None:
        """The application got a message from the server."""

    def before_sent(self, message: Message) -> None:
        """The application is about to give a message to the server."""

    def on_sent(self, message: Message) -> None:
        """The server took a message."""

    def on_returned(self) -> None:
        """The application returned."""

    def on_raised(self, error: BaseException) -> None:
        """The application raised; cancellation and exit are no errors."""
        if isinstance(error, Exception):
            self._telemetry.capture_exception(error, context={"route": self.name()})

    def name(self) -> str:
        """What ran, in terms of the application's own code."""
        return str(self._scope["type"])

    def record(self, error_type: str | None) -> None:
        """Emits the latency, once."""
        if not self._recorded:
            self._recorded = True
            payload = tool_payload(self.name(), self._started, error_type=error_type)
            self._telemetry.emit("ToolCall", payload)


class HttpWatch(Watch):
    """One request and its response."""

    _status = 0

    def on_sent(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "http.response.start":
            status = message.get("status")
            self._status = status if isinstance(status, int) else 0
        elif kind in ("http.response.body", "http.response.zerocopysend"):
            if not message.get("more_body", False):
                self.record(_status_class(self._status))
        elif kind == "http.response.pathsend":
            self.record(_status_class(self._status))

    def on_returned(self) -> None:
        self.record(_status_class(self._status) or "incomplete")  # it never sent the last byte

    def on_raised(self, error: BaseException) -> None:
        self.record(type(error).__name__)
        super().on_raised(error)

    def name(self) -> str:
        method = self._scope.get("method")
        known = method if method in _METHODS else "OTHER"
        return cut_text(f"http {known} {route_template(self._scope)}", NAME_BYTES_MAX)


class SocketWatch(Watch):
    """One WebSocket connection, from its request to its end."""

    _accepted = False
    _close_code: int | None = None

    def on_received(self, message: Message) -> None:
        if message.get("type") == "websocket.disconnect":
            self._on_closed(message.get("code"))

    def on_sent(self, message: Message) -> None:
        kind = message.get("type")
        if kind == "websocket.accept":
            self._accepted = True
        elif kind == "websocket.close":
            self._on_closed(message.get("code"))

    def _on_closed(self, code: object) -> None:
        if self._close_code is None:
            self._close_code = code if isinstance(code, int) else 1005

    def on_returned(self) -> None:
        self.record(self._outcome())

    def on_raised(self, error: BaseException) -> None:
        if self._close_code is not None and type(error).__name__ == "WebSocketDisconnect":
            self.record(self._outcome())  # how Starlette tells a handler that the peer went
            return
        self.record(type(error).__name__)
        super().on_raised(error)

    def _outcome(self) -> str | None:
        if not self._accepted:
            return "rejected"
        code = 1005 if self._close_code is None else self._close_code
        return None if code in _USUAL_CLOSES else f"close_{code}"

    def name(self) -> str:
        return cut_text(f"ws {route_template(self._scope)}", NAME_BYTES_MAX)


class LifespanWatch(Watch):
    """The application's start and end."""

    def before_sent(self, message: Message) -> None:
        if message.get("type") in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            self._telemetry.flush_for_exit(LIFESPAN_FLUSH_S)


def route_template(scope: Scope) -> str:
    """`/items/{id}` as the application declared it, the handler's name, or `(unmatched)`."""
    try:
        route = scope.get("route")
        # FastAPI keeps the prefixes of included routers apart from the route
        whole = (scope.get("fastapi") or {}).get("effective_route_context")
        if route is not None and getattr(whole, "original_route", None) is route:
            route = whole
        template = getattr(route, "path_format", None) or getattr(route, "path", None)
        if not isinstance(template, str):
            template = getattr(scope.get("endpoint"), "__qualname__", None)
    except Exception:  # another framework's scope may hold anything
        template = None
    return template if isinstance(template, str) and template else UNMATCHED


def _status_class(status: int) -> str | None:
    """None for success; `incomplete` where no response was begun."""
    if status >= 400:
        return f"{status // 100}xx"
    return None if status >= 100 else "incomplete"
