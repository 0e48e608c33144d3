"""Stands before aiohttp: reads and judges a request's head itself, and hands over what passes.

Nothing of aiohttp sees a byte of a request that core/gate refuses, and aiohttp is not even
loaded before the first request that passes (130 ms and 12 MB that a daemon without a browser
never pays). A refusal is a constant answer, sent at once, and the connection closes; the rest of
a refused request is not awaited. A head has 10 s to arrive. One request a connection: a second
one behind it is never parsed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sidespool.core.gate import GateRules, Pass, Refuse, judge, parse_head
from sidespool.core.policy import FRAME_DEADLINE_S, HEAD_BYTES_MAX
from sidespool.runtime.doors.reception import Reception

_BODIES = {
    400: b'{"error":"bad_request"}',
    401: b'{"error":"unauthorized"}',
    403: b'{"error":"forbidden"}',
    413: b'{"error":"too_large"}',
    503: b'{"error":"busy"}',
}
_PHRASES = {
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    413: b"Content Too Large",
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


class GuardProtocol(asyncio.Protocol):
    """One TCP connection until its first head is judged; then aiohttp's handler takes over."""

    def __init__(
        self,
        reception: Reception,
        rules: GateRules,
        make_handler: MakeHandler,
        loop: asyncio.AbstractEventLoop,
        spawn: Callable[..., Any],
    ) -> None:
        self._reception = reception
        self._rules = rules
        self._make_handler = make_handler
        self._loop = loop
        self._spawn = spawn
        self._raw = b""
        self._transport: Any = None
        self._deadline: asyncio.TimerHandle | None = None
        self._judged = False
        self._gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection; its head has 10 s to arrive."""
        self._transport = transport
        self._deadline = self._loop.call_later(FRAME_DEADLINE_S, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone before it was handed over."""
        self._gone = True
        self._rest()

    def data_received(self, data: bytes) -> None:
        """Bytes of the head (and perhaps of the body behind it)."""
        self._raw += data
        if self._judged:
            return
        end = self._raw.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if end < 0:
            if len(self._raw) >= HEAD_BYTES_MAX or _hopeless(self._raw):
                self._refuse(Refuse(400, "head"))
            return
        self._judged = True
        self._rest()
        head = parse_head(self._raw[: end + 4])
        verdict = judge(head, self._rules) if head is not None else Refuse(400, "head")
        if isinstance(verdict, Refuse):
            self._refuse(verdict)
        elif verdict.preflight and verdict.origin is not None:
            self._transport.write(preflight_answer(verdict.origin))
            self._transport.close()
        elif self._reception.full:
            self._refuse(Refuse(503, "too_many_connections"))
        else:
            self._transport.pause_reading()
            self._spawn(self._hand_over(verdict))

    async def _hand_over(self, verdict: Pass) -> None:
        make = await self._make_handler()
        if self._gone or self._transport.is_closing():
            return
        handler = make()
        self._transport.set_protocol(handler)
        handler.connection_made(self._transport)
        handler.data_received(self._raw)
        self._raw = b""
        self._transport.resume_reading()

    def _refuse(self, refused: Refuse) -> None:
        self._judged = True
        self._rest()
        self._reception.refuse(refused.why)
        self._transport.write(refusal(refused.status))
        self._transport.close()

    def _late(self) -> None:
        self._deadline = None
        self._reception.refuse("head_deadline")
        self._transport.abort()

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _hopeless(raw: bytes) -> bool:
    """Whether the bytes cannot become a request line: no reason to wait for more."""
    first = raw[:1]
    return not first.isalpha() or b"\0" in raw
