"""The whole daemon within the test's own loop: real sockets and files, any disk."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sidespool.app.daemon import Daemon
from sidespool.config import Config
from sidespool.runtime.disk import Disk
from sidespool.runtime.doorstep import Doorstep, make_private_dirs, open_doors, take_place
from sidespool.runtime.paths import DataPaths
from sidespool.wire.builtin import builtin_catalog

TOKEN = "inside-token"
Json = dict[str, Any]


class Line:
    """A connection to the Unix socket that has said hello."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, **frame: Any) -> None:
        """Sends a frame."""
        self.writer.write(json.dumps(frame).encode() + b"\n")

    async def hear(self) -> Json:
        """The next frame."""
        async with asyncio.timeout(30):
            reply: Json = json.loads(await self.reader.readline())
        return reply

    async def ask(self, op: str, **fields: Any) -> Json:
        """The reply to an operation; what else arrives is dropped."""
        self.say(op=op, id=op, **fields)
        while True:
            reply = await self.hear()
            if reply.get("id") == op:
                return reply


class Inside:
    """A running daemon; `doorstep` has its addresses."""

    def __init__(self, daemon: Daemon, doorstep: Doorstep) -> None:
        self.daemon = daemon
        self.doorstep = doorstep

    async def line(self) -> Line:
        """A new connection that was welcomed."""
        assert self.doorstep.socket_path is not None
        link = Line(*await asyncio.open_unix_connection(self.doorstep.socket_path))
        link.say(op="hello", token=TOKEN)
        assert (await link.hear())["op"] == "welcome"
        return link

    async def http(self, raw: bytes) -> bytes:
        """What a request is answered, to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.doorstep.port)
        writer.write(raw)
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        return answer

    def post(self, body: bytes) -> bytes:
        """A POST of events."""
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{self.doorstep.port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@asynccontextmanager
async def daemon_inside(
    place: Path, disk: Disk | None = None, **config: Any
) -> AsyncIterator[Inside]:
    """`config` are fields of `Config`; the data directory is `place`."""
    paths = DataPaths(place)
    make_private_dirs(paths)
    lock = take_place(paths)
    assert lock is not None
    doorstep = open_doors(paths, lock, 0, TOKEN)
    settings = Config(**{"shutdown_grace_s": 0.2, "flush_interval_s": 600.0, **config})
    daemon = Daemon(settings, doorstep, builtin_catalog(), place / "no-policy", stdio=False)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(daemon.run(watch_stdin=False, disk=disk))
            try:
                yield Inside(daemon, doorstep)
            finally:
                daemon.stop()
    finally:
        for one in (doorstep.tcp, doorstep.unix):
            if isinstance(one, socket.socket):
                one.close()
        doorstep.close()
