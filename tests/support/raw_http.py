"""Says exactly the bytes a test wants to a port, and reads what comes back until the end."""

import contextlib
import socket
import time
from collections.abc import Iterable

DEADLINE_S = 15.0


class Heard:
    """What came back: `raw`, and whether the other side closed (or reset) the connection."""

    def __init__(self, raw: bytes, ended: bool, seconds: float) -> None:
        self.raw = raw
        self.ended = ended
        self.seconds = seconds

    @property
    def status(self) -> int:
        """The HTTP status, or 0 where nothing came."""
        return int(self.raw.split(b" ", 2)[1]) if self.raw.startswith(b"HTTP/1.1 ") else 0

    @property
    def head(self) -> dict[str, str]:
        """Header fields by lower-case name."""
        lines = self.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        pairs = (line.decode().partition(":") for line in lines)
        return {name.lower(): value.strip() for name, _, value in pairs}

    @property
    def body(self) -> bytes:
        """What follows the head."""
        return self.raw.partition(b"\r\n\r\n")[2]


def say(port: int, parts: bytes | Iterable[bytes], *, read_s: float = DEADLINE_S) -> Heard:
    """Sends the parts and reads to the end of the connection, for at most `read_s`."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=read_s) as link:
        with contextlib.suppress(ConnectionError):
            for part in [parts] if isinstance(parts, bytes) else parts:
                link.sendall(part)
        raw, ended = read_to_end(link, begun + read_s)
    return Heard(raw, ended, time.monotonic() - begun)


def read_to_end(link: socket.socket, until: float) -> tuple[bytes, bool]:
    """Everything up to the end of the connection or the moment `until`."""
    raw = b""
    while True:
        link.settimeout(max(until - time.monotonic(), 0.01))
        try:
            part = link.recv(65536)
        except ConnectionError:
            return raw, True
        except TimeoutError:
            return raw, False
        if not part:
            return raw, True
        raw += part


def request(
    port: int,
    token: str | None,
    *fields: str,
    line: str = "GET /v1/settings HTTP/1.1",
    host: str | None = None,
    body: bytes = b"",
) -> bytes:
    """A request of ordinary form with these header fields on top; `host=""` leaves Host out."""
    lines = [line]
    if host != "":
        lines.append(f"Host: {host or f'127.0.0.1:{port}'}")
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, *fields]).encode("latin-1") + b"\r\n\r\n" + body
