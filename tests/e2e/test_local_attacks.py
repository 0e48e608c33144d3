"""Attacks on the local doors, each over a real socket against a real daemon."""

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


def log_bytes(daemon: RunningDaemon) -> int:
    return sum(path.stat().st_size for path in (daemon.data_dir / "logs").iterdir())


# -- names: DNS rebinding ------------------------------------------------------------------------


def test_each_name_of_this_machine_is_answered(daemon: RunningDaemon) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        raw = request(daemon.port, daemon.token, host=f"{name}:{daemon.port}")
        assert say(daemon.port, raw).status == 200, name


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost",
        "LOCALHOST:{port}",
        "localhost.:{port}",
        "127.0.0.1.nip.io:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}@evil.example",
        "127.0.0.1:{port}/",
        "127.0.0.1:0{port}",
        "127.0.0.1:{port},evil.example",
        "127.0.0.1:{port} ,",
        "127.0.0.1\t:{port}",
        "[",
        "[::1",
        ":{port}",
        "\xff\xfe",
        "a" * 4000,
    ],
)
def test_any_other_host_is_refused_even_with_the_token(daemon: RunningDaemon, host: str) -> None:
    raw = request(daemon.port, daemon.token, host=host.format(port=daemon.port))
    heard = say(daemon.port, raw)
    assert heard.status in (400, 403, 421)
    assert heard.ended


def test_two_hosts_or_none_are_refused(daemon: RunningDaemon) -> None:
    both = request(daemon.port, daemon.token, f"Host: 127.0.0.1:{daemon.port}")
    assert say(daemon.port, both).status == 400
    assert say(daemon.port, request(daemon.port, daemon.token, host="")).status == 400
    empty = request(daemon.port, daemon.token, "Host:", host="")
    assert say(daemon.port, empty).status in (400, 403)


# -- origins -------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["file://", "app://", "app://desktop", "http://localhost:4200"])
def test_an_allowed_page_is_answered_and_may_read_the_answer(
    daemon: RunningDaemon, origin: str
) -> None:
    heard = say(daemon.port, request(daemon.port, daemon.token, f"Origin: {origin}"))
    assert heard.status == 200
    assert heard.head["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in heard.head


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://localhost",
        "http://localhost:4201",
        "http://localhost:42000",
        "HTTP://LOCALHOST:4200",
        "http://127.0.0.1:4200",
        "http://localhost:4200.evil.example",
        "http://localhost:4200/",
        "application://x",
        "file:",
        "app:/",
        "app://a/b",
        "chrome-extension://abcdefgh",
        "vscode-webview://x",
        "",
        " ",
        "file://, https://evil.example",
    ],
)
def test_any_other_page_is_refused_and_gets_no_cors_header(
    daemon: RunningDaemon, origin: str
) -> None:
    for line, fields in (
        ("GET /v1/settings HTTP/1.1", ()),
        (SOCKET_LINE, UPGRADE),
        ("OPTIONS /v1/events HTTP/1.1", ("Access-Control-Request-Method: POST",)),
    ):
        heard = say(
            daemon.port,
            request(daemon.port, daemon.token, f"Origin: {origin}", *fields, line=line),
        )
        assert heard.status == 403, line
        assert not any(name.startswith("access-control") for name in heard.head)


def test_two_origins_are_refused(daemon: RunningDaemon) -> None:
    raw = request(daemon.port, daemon.token, "Origin: file://", "Origin: https://evil.example")
    assert say(daemon.port, raw).status == 400


@pytest.mark.parametrize(
    ("site", "status"),
    [("none", 200), ("same-origin", 200), ("cross-site", 403), ("same-site", 403), ("x", 403)],
)
def test_without_an_origin_a_page_of_another_site_is_refused(
    daemon: RunningDaemon, site: str, status: int
) -> None:
    heard = say(daemon.port, request(daemon.port, daemon.token, f"Sec-Fetch-Site: {site}"))
    assert heard.status == status


def test_a_second_sec_fetch_site_does_not_hide_the_first(daemon: RunningDaemon) -> None:
    raw = request(daemon.port, daemon.token, "Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site")
    assert say(daemon.port, raw).status == 403


def test_a_preflight_of_an_allowed_page_needs_no_token_and_reaches_no_handler(
    daemon: RunningDaemon,
) -> None:
    raw = request(
        daemon.port,
        None,
        "Origin: app://desktop",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization, content-type",
        line="OPTIONS /v1/reset HTTP/1.1",
    )
    heard = say(daemon.port, raw)
    assert heard.status == 204
    assert heard.head["access-control-allow-origin"] == "app://desktop"
    assert heard.body == b""
    assert daemon.status()["level"] == "usage"


# -- tokens --------------------------------------------------------------------------------------


def test_a_wrong_token_of_any_form_is_refused_with_one_constant_answer(
    daemon: RunningDaemon,
) -> None:
    token = daemon.token
    attempts = [
        [],
        ["Authorization:"],
        ["Authorization: Bearer"],
        ["Authorization: Bearer "],
        [f"Authorization: Basic {token}"],
        [f"Authorization: {token}"],
        [f"Authorization: Bearer {token[:-1]}"],
        [f"Authorization: Bearer {token}x"],
        [f"Authorization: Bearer {token.swapcase()}"],
        [f"Authorization: Bearer {token}, Bearer {token}"],
        [f"Authorization: Bearer \xa0{token}"],
        [f"X-Authorization: Bearer {token}"],
        [f"Cookie: token={token}"],
        [f"Sec-WebSocket-Protocol: sidespool.v1, token.{token}"],
    ]
    answers = {say(daemon.port, request(daemon.port, None, *one)).raw for one in attempts}
    assert len(answers) == 1
    assert answers.pop().startswith(b"HTTP/1.1 401 ")
    in_url = request(daemon.port, None, line=f"GET /v1/settings?token={token} HTTP/1.1")
    assert say(daemon.port, in_url).status == 401


def test_two_authorizations_are_refused_even_where_both_are_right(daemon: RunningDaemon) -> None:
    raw = request(daemon.port, daemon.token, f"Authorization: Bearer {daemon.token}")
    assert say(daemon.port, raw).status == 400


def test_every_route_is_closed_without_the_token(daemon: RunningDaemon) -> None:
    for line in (
        "GET /v1/status",
        "GET /v1/settings",
        "PATCH /v1/settings",
        "POST /v1/events",
        "POST /v1/consent",
        "POST /v1/flush",
        "POST /v1/reset",
        "POST /v1/preview",
        "GET /v1/pending",
        "GET /v1/history",
        "GET /viewer/",
        "GET /",
        "GET /nowhere",
        "OPTIONS /v1/events",
    ):
        heard = say(daemon.port, request(daemon.port, None, line=f"{line} HTTP/1.1"))
        assert heard.status == 401, line


def test_a_simple_post_of_a_form_changes_nothing(daemon: RunningDaemon) -> None:
    body = b'{"enabled":false}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        fields = (f"Content-Type: {kind}", f"Content-Length: {len(body)}")
        line = "PATCH /v1/settings HTTP/1.1"
        without = request(daemon.port, None, *fields, line=line, body=body)
        assert say(daemon.port, without).status == 401
        with_token = request(daemon.port, daemon.token, *fields, line=line, body=body)
        assert say(daemon.port, with_token).status == 415
    assert daemon.status()["level"] == "usage"


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


# -- floods and slowness -------------------------------------------------------------------------


def test_a_head_that_is_too_long_is_refused_before_its_end(daemon: RunningDaemon) -> None:
    endless = b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 20_000
    heard = say(daemon.port, endless)
    assert heard.status == 400
    assert heard.seconds < 5


def test_the_body_of_a_refused_request_is_not_awaited(daemon: RunningDaemon) -> None:
    for token, status in ((None, 401), ("x" * 43, 401)):
        fields = ("Content-Type: application/json", "Content-Length: 8000000")
        line = "POST /v1/events HTTP/1.1"
        heard = say(daemon.port, request(daemon.port, token, *fields, line=line, body=b"["))
        assert heard.status == status
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
        assert daemon.request(method, path, body=b"[1]").status == 422


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
