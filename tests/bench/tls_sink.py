"""A collector that only counts, over TLS, in a process of its own: what is left is the sender.

It believes the event count in a segment's header (bytes 16 to 20) and answers that all of them
were accepted. Counts are shared through a file that the other process reads.
"""

import asyncio
import contextlib
import mmap
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ANSWER = b'{"accepted":%d,"duplicates":0,"rejected":[]}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
COUNTS = struct.Struct("<QQ")


class Sink(asyncio.Protocol):
    """One connection; requests follow each other on it."""

    def __init__(self, counts: mmap.mmap) -> None:
        self._counts = counts
        self._head = b""
        self._left = 0
        self._events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            self._head += data
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found or len(rest) < 20:
                return
            lines = head.lower().split(b"\r\n")
            (length,) = [line for line in lines if line.startswith(b"content-length:")]
            self._left, self._head, data = int(length.split(b":")[1]), b"", rest
            self._events = int.from_bytes(rest[16:20], "little")
        self._left -= len(data)
        if self._left == 0:
            batches, events = COUNTS.unpack_from(self._counts)
            COUNTS.pack_into(self._counts, 0, batches + 1, events + self._events)
            body = ANSWER % self._events
            self._transport.write(REPLY % (len(body), body))  # type: ignore[attr-defined]  # a stream's transport


async def serve(folder: Path) -> None:
    """Until killed; the port is its first line of output."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with (folder / "counts").open("r+b") as file:
        counts = mmap.mmap(file.fileno(), COUNTS.size)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(counts), "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class RunningSink:
    """Where it listens, whom it shows, and what it has counted."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.ca_file = folder / "ca.pem"
        self._counts = folder / "counts"

    def batches(self) -> int:
        """Requests answered."""
        return int(COUNTS.unpack(self._counts.read_bytes())[0])

    def events(self) -> int:
        """Events accepted."""
        return int(COUNTS.unpack(self._counts.read_bytes())[1])


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[RunningSink]:
    """A sink with a certificate of its own authority."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    (folder / "counts").write_bytes(COUNTS.pack(0, 0))
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield RunningSink(f"https://127.0.0.1:{process.stdout.readline().strip()}", folder)
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
