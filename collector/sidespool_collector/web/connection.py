"""Connections that must send their headers in time.

aiohttp gives an idle connection its keep-alive time, however slowly the headers of a request
drip in. Here a connection that has begun a request has `header_timeout_s` to finish its headers;
bodies have their own deadline (see web/body.py).
"""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler


class TimedConnection(RequestHandler):
    """Closes itself when headers take too long."""

    __slots__ = ("_deadline", "_header_timeout_s")

    def __init__(self, *args: Any, header_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timeout_s = header_timeout_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Gives the first request its deadline."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Ends the deadline when headers are whole; begins one with a next request's first byte."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._disarm()
        elif self._deadline is None and self._current_request is None and data:
            self._arm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends the deadline with the connection."""
        self._disarm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        self._deadline = self._loop.call_later(self._header_timeout_s, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._current_request is None:  # else what dripped in was a body, which has its own
            self.force_close()


class TimedServer(web.Server):
    """Makes timed connections."""

    header_timeout_s = 20.0

    def __call__(self) -> RequestHandler:
        """One connection; the arguments are those aiohttp's own server gives."""
        return TimedConnection(
            self, loop=self._loop, header_timeout_s=self.header_timeout_s, **self._kwargs
        )


class TimedRunner(web.AppRunner):
    """An AppRunner whose connections are timed."""

    __slots__ = ("_header_timeout_s",)

    def __init__(self, app: web.Application, *, header_timeout_s: float, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self._header_timeout_s = header_timeout_s

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = TimedServer  # aiohttp offers no hook for the connection's class
        timed = cast(TimedServer, server)
        timed.header_timeout_s = self._header_timeout_s
        return timed
