"""Attacks on the local doors by names, pages and tokens, each over a real socket."""

from collections.abc import Iterator

import pytest

from support.daemon import RunningDaemon, start_daemon
from support.raw_http import request, say

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
    assert heard.status in (400, 421)
    assert heard.ended


def test_two_hosts_or_none_are_refused(daemon: RunningDaemon) -> None:
    both = request(daemon.port, daemon.token, f"Host: 127.0.0.1:{daemon.port}")
    assert say(daemon.port, both).status == 400
    assert say(daemon.port, request(daemon.port, daemon.token, host="")).status == 400
    empty = request(daemon.port, daemon.token, "Host:", host="")
    assert say(daemon.port, empty).status == 421


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
