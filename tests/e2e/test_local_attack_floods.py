"""Attacks by slowness and number, and what only the owner of a daemon can see."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon import RunningDaemon, start_daemon, wait_until
from support.raw_http import read_to_end, request, say

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
SOCKET_LINE = "GET /v1/socket HTTP/1.1"


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with start_daemon({"TELEMETRY_ORIGINS": "file://,app://,http://localhost:4200"}) as running:
        assert running.request("GET", "/v1/settings").status == 200  # aiohttp is loaded
        yield running


def refused(daemon: RunningDaemon) -> int:
    counts: dict[str, int] = daemon.status()["refused"]
    return sum(counts.values())


# -- floods and slowness -------------------------------------------------------------------------


def test_a_head_that_is_too_long_is_refused_before_its_end(daemon: RunningDaemon) -> None:
    endless = b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 20_000
    heard = say(daemon.port, endless)
    assert heard.status == 400
    assert heard.seconds < 5


def test_the_body_of_a_refused_request_is_not_awaited(daemon: RunningDaemon) -> None:
    for token in (None, "x" * 43):
        fields: tuple[str, ...] = ("Content-Type: application/json", "Content-Length: 8000000")
        line = "POST /v1/events HTTP/1.1"
        heard = say(daemon.port, request(daemon.port, token, *fields, line=line, body=b"["))
        assert heard.status == 401
        assert heard.seconds < 5
    for fields, status in (
        (("Content-Type: text/plain", "Content-Length: 8000000"), 415),
        (("Content-Type: application/json", "Content-Length: 8388609"), 413),
        (
            (
                "Content-Type: application/json",
                "Content-Encoding: br",
                "Content-Length: 900",
            ),
            415,
        ),
    ):
        raw = request(daemon.port, daemon.token, *fields, line=line, body=b"[")
        heard = say(daemon.port, raw)
        assert heard.status == status
        assert heard.seconds < 5


def test_whoever_sends_a_large_refused_body_can_still_read_the_answer(
    daemon: RunningDaemon,
) -> None:
    size = 4_000_000
    fields = ("Content-Type: application/json", f"Content-Length: {size}")
    line = "POST /v1/events HTTP/1.1"
    head = request(daemon.port, None, *fields, line=line)
    heard = say(daemon.port, [head, *[b"x" * 100_000] * (size // 100_000)])
    assert heard.status == 401


def test_strangers_who_say_nothing_keep_nobody_out(daemon: RunningDaemon) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            link = socket.create_connection(("127.0.0.1", daemon.port), timeout=15)
            stack.enter_context(link)
            link.sendall(b"GET /v1/settings HTTP/1.1\r\n")
        assert daemon.request("GET", "/v1/settings").status == 200
        with daemon.client() as client:
            assert client.ask("status")["refused"]["too_many_waiting"] >= 300
        assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 150


@pytest.mark.slow
def test_a_slow_head_body_and_frame_are_cut_after_ten_seconds(daemon: RunningDaemon) -> None:
    """The one test that waits for the real deadline; the others inject a shorter one."""
    line = "POST /v1/events HTTP/1.1"
    fields = ("Content-Type: application/json", "Content-Length: 100")
    slow_socket = request(daemon.port, daemon.token, *UPGRADE, line=SOCKET_LINE)
    opening = {
        "head": request(daemon.port, daemon.token)[:-2],
        "body": request(daemon.port, daemon.token, *fields, line=line, body=b"["),
        "frame": slow_socket + bytes([0x81, 0x80 | 50, 0, 0, 0, 0]) + b"{",
    }
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        links = {}
        for name, raw in opening.items():
            link = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port)))
            link.sendall(raw)
            links[name] = link
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.connect(daemon.socket)
        local.sendall(b'{"op":"hello","token":"%s"}\n{"op"' % daemon.token.encode())
        links["line"] = local
        for name, link in links.items():
            raw, ended = read_to_end(link, begun + 20)
            assert ended, name
            if name == "body":
                assert raw.startswith(b"HTTP/1.1 400 ")
    counts = daemon.status()["refused"]
    assert counts["head_deadline"] >= 1
    assert counts["frame_deadline"] >= 2
    assert counts["deadline"] >= 1


# -- what only the owner can see -----------------------------------------------------------------


def listening(pid: int) -> set[str]:
    """`address:port` of every listening TCP socket of a process, from /proc."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            cells = row.split()
            if f"socket:[{cells[9]}]" in inodes and (cells[3] == "0A" or table[:3] == "udp"):
                found.add(cells[1])
    return found


def test_it_listens_on_loopback_and_nowhere_else(daemon: RunningDaemon) -> None:
    assert listening(daemon.process.pid) == {f"0100007F:{daemon.port:04X}"}


def test_the_token_is_in_no_argument_environment_or_file_but_its_own(
    daemon: RunningDaemon,
) -> None:
    say(daemon.port, request(daemon.port, daemon.token, "Origin: https://evil.example"))
    token = daemon.token.encode()
    proc = Path(f"/proc/{daemon.process.pid}")
    assert token not in (proc / "cmdline").read_bytes()
    assert token not in (proc / "environ").read_bytes()
    holding = {
        str(path.relative_to(daemon.data_dir))
        for path in daemon.data_dir.rglob("*")
        if path.is_file() and token in path.read_bytes()
    }
    assert holding == {"runtime.json"}


def test_the_local_socket_needs_the_token_too(daemon: RunningDaemon) -> None:
    before = daemon.status()["refused"].get("token", 0)
    for first in (
        {"op": "hello", "client": "x"},
        {"op": "hello", "token": "x" * 43},
        {"op": "hello", "token": None},
        {"op": "status", "id": 1},
        {"op": "emit", "id": 1, "events": [{"event_type": "ChatTurn"}]},
    ):
        with daemon.ndjson() as client:
            client.send(first)
            assert client.receive() == {"op": "error", "reason": "unauthorized"}
            with pytest.raises(EOFError):
                client.receive()
    wait_until(lambda: daemon.status()["refused"]["token"] == before + 5)


def test_nothing_behind_a_wrong_hello_is_carried_out(daemon: RunningDaemon) -> None:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(daemon.socket)
        frames = [{"op": "hello", "token": "wrong"}, {"op": "set", "settings": {"enabled": False}}]
        link.sendall(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
        raw, ended = read_to_end(link, time.monotonic() + 15)
    assert ended
    assert raw.count(b"\n") == 1
    assert daemon.status()["level"] == "usage"
