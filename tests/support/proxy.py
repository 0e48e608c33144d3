"""A small real HTTP proxy on loopback: CONNECT tunnels and absolute-form requests.

    async with FakeProxy({"collector.test": c.port}, credentials="user:pw") as p:
        p.url, p.seen

Every host name leads to loopback; `routes` says to which port there.
"""

import asyncio
import base64
import contextlib
from dataclasses import dataclass, field


@dataclass
class FakeProxy:
    """See the module's text. `answer` refuses everything with that status line instead."""

    routes: dict[str, int]
    credentials: str | None = None
    answer: str | None = None
    seen: list[str] = field(default_factory=list)  # request lines, refused ones included
    port: int = 0

    async def __aenter__(self) -> "FakeProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """The proxy's address without credentials."""
        return f"http://127.0.0.1:{self.port}"

    def url_for(self, credentials: str) -> str:
        """The proxy's address with credentials."""
        return f"http://{credentials}@127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].decode()
            self.seen.append(line)
            if refusal := self._refusal(head):
                writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
            else:
                await self._relay(line, head, reader, writer)
        writer.close()

    def _refusal(self, head: bytes) -> str | None:
        if self.answer:
            return self.answer
        if self.credentials is None:
            return None
        expected = b"basic " + base64.b64encode(self.credentials.encode()).lower()
        if b"proxy-authorization: " + expected in head.lower():
            return None
        return '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"'

    async def _relay(
        self,
        line: str,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        method, target, _ = line.split(" ")
        host = target.removeprefix("http://").split("/")[0].split(":")[0]
        there, back = await asyncio.open_connection("127.0.0.1", self.routes[host])
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.removeprefix("http://").split("/", 1)[1]
            back.write(head.replace(target.encode(), path.encode(), 1))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pump(reader, back))
            tasks.create_task(_pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
