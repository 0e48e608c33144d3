"""Carries one request at a time over aiohttp, and keeps hold of its connection.

Imported in a thread on the first upload, with aiohttp: neither belongs on the start path.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from sidespool.runtime.detached import detached
from sidespool.runtime.exporters.http_failure import failure_of
from sidespool.runtime.exporters.http_request import RawAnswer, Request
from sidespool.wire.upload import Backoff, BackoffCause, Captive

KEEPALIVE_S = 15.0  # below what servers and middleboxes commonly keep an idle connection
# On, 0 s: the kernel throws away what it has not sent yet and resets the connection.
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class HttpSession:
    """One aiohttp session for one collector."""

    def __init__(self, context: ssl.SSLContext | None, user_agent: str) -> None:
        self._transport: asyncio.Transport | None = None
        self._reused = False
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(self._on_reused)
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1,
                ssl=context if context is not None else True,
                resolver=DetachedResolver(),
                keepalive_timeout=KEEPALIVE_S,
            ),
            headers={
                "User-Agent": user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            response_class=_watched_response(self._on_connection),
            trace_configs=[trace],
        )

    def _on_connection(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport

    async def _on_reused(self, *_: Any) -> None:
        self._reused = True

    async def post(self, request: Request) -> RawAnswer | Backoff | Captive:
        """One try, and a second at once where the first tells nothing about the collector.

        A kept-alive connection may be closed just as it is used again. And a server that refuses
        a body early (413) resets the connection while we still write, which can swallow its
        answer: the second try asks before the body is sent (RFC 9110, 10.1.1: 100-continue).
        """
        answer = await self._try(request, expect=False)
        cut = isinstance(answer, Backoff) and answer.cause is BackoffCause.NETWORK
        if cut and (self._reused or request.interrupted):
            answer = await self._try(request, expect=request.interrupted)
        return answer

    async def _try(self, request: Request, expect: bool) -> RawAnswer | Backoff | Captive:
        self._reused = False
        try:
            async with asyncio.timeout(request.deadlines.request_s(request.size_bytes)):
                return await self._once(request, expect)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError: timeouts, too
            self.abort()  # a peer that reads nothing would keep an orderly close open for ever
            return failure_of(error)

    async def _once(self, request: Request, expect: bool) -> RawAnswer:
        deadlines = request.deadlines
        headers = dict(request.headers)
        if request.outgoing:
            headers["Content-Length"] = str(request.size_bytes)
        async with self._client.request(
            "POST" if request.outgoing else "GET",
            request.url,
            data=request.outgoing.chunks() if request.outgoing else None,
            headers=headers,
            proxy=request.proxy,
            allow_redirects=False,
            expect100=expect,
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=deadlines.connect_s,
                sock_connect=deadlines.connect_s,
                sock_read=deadlines.silence_s,
            ),
        ) as response:
            body = await _read_bounded(response, request.answer_bytes_max)
            self._transport = None
            return RawAnswer(response.status, response.headers, body)

    def abort(self) -> None:
        """Resets the connection in use: nothing more leaves, not from kernel buffers either."""
        transport, self._transport = self._transport, None
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()

    async def aclose(self) -> None:
        """Closes the idle connection."""
        await self._client.close()


async def _read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most `limit` bytes; of an error answer, whatever arrived before the line broke."""
    body = bytearray()
    try:
        while len(body) < limit and (chunk := await response.content.read(limit - len(body))):
            body += chunk
    except (aiohttp.ClientError, OSError):
        if response.status < 400:
            raise
    return bytes(body)


def _watched_response(
    on_connection: Callable[[asyncio.Transport | None], None],
) -> type[aiohttp.ClientResponse]:
    class WatchedResponse(aiohttp.ClientResponse):
        """Tells which connection it is on, before the body's first byte is written."""

        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            on_connection(connection.transport)
            return await super().start(connection)

    return WatchedResponse


class DetachedResolver(AbstractResolver):
    """getaddrinfo in daemon threads: a name server that hangs must not hold up the exit."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All stream addresses of a host; OSError where there is none."""
        infos = await detached(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in infos
        ]

    async def close(self) -> None:
        """Nothing to close."""
