"""Clients that send without end: memory stays bounded and others are served."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from support.daemon import RunningDaemon, start_daemon, wait_until
from support.four_doors import Ask, every_door, memory_peak_mb, page

KIB, MIB = 1024, 1024 * 1024
TURN = {"event_type": "ChatTurn", "payload": {"latency_ms": 5, "model": "m-1"}}


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    env = {"TELEMETRY_FLUSH_INTERVAL_S": "600", "TELEMETRY_APP_ID": "doors"}
    with start_daemon(env, "--stdio") as running:
        yield running


@pytest.fixture(scope="module")
def doors(daemon: RunningDaemon) -> Iterator[dict[str, Ask]]:
    with every_door(daemon) as asked:
        yield asked


# -- floods --------------------------------------------------------------------------------------


def flood(link: socket.socket, chunk: bytes, seconds: float) -> int:
    """Writes as fast as the other side takes it, reading nothing; the bytes taken."""
    link.setblocking(False)
    taken, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            taken += link.send(chunk[taken % len(chunk) :])
        except BlockingIOError:
            time.sleep(0.005)  # the kernel's buffer is full: give it a moment
    return taken


def masked(payload: bytes) -> bytes:
    """A whole text frame as a client sends it, with a mask of zeros."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def test_clients_that_flood_and_never_read_leave_memory_and_others_alone() -> None:
    """Small frames, and frames whose refusals are thirty times their size, on two doors."""
    one = json.dumps({"op": "emit", "id": 1, "events": [TURN]}).encode()
    refused = json.dumps({"op": "emit", "id": 1, "events": [{}] * 1_000}).encode()
    env = {"TELEMETRY_FLUSH_INTERVAL_S": "600", "TELEMETRY_SPOOL_MAX_BYTES": "20000000"}
    with start_daemon(env) as daemon, daemon.client() as witness:
        witness.emit(TURN)
        for payload in (one, refused):
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(daemon.socket)
                link.sendall(b'{"op":"hello","token":"%s"}\n' % daemon.token.encode())
                flood(link, (payload + b"\n") * 20, 1.0)
                assert witness.emit(TURN)["accepted"] == 1
            with page(daemon, close_timeout=0) as page_socket:
                flood(page_socket.socket, masked(payload) * 20, 1.0)
                assert witness.emit(TURN)["accepted"] == 1
        wait_until(lambda: daemon.status()["clients"] == ["test"])
        peak = memory_peak_mb(daemon.process.pid)
    print(f"peak memory under flood: {peak:.0f} MB")
    assert peak < 120


def test_many_large_bodies_at_once_are_told_to_wait() -> None:
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 8388608\r\n\r\n"
    )
    with start_daemon() as daemon:
        raw = head.format(port=daemon.port, token=daemon.token).encode()
        links = []
        for _ in range(12):
            link = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
            link.sendall(raw)
            links.append(link)
        for link in links:  # each but its last byte; the refused ones are cut off meanwhile
            try:
                link.sendall(b" " * (8 * MIB - 1))
            except ConnectionError:
                continue
        answers: list[bytes] = []
        for link in links:
            link.setblocking(False)
        wait_until(lambda: _gather(links, answers) >= 8)
        assert {answer.split(b" ", 2)[1] for answer in answers} == {b"429"}
        for link in links:
            link.close()
        assert memory_peak_mb(daemon.process.pid) < 120
        wait_until(lambda: daemon.request("POST", "/v1/events", TURN).status == 202)


def _gather(links: list[socket.socket], answers: list[bytes]) -> int:
    for link in links:
        try:
            part = link.recv(4096)
        except OSError:
            continue
        if part:
            answers.append(part)
    return len(answers)
