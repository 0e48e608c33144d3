"""Contract 3: who may come in, by which door."""

import gzip
import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from contract.blackbox.outside_world import Daemon, chat, request

Start = Callable[..., Daemon]


def raw(daemon: Daemon, head: str) -> bytes:
    """Sends exactly this head, and reads to the end."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=5) as one:
        one.sendall(head.replace("\n", "\r\n").encode())
        out = b""
        while chunk := one.recv(65536):
            out += chunk
        return out


@pytest.mark.parametrize("value", [None, "Bearer wrong", "Basic abc", "Bearer ", ""])
def test_without_the_token_it_is_401(shared: Daemon, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    assert shared.http("GET", "/v1/status", token=None, headers=headers)[0] == 401


def test_a_token_in_the_query_is_no_token(shared: Daemon) -> None:
    assert shared.http("GET", f"/v1/status?token={shared.token}", token=None)[0] == 401


@pytest.mark.parametrize("host", ["127.0.0.1:{p}", "localhost:{p}", "[::1]:{p}"])
def test_these_hosts_are_ours(shared: Daemon, host: str) -> None:
    headers = {"Host": host.format(p=shared.port)}
    assert shared.http("GET", "/v1/status", headers=headers)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "evil.example:{p}", "127.0.0.1:1", "127.0.0.2:{p}", "127.0.0.1:{p}.evil"],
)
def test_any_other_host_is_misdirected(shared: Daemon, host: str) -> None:
    headers = {"Host": host.format(p=shared.port)}
    assert shared.http("GET", "/v1/status", headers=headers)[0] == 421


def test_one_host_and_one_authorization(shared: Daemon) -> None:
    host = f"Host: 127.0.0.1:{shared.port}\n"
    token = f"Authorization: Bearer {shared.token}\n"
    for head in (host * 2 + token, host + token * 2, token):
        answer = raw(shared, f"GET /v1/status HTTP/1.1\n{head}Connection: close\n\n")
        assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("target", ["http://127.0.0.1:{p}/v1/status", "v1/status", "*"])
def test_the_raw_target_starts_with_a_slash(shared: Daemon, target: str) -> None:
    host = f"Host: 127.0.0.1:{shared.port}\n"
    token = f"Authorization: Bearer {shared.token}\n"
    line = f"GET {target.format(p=shared.port)} HTTP/1.1\n"
    assert raw(shared, f"{line}{host}{token}Connection: close\n\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("origin", ["file://", "app://main"])
def test_pages_of_allowed_schemes_come_in(shared: Daemon, origin: str) -> None:
    status, _, headers = shared.http("GET", "/v1/status", headers={"Origin": origin})
    assert status == 200
    assert headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "http://localhost:4200", "appx://x", "app:", ""]
)
def test_other_origins_get_403_and_no_cors_header(shared: Daemon, origin: str) -> None:
    status, _, headers = shared.http("GET", "/v1/status", headers={"Origin": origin})
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control")]


def test_configured_origins_are_matched_exactly(start: Start) -> None:
    daemon = start(TELEMETRY_ORIGINS="http://localhost:4200,vscode-webview://,null")
    expected = {
        "http://localhost:4200": 200,
        "http://localhost:42000": 403,
        "vscode-webview://abc": 200,
        "file://": 403,
        "null": 403,
    }
    for origin, status in expected.items():
        assert daemon.http("GET", "/v1/status", headers={"Origin": origin})[0] == status


@pytest.mark.parametrize(
    ("site", "status"), [("none", 200), ("same-origin", 200), ("cross-site", 403)]
)
def test_sec_fetch_site_counts_without_an_origin(shared: Daemon, site: str, status: int) -> None:
    assert shared.http("GET", "/v1/status", headers={"Sec-Fetch-Site": site})[0] == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_bodies_are_415(shared: Daemon, kind: str) -> None:
    body = json.dumps(chat()).encode()
    assert shared.http("POST", "/v1/events", body, headers={"Content-Type": kind})[0] == 415


def test_a_body_of_no_type_is_415(shared: Daemon) -> None:
    headers = {
        "Host": f"127.0.0.1:{shared.port}",
        "Authorization": f"Bearer {shared.token}",
    }
    assert request(shared.port, "POST", "/v1/events", b"{}", headers)[0] == 415


def test_refusals_are_constant_short_counted_and_quiet(shared: Daemon) -> None:
    logs = shared.data / "logs"
    before = sum(path.stat().st_size for path in logs.iterdir())
    counted = sum(shared.status()["refused"].values())
    answers = {
        json.dumps(shared.http("GET", f"/v1/status?{n}", token=f"wrong{n}")[:2]) for n in range(200)
    }
    assert len(answers) == 1
    assert len(answers.pop()) < 100
    assert sum(shared.status()["refused"].values()) == counted + 200
    assert sum(path.stat().st_size for path in logs.iterdir()) - before < 2000


def test_a_refused_body_is_not_awaited(shared: Daemon) -> None:
    head = f"POST /v1/events HTTP/1.1\nHost: 127.0.0.1:{shared.port}\n"
    more = "Content-Type: application/json\nContent-Length: 100000\n\n"
    assert raw(shared, head + more).startswith(b"HTTP/1.1 401 ")


def test_a_gzip_bomb_is_413(shared: Daemon) -> None:
    body = gzip.compress(b" " * (32 * 2**20))
    assert shared.http("POST", "/v1/events", body, headers={"Content-Encoding": "gzip"})[0] == 413


def joined(daemon: Daemon, **more: Any) -> Any:
    url = f"ws://127.0.0.1:{daemon.port}/v1/socket"
    return connect(url, open_timeout=5, compression=None, **more)


@pytest.mark.parametrize("headers", [{}, {"Origin": "file://"}, {"Origin": "app://main"}])
def test_a_browser_comes_in_by_subprotocol(shared: Daemon, headers: dict[str, str]) -> None:
    words = ["sidespool.v1", f"token.{shared.token}"]
    with joined(shared, subprotocols=words, additional_headers=headers) as one:
        assert one.subprotocol == "sidespool.v1"
        one.send('{"op":"hello","client":"renderer"}')
        assert json.loads(one.recv(5))["op"] == "welcome"


@pytest.mark.parametrize(
    ("words", "headers", "status"),
    [
        ([], {}, 401),
        (["sidespool.v1"], {}, 401),
        (["sidespool.v1", "token.wrong"], {}, 401),
        (["sidespool.v1", "token.RIGHT"], {"Origin": "http://evil.example"}, 403),
        (["sidespool.v1", "token.RIGHT"], {"Origin": "null"}, 403),
    ],
)
def test_other_websockets_are_refused(
    shared: Daemon, words: list[str], headers: dict[str, str], status: int
) -> None:
    words = [word.replace("RIGHT", shared.token) for word in words]
    more: dict[str, Any] = {"subprotocols": words} if words else {}
    with (
        pytest.raises(InvalidStatus) as refused,
        joined(shared, additional_headers=headers, **more),
    ):
        pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    "first", ['{"op":"hello","token":"wrong"}', '{"op":"hello"}', '{"op":"status","id":1}', "x"]
)
def test_the_unix_socket_wants_the_token_first(shared: Daemon, first: str) -> None:
    with shared.unix() as lines:
        lines.send(first)
        assert not re.search(rb"welcome|level", lines.file.read())


def test_the_viewer_opens_once_with_its_link(shared: Daemon) -> None:
    assert shared.http("GET", "/viewer/", token=None)[0] == 401
