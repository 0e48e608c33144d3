"""A network of moods between a daemon and a collector: one port that passes on, or does not.

    with Weather(collector_port) as weather:
        weather.change("cuts")

Every change closes what is open, as a change of network does.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from support.raw_server import content_length

PORTAL = b"<html><title>Welcome</title>Sign in to use this network</html>"
ANSWERS = {
    "portal": (b"200 OK", b"Content-Type: text/html\r\n", PORTAL),
    "busy": (b"429 Too Many Requests", b"Retry-After: 1\r\n", b""),
    "broken": (b"503 Service Unavailable", b"", b"{}"),
    "stumbles": (b"500 Internal Server Error", b"", b""),
}
MOODS = ("clear", "refuses", "silent", "drips", "cuts", *ANSWERS)


class Weather:
    """`url` is the endpoint to configure; `asked` counts connections."""

    def __init__(self, port: int) -> None:
        self.mood = "clear"
        self.asked = 0
        self.port = 0
        self._there = port
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Where the daemon is sent."""
        return f"http://127.0.0.1:{self.port}"

    def change(self, mood: str) -> None:
        """From now on."""
        assert mood in MOODS
        self._in_loop(lambda: self._change(mood))

    def _change(self, mood: str) -> None:
        self.mood = mood
        for writer in tuple(self._open):
            writer.transport.abort()

    def _in_loop(self, act: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(act)
        self._loop.call_soon_threadsafe(done.set)
        assert done.wait(20)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._in_loop(lambda: self._change("refuses"))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._started.set()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        self.asked += 1
        quiet = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*quiet):
            await self._act(self.mood, reader, writer)
        self._open.discard(writer)
        self._tasks.discard(task)
        writer.close()

    async def _act(
        self, mood: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if mood == "refuses":
            writer.transport.abort()
        elif mood == "silent":
            while await reader.read(65_536):
                continue
        elif mood in ANSWERS:
            while True:
                await self._answer(mood, reader, writer)
        else:
            await self._pass_on(mood, reader, writer)

    async def _answer(
        self, mood: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(content_length(head))
        status, headers, body = ANSWERS[mood]
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + headers + length + body)
        await writer.drain()

    async def _pass_on(
        self, mood: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._there)
        self._open.add(back)
        both = [
            asyncio.ensure_future(_copy(reader, back)),  # noqa: TID251  # awaited right below
            asyncio.ensure_future(_answer_back(mood, there, writer)),  # noqa: TID251  # likewise
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            self._open.discard(back)
            back.transport.abort()
            writer.transport.abort()


async def _answer_back(
    mood: str, there: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        while (data := await there.read(65_536)) and mood != "cuts":
            step = 1 if mood == "drips" else len(data)
            for start in range(0, len(data), step):
                writer.write(data[start : start + step])
                await writer.drain()
                await asyncio.sleep(0.2 if mood == "drips" else 0)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


def unused_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
