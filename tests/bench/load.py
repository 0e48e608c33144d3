"""Sends prepared frames to a daemon as fast as it takes them, and waits for every acknowledgement.

Two doors: the Unix socket (a frame a line) and the WebSocket (a text frame each, masked as the
RFC asks, with acknowledgements counted from their bytes). A sender's thread keeps the daemon
busy while the caller's thread reads.
"""

import base64
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

from support.daemon import RunningDaemon

_CHUNK_BYTES = 65_536


def unix_link(daemon: RunningDaemon) -> socket.socket:
    """A connection that was welcomed."""
    link = socket.socket(socket.AF_UNIX)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    link.connect(daemon.socket)
    hello = {"op": "hello", "client": "bench", "token": daemon.token}
    link.sendall(json.dumps(hello).encode() + b"\n")
    while not link.recv(65_536).endswith(b"\n"):
        pass
    return link


def web_link(daemon: RunningDaemon) -> socket.socket:
    """A WebSocket past its handshake, as a page opens it."""
    link = socket.create_connection(("127.0.0.1", daemon.port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /v1/socket HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: sidespool.v1, token.{daemon.token}\r\nOrigin: file://\r\n\r\n"
    )
    link.sendall(head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += link.recv(1)
    assert b" 101 " in answer, answer
    return link


def as_lines(frames: list[bytes]) -> list[bytes]:
    """Frames of the Unix socket."""
    return [frame + b"\n" for frame in frames]


def as_messages(frames: list[bytes]) -> list[bytes]:
    """Text frames of a WebSocket's client (RFC 6455 section 5.2), each masked."""
    made = []
    for frame in frames:
        mask = os.urandom(4)
        size = len(frame)
        if size < 126:
            head = struct.pack("!BB", 0x81, 0x80 | size)
        elif size < 65_536:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        body = (int.from_bytes(frame, "big") ^ key).to_bytes(size, "big")
        made.append(head + mask + body)
    return made


def feed(link: socket.socket, made: list[bytes], count: int, *, web: bool) -> float:
    """Sends `count` frames, round and round, and waits for their acks; wall seconds."""

    def send() -> None:
        for part in _parts(made, count):
            link.sendall(part)

    start = time.perf_counter()
    sender = threading.Thread(target=send)
    sender.start()
    (_read_messages if web else _read_lines)(link, count)
    sender.join()
    return time.perf_counter() - start


def _parts(made: list[bytes], count: int) -> Iterator[bytes]:
    """Chunks of whole frames of about 64 KiB, as they come from a busy client."""
    together = max(1, _CHUNK_BYTES // (sum(map(len, made)) // len(made)))
    ready = [b"".join(made[n : n + together]) for n in range(0, len(made), together)]
    sizes = [len(made[n : n + together]) for n in range(0, len(made), together)]
    sent = n = 0
    while sent < count:
        size = min(sizes[n % len(ready)], count - sent)
        whole = size == sizes[n % len(ready)]
        at = n % len(ready) * together
        yield ready[n % len(ready)] if whole else b"".join(made[at : at + size])
        sent, n = sent + size, n + 1


def _read_lines(link: socket.socket, count: int) -> None:
    while count > 0:
        data = link.recv(262_144)
        assert data, "the daemon hung up"
        assert b'"error"' not in data, data[:300]
        count -= data.count(b"\n")


def _read_messages(link: socket.socket, count: int) -> None:
    word, rest = b'"op":"ack"', b""
    while count > 0:
        data = link.recv(262_144)
        assert data, "the daemon hung up"
        assert b'"error"' not in data, data[:300]
        count -= (rest + data).count(word)
        rest = data[1 - len(word) :]
