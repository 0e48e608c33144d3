"""Stands between a WebSocket's transport and aiohttp: a message that has begun has 10 s to end.

aiohttp waits without end for the rest of a frame. Between messages there is no hurry, and the
time in which the daemon itself does not read does not count.
"""

import asyncio
from typing import Any

from sidespool.core.frame_watch import FrameWatch
from sidespool.runtime.doors.reception import Reception


class WatchedProtocol(asyncio.Protocol):
    """Passes everything on. The first bytes given are the request's head, which is not watched."""

    def __init__(self, inner: Any, reception: Reception, deadline_s: float) -> None:
        self._inner = inner
        self._reception = reception
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._watch: FrameWatch | None = None
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self.writable = asyncio.Event()  # the client reads what it is sent, or has gone
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handed over by the guard."""
        self._transport = transport
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self.writable.set()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of messages, in any pieces."""
        self._inner.data_received(data)
        watch = self._watch
        if watch is None:
            self._watch = FrameWatch()
            return
        was_partial, before = watch.partial, watch.messages
        watch.feed(data)
        if watch.partial and (not was_partial or watch.messages != before):
            self._since = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._deadline_s, self._look)

    def write(self, data: bytes) -> None:
        """Sends whole frames; ConnectionResetError where the client has gone."""
        if self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._transport.write(data)

    def _look(self) -> None:
        self._timer = None
        if self._watch is None or not self._watch.partial or self._transport.is_closing():
            return
        now = self._loop.time()
        if not self._transport.is_reading():
            self._since = now  # it is we who do not read
        left_s = self._since + self._deadline_s - now
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
            return
        self._reception.refuse("frame_deadline")
        self._transport.abort()

    def eof_received(self) -> Any:
        """The client sends nothing more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client does not read."""
        self.writable.clear()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        self.writable.set()
        self._inner.resume_writing()
