"""Attacks on the parsers: requests and bodies of forms that readers disagree on."""

import socket
import time
from collections.abc import Iterator

import pytest

from support.daemon import RunningDaemon, start_daemon
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


def log_bytes(daemon: RunningDaemon) -> int:
    return sum(path.stat().st_size for path in (daemon.data_dir / "logs").iterdir())


# -- parsers that disagree -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "GET http://127.0.0.1/v1/settings HTTP/1.1",
        "GET https://evil.example/v1/settings HTTP/1.1",
        "GET v1/settings HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:80 HTTP/1.1",
        "GET /v1/settings HTTP/1.0",
        "GET /v1/settings HTTP/0.9",
        "GET /v1/settings HTTP/2.0",
        "GET /v1/settings HTTP/1.1.1",
        "GET /v1/settings http/1.1",
        "GET /v1/settings",
        "GET  /v1/settings HTTP/1.1",
        "GET /v1/settings  HTTP/1.1",
        "GET\t/v1/settings\tHTTP/1.1",
        "get /v1/settings HTTP/1.1",
        "DELETE /v1/settings HTTP/1.1",
        "TRACE /v1/settings HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET /v1/\x00settings HTTP/1.1",
        "GET /v1/\xffsettings HTTP/1.1",
        " GET /v1/settings HTTP/1.1",
        "",
    ],
)
def test_a_request_line_of_any_other_form_is_refused_at_once(
    daemon: RunningDaemon, line: str
) -> None:
    heard = say(daemon.port, request(daemon.port, daemon.token, line=line))
    assert heard.status == 400
    assert heard.seconds < 5


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: 5"),
        ("Content-Length: 5, 5",),
        ("Content-Length: +5",),
        ("Content-Length: -1",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5\x0b",),
        ("Content-Length: \xb2",),
        ("Content-Length:",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: \x0bchunked",),
        ("Transfer-Encoding : chunked",),
        ("X-A: 1", " folded: 2"),
        ("X-A: 1", "\tfolded"),
        ("X-A\x00: 1",),
        ("X-A: a\x00b",),
        ("X-A: a\rb",),
        ("X A: 1",),
        ("X-\xe9: 1",),
        (": empty",),
        ("no colon",),
    ],
)
def test_header_smuggling_is_refused_at_once(
    daemon: RunningDaemon, fields: tuple[str, ...]
) -> None:
    line = "POST /v1/events HTTP/1.1"
    raw = request(daemon.port, daemon.token, *fields, line=line, body=b"0\r\n\r\n")
    heard = say(daemon.port, raw)
    assert heard.status == 400
    assert heard.seconds < 5


def test_line_feeds_alone_end_no_line(daemon: RunningDaemon) -> None:
    raw = request(daemon.port, daemon.token).replace(b"\r\n", b"\n")
    heard = say(daemon.port, raw)
    assert heard.status == 400
    assert heard.seconds < 5
    mixed = request(daemon.port, daemon.token, "X-A: 1\nOrigin: https://evil.example")
    assert say(daemon.port, mixed).status == 400


def test_a_second_request_behind_the_first_is_never_answered(daemon: RunningDaemon) -> None:
    first = request(daemon.port, daemon.token)
    smuggled = request(daemon.port, None, line="POST /v1/reset HTTP/1.1")
    allowed = request(daemon.port, daemon.token)
    for second in (smuggled, allowed):
        heard = say(daemon.port, first + second)
        assert heard.status == 200
        assert heard.raw.count(b"HTTP/1.1 ") == 1
        assert heard.ended


def test_nothing_is_answered_behind_a_socket_that_was_closed(daemon: RunningDaemon) -> None:
    opening = request(daemon.port, daemon.token, *UPGRADE, line=SOCKET_LINE)
    close_frame = bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8])
    heard = say(daemon.port, opening + close_frame + request(daemon.port, daemon.token))
    assert heard.status == 101
    assert heard.raw.count(b"HTTP/1.1 ") == 1
    assert heard.ended


@pytest.mark.parametrize(
    "fields",
    [
        (*UPGRADE[:3], "Sec-WebSocket-Version: 8"),
        (*UPGRADE[:3], "Sec-WebSocket-Version: 7"),
        (*UPGRADE[:3], "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        UPGRADE[:3],
        ("Upgrade: h2c", *UPGRADE[1:]),
        ("Upgrade: websocket, h2c", *UPGRADE[1:]),
        ("Upgrade: h2c", *UPGRADE),
        (*UPGRADE, "Content-Length: 10"),
        (*UPGRADE, "Transfer-Encoding: chunked"),
        ("Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        (*UPGRADE[:2], "Sec-WebSocket-Version: 13"),
        (*UPGRADE[:2], "Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13"),
    ],
)
def test_an_upgrade_of_any_other_form_opens_no_socket(
    daemon: RunningDaemon, fields: tuple[str, ...]
) -> None:
    raw = request(daemon.port, daemon.token, *fields, line=SOCKET_LINE)
    assert say(daemon.port, raw).status == 400


def test_an_upgrade_by_post_is_refused(daemon: RunningDaemon) -> None:
    raw = request(daemon.port, daemon.token, *UPGRADE, line="POST /v1/events HTTP/1.1")
    assert say(daemon.port, raw).status == 400


@pytest.mark.parametrize(
    "offered",
    [
        "sidespool.v1",
        "token.{token}",
        "sidespool.v1, token.{wrong}",
        "sidespool.v1, token.",
        "sidespool.v1, token.{token}, token.{wrong}",
        "sidespool.v1, other, token.{token}",
        "sidespool.v2, token.{token}",
        "sidespool.v1; token.{token}",
    ],
)
def test_a_socket_without_the_right_subprotocol_pair_is_refused(
    daemon: RunningDaemon, offered: str
) -> None:
    named = offered.format(token=daemon.token, wrong=daemon.token[::-1])
    fields = (*UPGRADE, f"Sec-WebSocket-Protocol: {named}")
    assert say(daemon.port, request(daemon.port, None, *fields, line=SOCKET_LINE)).status == 401


# -- what a refusal leaves behind ----------------------------------------------------------------


def test_refusals_are_counted_and_not_logged(daemon: RunningDaemon) -> None:
    before, size = refused(daemon), log_bytes(daemon)
    for _ in range(200):
        say(daemon.port, request(daemon.port, "wrong"))
    for _ in range(50):
        say(daemon.port, b"\x16\x03\x01 no http at all\r\n\r\n")
    assert refused(daemon) == before + 250
    assert log_bytes(daemon) == size
    assert daemon.stderr == ""


def test_deep_and_broken_json_is_the_clients_mistake(daemon: RunningDaemon) -> None:
    deep = b"[" * 100_000
    for body in (deep, b'{"a":' * 50_000, b"NaN", b"", b"{", b"\xff\xfe", b'{"a":1}{"b":2}'):
        answer = daemon.request("POST", "/v1/events", body=body)
        assert (answer.status, answer.json()) == (400, {"error": "malformed"}), body[:20]
    lines = daemon.request(
        "POST", "/v1/events", body=deep, headers={"Content-Type": "application/x-ndjson"}
    )
    assert lines.json()["rejected"][0]["reason"] == "malformed"
    for path in ("/v1/consent", "/v1/settings"):
        method = "POST" if path == "/v1/consent" else "PATCH"
        assert daemon.request(method, path, body=deep).status == 400
        assert daemon.request(method, path, body=b"[1]").status == 400


def test_a_body_in_broken_chunks_is_the_clients_mistake(daemon: RunningDaemon) -> None:
    fields = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    line = "POST /v1/events HTTP/1.1"
    for body in (b"zz\r\n[]\r\n0\r\n\r\n", b"5\r\n[]\r\n", b"-1\r\n", b"fffffffffffffffff\r\n"):
        raw = request(daemon.port, daemon.token, *fields, line=line, body=body)
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=15) as link:
            link.sendall(raw)
            link.shutdown(socket.SHUT_WR)
            heard, ended = read_to_end(link, time.monotonic() + 5)
        assert ended
        assert b" 500 " not in heard
        assert b" 202 " not in heard
    good = request(daemon.port, daemon.token, *fields, line=line, body=b"2\r\n[]\r\n0\r\n\r\n")
    assert say(daemon.port, good).status == 202


def test_a_false_gzip_header_is_the_clients_mistake(daemon: RunningDaemon) -> None:
    for body in (b"not gzip", b"\x1f\x8b", b"\x1f\x8b\x08\x00" + b"\x00" * 6 + b"junk", b""):
        answer = daemon.request(
            "POST", "/v1/events", body=body, headers={"Content-Encoding": "gzip"}
        )
        assert (answer.status, answer.json()) == (400, {"error": "malformed"})
