"""Stands before aiohttp: reads and judges a request's head itself, and hands over what passes.

Nothing of aiohttp sees a byte of a request that core/gate refuses, and aiohttp is not even
loaded before the first request that passes (130 ms and 12 MB that a daemon without a browser
never pays). A refusal is a constant answer, sent at once, and the connection closes; the rest of
a refused request is not awaited, only thrown away for a moment, so that the client can read its
answer (closing with unread bytes would reset the connection). A head has 10 s to arrive. One
request a connection: a second one behind it is never parsed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sidespool.core.gate import GateRules, Head, Refuse, hopeless, judge, parse_head
from sidespool.core.policy import CONNECTIONS_MAX, FRAME_DEADLINE_S, HEAD_BYTES_MAX
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.watched import WatchedProtocol

LINGER_S = 1.0  # how long the rest of a refused request is thrown away
_BODIES = {
    400: b'{"error":"bad_request"}',
    401: b'{"error":"unauthorized"}',
    403: b'{"error":"forbidden"}',
    421: b'{"error":"misdirected"}',
    503: b'{"error":"busy"}',
}
_PHRASES = {
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    421: b"Misdirected Request",
    503: b"Service Unavailable",
}
MakeHandler = Callable[[], Awaitable[Callable[[], asyncio.Protocol]]]


def refusal(status: int) -> bytes:
    """A whole constant answer."""
    body = _BODIES[status]
    return (
        b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Connection: close\r\nCache-Control: no-store\r\n\r\n%s"
        % (status, _PHRASES[status], len(body), body)
    )


def preflight_answer(origin: bytes) -> bytes:
    """The answer to an allowed page's CORS preflight (Fetch standard, section 3.2.2)."""
    return (
        b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: %s\r\nVary: Origin\r\n"
        b"Access-Control-Allow-Methods: GET, POST, PUT, PATCH\r\n"
        b"Access-Control-Allow-Headers: authorization, content-type, content-encoding\r\n"
        b"Access-Control-Max-Age: 600\r\nConnection: close\r\n\r\n" % origin
    )


class Lobby:
    """Connections that have shown no right to be here yet; strangers cannot use up descriptors.

    Where too many wait, the one that came first is dropped: an honest client's head comes with
    its connection and does not wait here.
    """

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._waiting: dict[GuardProtocol, None] = {}

    def enter(self, guest: "GuardProtocol") -> None:
        """A new connection."""
        if len(self._waiting) >= CONNECTIONS_MAX:
            self._reception.refuse("too_many_waiting")
            next(iter(self._waiting)).drop()
        self._waiting[guest] = None

    def leave(self, guest: "GuardProtocol") -> None:
        """It passed, or is gone; safe to call twice."""
        self._waiting.pop(guest, None)


class GuardProtocol(asyncio.Protocol):
    """One TCP connection until its first head is judged; then aiohttp's handler takes over."""

    def __init__(
        self,
        reception: Reception,
        rules: GateRules,
        make_handler: MakeHandler,
        spawn: Callable[..., Any],
        lobby: Lobby,
        deadline_s: float = FRAME_DEADLINE_S,
    ) -> None:
        self._reception = reception
        self._rules = rules
        self._make_handler = make_handler
        self._spawn = spawn
        self._lobby = lobby
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._raw = b""
        self._transport: Any = None
        self._deadline: asyncio.TimerHandle | None = None
        self._refused = self._judged = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection; its head has 10 s to arrive."""
        self._transport = transport
        self._deadline = self._loop.call_later(self._deadline_s, self._late)
        self._lobby.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone before it was handed over."""
        self._leave()

    def drop(self) -> None:
        """Ends the connection without an answer."""
        self._leave()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of the head (and perhaps of the body behind it)."""
        if self._refused:
            return
        self._raw += data
        if self._judged:
            return
        end = self._raw.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if end >= 0:
            self._judge(end + 4)
        elif len(self._raw) >= HEAD_BYTES_MAX or hopeless(self._raw):
            self._refuse(Refuse(400, "head"))

    def _judge(self, size: int) -> None:
        head = parse_head(self._raw[:size])
        if head is None:
            self._refuse(Refuse(400, "head"))
            return
        verdict = judge(head, self._rules, self._reception.links.good())
        if isinstance(verdict, Refuse):
            self._refuse(verdict)
        elif self._reception.full:
            self._refuse(Refuse(503, "too_many_connections"))
        elif verdict.preflight and verdict.origin is not None:
            self._answer(preflight_answer(verdict.origin))
        else:
            self._judged = True
            self._leave()
            self._reception.links.use(verdict.link)
            self._transport.pause_reading()
            self._spawn(self._hand_over(head, size))

    async def _hand_over(self, head: Head, size: int) -> None:
        make = await self._make_handler()
        if self._transport.is_closing():
            return
        handler: Any = make()
        if head.upgrades:
            handler = WatchedProtocol(handler, self._reception, self._deadline_s)
        self._transport.set_protocol(handler)
        handler.connection_made(self._transport)
        handler.data_received(self._raw[:size])
        if len(self._raw) > size:
            handler.data_received(self._raw[size:])
        self._raw = b""
        self._transport.resume_reading()

    def _refuse(self, refused: Refuse) -> None:
        self._reception.refuse(refused.why)
        self._answer(refusal(refused.status))

    def _answer(self, whole: bytes) -> None:
        self._refused = True
        self._raw = b""
        self._transport.write(whole)
        self._transport.write_eof()
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(LINGER_S, self.drop)

    def eof_received(self) -> bool:
        """The client has said all it will; where that is less than a head, it is over."""
        return self._judged

    def _late(self) -> None:
        self._reception.refuse("head_deadline")
        self.drop()

    def _leave(self) -> None:
        self._lobby.leave(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
