"""Contract 3: one meaning on every transport, and who may come in."""

import base64
import gzip
import json
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from outside_world import Daemon, Lines, chat, gunzip_all, request
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    one = Daemon(tmp_path_factory.mktemp("api") / "data", "--stdio")
    yield one
    one.process.kill()
    one.process.wait(10)


def stored(daemon: Daemon) -> list[dict[str, Any]]:
    """Every event in the spool."""
    daemon.flush()
    files = [p for p in (daemon.data / "spool").iterdir() if re.search(r"\.v1\.(active|sealed)$", p.name)]
    lines = b"".join(gunzip_all(p.read_bytes()) for p in files).splitlines()
    return [json.loads(line) for line in lines if line.strip()]


# --- WebSocket operations

def test_hello_is_welcomed(daemon: Daemon) -> None:
    with daemon.socket() as client:
        assert client.welcome["op"] == "welcome"
        assert {"session_id", "level", "settings"} <= set(client.welcome)
        assert client.welcome["level"] == "usage"
        uuid.UUID(client.welcome["session_id"])


def test_a_given_session_is_kept(daemon: Daemon) -> None:
    mine = str(uuid.uuid4())
    with daemon.socket({"session_id": mine}) as client:
        assert client.welcome["session_id"] == mine
        client.ask({"op": "emit", "id": 1, "events": [chat(model="session-given")]})
    (event,) = [e for e in stored(daemon) if e["payload"].get("model") == "session-given"]
    assert event["session_id"] == mine


def test_emit_is_acknowledged(daemon: Daemon) -> None:
    with daemon.socket() as client:
        answer = client.ask({"op": "emit", "id": 7, "events": [chat(), chat()]})
        assert answer == {"op": "ack", "id": 7, "accepted": 2, "rejected": []}


def test_an_ack_over_the_socket_survives_kill(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d")
    with one.socket() as client:
        client.ask({"op": "emit", "id": 7, "events": [chat(model="killed")]})
        one.process.kill()
        one.process.wait()
    files = [p for p in (one.data / "spool").iterdir()]
    assert b"killed" in b"".join(gunzip_all(p.read_bytes()) for p in files)


def test_status_flush_and_reset_are_results(daemon: Daemon) -> None:
    with daemon.socket() as client:
        status = client.ask({"op": "status", "id": 1})
        assert status["op"] == "result"
        assert status["level"] == "usage"
        flush = client.ask({"op": "flush", "id": 2})
        assert flush["op"] == "result"
        assert {"sealed", "uploaded", "pending"} <= set(flush)
        assert all(isinstance(flush[k], int) for k in ("sealed", "uploaded", "pending"))


def test_flush_counts(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d")
    one.emit(chat(), chat())
    first = one.flush()
    print("READING flush", first, one.flush())
    one.process.kill()


def test_settings_are_told_to_every_client(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d")
    with one.socket() as a, one.socket() as b:
        answer = a.ask({"op": "set", "id": 3, "settings": {"level": "error"}})
        print("READING set answer", answer, a.others)
        told = b.receive()
        assert told["op"] == "settings"
        assert told["level"] == "error"
        if answer["op"] != "settings":
            assert a.others or a.receive()["op"] == "settings"
        a.ask({"op": "set", "id": 4, "settings": {"enabled": False}})
        assert b.receive()["level"] == "off"
        a.ask({"op": "set", "id": 5, "settings": {"enabled": True, "level": "usage"}})
        assert b.receive()["level"] == "usage"
    one.process.kill()


def test_consent_is_acked(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d", TELEMETRY_CONSENT_MODEL="opt_in")
    assert one.status()["level"] == "off"
    with one.socket() as a, one.socket() as b:
        answer = a.ask({"op": "consent", "id": 3, "decision": "granted", "policy_version": "2026-01"})
        assert answer["op"] == "ack"
        assert b.receive()["op"] == "settings"
        assert a.ask({"op": "emit", "id": 4, "events": [chat()]})["accepted"] == 1
        answer = a.ask({"op": "consent", "id": 5, "decision": "denied", "policy_version": "2026-01"})
        assert answer["op"] == "ack"
        assert a.ask({"op": "emit", "id": 6, "events": [chat()]})["rejected"][0]["reason"] == "consent_off"
    one.stop()
    again = Daemon(tmp_path / "d", TELEMETRY_CONSENT_MODEL="opt_in")
    assert again.status()["level"] == "off"
    again.process.kill()


@pytest.mark.parametrize("op", [
    {"op": "set", "settings": {"level": "loud"}},
    {"op": "set", "settings": {"enabled": "yes"}},
    {"op": "set", "settings": {"nonsense": 1}},
    {"op": "set"},
    {"op": "consent", "decision": "maybe", "policy_version": "1"},
    {"op": "consent"},
    {"op": "emit"},
    {"op": "emit", "events": {}},
    {"op": "emit", "events": "x"},
    {"op": "attach"},
    {"op": "attach", "event_id": "x", "name": "y", "content_type": "z", "data": "!!"},
    {"op": "nonsense"},
    {},
])
def test_odd_frames_get_an_error_and_the_connection_lives(daemon: Daemon, op: dict[str, Any]) -> None:
    with daemon.socket() as client:
        client.send({**op, "id": 1})
        answer = client.receive()
        print("READING odd", op, answer)
        assert answer["op"] in ("error",)
        assert client.ask({"op": "emit", "id": 2, "events": [chat()]})["accepted"] == 1


@pytest.mark.parametrize("text", ["{", "[]", "1", "null", '"x"', "", "\x00", '{"op":1,"id":1}', '{"op":"emit","id":1,"events":[{]}'])
def test_malformed_frames(daemon: Daemon, text: str) -> None:
    with daemon.socket() as client:
        client.send(text)
        answer = client.receive()
        assert answer["op"] == "error"
        assert answer["reason"] == "malformed"
        assert client.ask({"op": "emit", "id": 2, "events": [chat()]})["accepted"] == 1


def test_goodbye_closes(daemon: Daemon) -> None:
    with daemon.socket() as client:
        client.send({"op": "goodbye"})
        with pytest.raises(ConnectionClosed):
            client.receive()


def test_a_binary_frame(daemon: Daemon) -> None:
    with daemon.socket() as client:
        client.connection.send(b'{"op":"status","id":1}')
        try:
            print("READING binary", client.receive())
        except ConnectionClosed as closed:
            print("READING binary closed", closed)


def test_attach_is_acked(daemon: Daemon) -> None:
    with daemon.socket() as client:
        mine = str(uuid.uuid4())
        client.ask({"op": "emit", "id": 1, "events": [{**chat(), "event_id": mine}]})
        answer = client.ask({"op": "attach", "id": 2, "event_id": mine, "name": "a.txt", "content_type": "text/plain", "data": base64.b64encode(b"hello").decode()})
        print("READING attach at usage", answer)


def test_put_attachment(daemon: Daemon) -> None:
    mine = str(uuid.uuid4())
    answer = daemon.http("PUT", f"/v1/attachments/{mine}/a.txt", b"hello", headers={"Content-Type": "text/plain"})
    print("READING put attach at usage", answer)


# --- HTTP twins

def test_post_an_object(daemon: Daemon) -> None:
    status, answer, headers = daemon.http("POST", "/v1/events", chat())
    assert (status, answer) == (202, {"accepted": 1, "rejected": []})
    assert headers["content-type"].startswith("application/json")


def test_post_an_array(daemon: Daemon) -> None:
    assert daemon.http("POST", "/v1/events", [chat(), chat()])[:2] == (202, {"accepted": 2, "rejected": []})


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n", b"\n\n"])
def test_post_ndjson(daemon: Daemon, end: bytes) -> None:
    body = b"\n".join(json.dumps(chat()).encode() for _ in range(3)) + end
    answer = daemon.http("POST", "/v1/events", body, headers={"Content-Type": "application/x-ndjson"})
    assert answer[:2] == (202, {"accepted": 3, "rejected": []})


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson", "application/json; charset=utf-8"])
def test_post_gzip(daemon: Daemon, kind: str) -> None:
    body = gzip.compress(json.dumps(chat()).encode())
    answer = daemon.http("POST", "/v1/events", body, headers={"Content-Type": kind, "Content-Encoding": "gzip"})
    assert answer[:2] == (202, {"accepted": 1, "rejected": []})


def test_post_gzip_of_two_members(daemon: Daemon) -> None:
    line = json.dumps(chat()).encode() + b"\n"
    body = gzip.compress(line) + gzip.compress(line)
    answer = daemon.http("POST", "/v1/events", body, headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"})
    assert answer[:2] == (202, {"accepted": 2, "rejected": []})


def test_chunked_post(daemon: Daemon) -> None:
    body = json.dumps(chat()).encode()
    raw = socket.create_connection(("127.0.0.1", daemon.port))
    raw.settimeout(5)
    raw.sendall(
        f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\nAuthorization: Bearer {daemon.token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    )
    text = b""
    while chunk := raw.recv(65536):
        text += chunk
    print("READING chunked", text[:300])
    assert b" 202 " in text.split(b"\r\n")[0]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"3", b"\xff\xfe", b"null", b"[]"])
def test_odd_bodies(daemon: Daemon, body: bytes) -> None:
    print("READING body", body, daemon.http("POST", "/v1/events", body)[:2])


def test_bad_gzip(daemon: Daemon) -> None:
    assert daemon.http("POST", "/v1/events", b"not gzip", headers={"Content-Encoding": "gzip"})[0] == 400


def test_other_encoding(daemon: Daemon) -> None:
    assert daemon.http("POST", "/v1/events", b"x", headers={"Content-Encoding": "br"})[0] == 415


def test_http_settings(daemon: Daemon) -> None:
    status, answer, _ = daemon.http("GET", "/v1/settings")
    assert status == 200
    assert answer["level"] == "usage"
    assert {"enabled", "full_content", "level"} <= set(answer)


def test_http_patch_settings(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d")
    status, answer, _ = one.http("PATCH", "/v1/settings", {"level": "error"})
    assert status == 200
    assert answer["level"] == "error"
    assert one.http("GET", "/v1/settings")[1]["level"] == "error"
    assert one.http("PATCH", "/v1/settings", {"level": "loud"})[0] == 400
    assert one.http("PATCH", "/v1/settings", {"nonsense": 1})[0] == 400
    assert one.http("PATCH", "/v1/settings", {"enabled": "x"})[0] == 400
    status, answer, _ = one.http("POST", "/v1/consent", {"decision": "denied", "policy_version": "1"})
    print("READING consent http", status, answer)
    assert status in (200, 202)
    assert one.status()["level"] == "off"
    assert one.http("POST", "/v1/consent", {"decision": "perhaps", "policy_version": "1"})[0] == 400
    one.process.kill()


def test_http_pending_history_preview(daemon: Daemon) -> None:
    daemon.emit(chat(model="for-pending"))
    status, answer, headers = daemon.http("GET", "/v1/pending")
    assert status == 200
    print("READING pending", headers, str(answer)[:600])
    status, answer, headers = daemon.http("GET", "/v1/history")
    assert status == 200
    print("READING history", headers, str(answer)[:400])
    status, answer, headers = daemon.http("POST", "/v1/preview", chat(model="for-preview"))
    assert status == 200
    print("READING preview", headers, str(answer)[:800])
    status, answer, headers = daemon.http("POST", "/v1/preview", [chat(), {"event_type": "Nope", "payload": {}}])
    print("READING preview 2", status, str(answer)[:800])


def test_http_flush(daemon: Daemon) -> None:
    status, answer, _ = daemon.http("POST", "/v1/flush")
    assert status == 200
    assert {"sealed", "uploaded", "pending"} <= set(answer)
    status, answer, _ = daemon.http("POST", "/v1/flush", {})
    assert status == 200


def test_unknown_paths_and_methods(daemon: Daemon) -> None:
    print("READING 404", daemon.http("GET", "/v1/nothing")[:2], daemon.http("GET", "/")[:2])
    print("READING 405", daemon.http("DELETE", "/v1/events")[:2], daemon.http("GET", "/v1/events")[:2], daemon.http("OPTIONS", "/v1/events")[:2])


def test_the_viewer_needs_a_one_time_link(daemon: Daemon) -> None:
    status, body, headers = daemon.http("GET", "/viewer/", token=None)
    print("READING viewer", status, body, headers)
    print("READING viewer", daemon.http("GET", "/viewer/")[0])


# --- NDJSON over the Unix socket

def test_unix_socket(daemon: Daemon) -> None:
    with daemon.unix() as lines:
        lines.send({"op": "hello", "token": daemon.token})
        assert lines.receive()["op"] == "welcome"
        answer = lines.ask({"op": "emit", "id": 1, "events": [chat(), {"event_type": "Nope", "payload": {}}]})
        assert answer["op"] == "ack"
        assert answer["accepted"] == 1
        assert [r["index"] for r in answer["rejected"]] == [1]
        lines.send("{nonsense")
        assert lines.receive()["reason"] == "malformed"
        assert lines.ask({"op": "status", "id": 2})["level"] == "usage"
        lines.send({"op": "goodbye"})
        assert lines.file.readline() == b""


@pytest.mark.parametrize("first", [{"op": "hello", "token": "wrong"}, {"op": "hello"}, {"op": "status", "id": 1}, "nonsense", {"op": "hello", "token": 3}])
def test_unix_socket_needs_the_token(daemon: Daemon, first: Any) -> None:
    with daemon.unix() as lines:
        lines.send(first)
        answers = lines.file.read()
        print("READING unix refused", answers)
        assert b"welcome" not in answers and b"level" not in answers


# --- who may come in

def test_no_token_is_401(daemon: Daemon) -> None:
    status, body, headers = daemon.http("GET", "/v1/status", token=None)
    assert status == 401
    print("READING 401", body, headers)


@pytest.mark.parametrize("value", ["Bearer wrong", "Basic abc", "bearer", "Bearer ", ""])
def test_bad_authorization(daemon: Daemon, value: str) -> None:
    assert daemon.http("GET", "/v1/status", token=None, headers={"Authorization": value})[0] == 401


def test_a_token_in_the_query_is_no_token(daemon: Daemon) -> None:
    assert daemon.http("GET", f"/v1/status?token={daemon.token}", token=None)[0] == 401


@pytest.mark.parametrize("host", ["127.0.0.1:{p}", "localhost:{p}", "[::1]:{p}"])
def test_good_hosts(daemon: Daemon, host: str) -> None:
    assert daemon.http("GET", "/v1/status", headers={"Host": host.format(p=daemon.port)})[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example", "evil.example:{p}", "127.0.0.1:1", "localhost.:{p}", "127.0.0.2:{p}", "LOCALHOST:{p}", "127.0.0.1:{p}.evil", "0.0.0.0:{p}", "127.1:{p}", "127.0.0.1:0{p}", ""])
def test_bad_hosts(daemon: Daemon, host: str) -> None:
    status = daemon.http("GET", "/v1/status", headers={"Host": host.format(p=daemon.port)})[0]
    assert status == 421 or (host == "" and status == 400), status


def raw(daemon: Daemon, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", daemon.port)) as one:
        one.settimeout(5)
        one.sendall(text.replace("\n", "\r\n").encode())
        out = b""
        try:
            while chunk := one.recv(65536):
                out += chunk
        except (TimeoutError, ConnectionResetError):
            out += b"<TIMEOUT>"
        return out


def test_doubled_headers_are_400(daemon: Daemon) -> None:
    host, auth = f"Host: 127.0.0.1:{daemon.port}\n", f"Authorization: Bearer {daemon.token}\n"
    for head in (host * 2 + auth, host + auth * 2, auth):
        text = raw(daemon, f"GET /v1/status HTTP/1.1\n{head}Connection: close\n\n")
        print("READING doubled", text.split(b"\r\n")[0])
        assert re.match(rb"HTTP/1\.1 4(00|01|03|21) ", text)


@pytest.mark.parametrize("target", ["http://127.0.0.1:{p}/v1/status", "v1/status", "*", "//evil/v1/status", "127.0.0.1:{p}"])
def test_targets_must_be_origin_form(daemon: Daemon, target: str) -> None:
    host, auth = f"Host: 127.0.0.1:{daemon.port}\n", f"Authorization: Bearer {daemon.token}\n"
    text = raw(daemon, f"GET {target.format(p=daemon.port)} HTTP/1.1\n{host}{auth}Connection: close\n\n")
    print("READING target", target, text.split(b"\r\n")[0])
    assert re.match(rb"HTTP/1\.1 4", text)


@pytest.mark.parametrize(("origin", "status"), [
    ("file://", 200), ("app://x", 200), ("app://", 200), ("app://-", 200), ("file:///x/y.html", 200), ("null", 403), ("http://evil.example", 403),
    ("http://localhost:4200", 403), ("https://app.example", 403), ("appx://x", 403), ("xapp://x", 403), ("", 403), ("file", 403), ("app:", 403),
])
def test_origins(daemon: Daemon, origin: str, status: int) -> None:
    got, body, headers = daemon.http("GET", "/v1/status", headers={"Origin": origin})
    assert got == status, (got, body)
    cors = {k: v for k, v in headers.items() if k.startswith("access-control")}
    print("READING cors", origin, cors)
    if status == 403:
        assert not cors


def test_configured_origins(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d", TELEMETRY_ORIGINS="http://localhost:4200,vscode-webview://,null")
    for origin, status in {"http://localhost:4200": 200, "http://localhost:42000": 403, "http://localhost:4201": 403, "vscode-webview://abc": 200, "file://": 403, "null": 403}.items():
        assert one.http("GET", "/v1/status", headers={"Origin": origin})[0] == status, origin
    one.process.kill()


@pytest.mark.parametrize(("site", "status"), [("none", 200), ("same-origin", 200), ("cross-site", 403), ("same-site", 403), ("x", 403)])
def test_sec_fetch_site(daemon: Daemon, site: str, status: int) -> None:
    assert daemon.http("GET", "/v1/status", headers={"Sec-Fetch-Site": site})[0] == status


def test_sec_fetch_site_with_an_allowed_origin(daemon: Daemon) -> None:
    assert daemon.http("GET", "/v1/status", headers={"Sec-Fetch-Site": "cross-site", "Origin": "file://"})[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp"])
def test_other_bodies_are_415(daemon: Daemon, kind: str) -> None:
    assert daemon.http("POST", "/v1/events", json.dumps(chat()).encode(), headers={"Content-Type": kind})[0] == 415


def test_a_body_without_content_type_is_415(daemon: Daemon) -> None:
    headers = {"Host": f"127.0.0.1:{daemon.port}", "Authorization": f"Bearer {daemon.token}"}
    assert request(daemon.port, "POST", "/v1/events", json.dumps(chat()).encode(), headers)[0] == 415


def test_refusals_are_constant_short_and_counted(daemon: Daemon) -> None:
    bodies = set()
    for n in range(3):
        status, body, _ = daemon.http("GET", f"/v1/status?{n}", token="x" * n + "y")
        bodies.add(json.dumps(body, default=str))
    assert len(bodies) == 1
    assert len(next(iter(bodies))) < 100
    print("READING refused", daemon.status()["refused"])
    assert daemon.status()["refused"]


def test_refusals_do_not_flood_the_log(daemon: Daemon) -> None:
    before = sum(p.stat().st_size for p in (daemon.data / "logs").iterdir())
    for _ in range(300):
        daemon.http("GET", "/v1/status", token="wrong")
    after = sum(p.stat().st_size for p in (daemon.data / "logs").iterdir())
    assert after - before < 3000


def test_a_refused_body_is_not_awaited(daemon: Daemon) -> None:
    began = time.monotonic()
    text = raw(daemon, f"POST /v1/events HTTP/1.1\nHost: 127.0.0.1:{daemon.port}\nContent-Type: application/json\nContent-Length: 100000\n\n")
    assert text.startswith(b"HTTP/1.1 401")
    assert time.monotonic() - began < 2


def test_a_body_over_8_mib_is_413(daemon: Daemon) -> None:
    text = raw(daemon, f"POST /v1/events HTTP/1.1\nHost: 127.0.0.1:{daemon.port}\nAuthorization: Bearer {daemon.token}\nContent-Type: application/json\nContent-Length: {8 * 2**20 + 1}\n\n")
    print("READING big", text[:200])
    assert text.startswith(b"HTTP/1.1 413")


def test_a_gzip_bomb_is_413(daemon: Daemon) -> None:
    body = gzip.compress(b" " * (64 * 2**20))
    status, answer, _ = daemon.http("POST", "/v1/events", body, headers={"Content-Encoding": "gzip"})
    assert status == 413, (status, answer)


def ws(daemon: Daemon, **more: Any) -> Any:
    return connect(f"ws://127.0.0.1:{daemon.port}/v1/socket", open_timeout=5, compression=None, **more)


def test_websocket_by_subprotocol(daemon: Daemon) -> None:
    with ws(daemon, subprotocols=["sidespool.v1", f"token.{daemon.token}"]) as one:
        assert one.subprotocol == "sidespool.v1"
        one.send('{"op":"hello","client":"renderer"}')
        assert json.loads(one.recv(5))["op"] == "welcome"


@pytest.mark.parametrize("origin", ["file://", "app://main"])
def test_websocket_with_a_good_origin(daemon: Daemon, origin: str) -> None:
    with ws(daemon, subprotocols=["sidespool.v1", f"token.{daemon.token}"], additional_headers={"Origin": origin}) as one:
        one.send('{"op":"hello","client":"renderer"}')
        assert json.loads(one.recv(5))["op"] == "welcome"


@pytest.mark.parametrize(("more", "status"), [
    ({}, 401),
    ({"subprotocols": ["sidespool.v1"]}, 401),
    ({"subprotocols": ["sidespool.v1", "token.wrong"]}, 401),
    ({"additional_headers": {"Authorization": "Bearer wrong"}}, 401),
    ({"subprotocols": ["sidespool.v1", "token.RIGHT"], "additional_headers": {"Origin": "http://evil.example"}}, 403),
    ({"subprotocols": ["sidespool.v1", "token.RIGHT"], "additional_headers": {"Origin": "null"}}, 403),
])
def test_websocket_refused(daemon: Daemon, more: dict[str, Any], status: int) -> None:
    more = json.loads(json.dumps(more).replace("RIGHT", daemon.token))
    with pytest.raises(InvalidStatus) as refused, ws(daemon, **more):
        pass
    assert refused.value.response.status_code == status


def test_websocket_token_alone_without_v1(daemon: Daemon) -> None:
    try:
        with ws(daemon, subprotocols=[f"token.{daemon.token}"]) as one:
            print("READING token alone accepted", one.subprotocol)
    except InvalidStatus as refused:
        print("READING token alone", refused.response.status_code)


def test_ops_before_hello_on_the_websocket(daemon: Daemon) -> None:
    with ws(daemon, additional_headers={"Authorization": f"Bearer {daemon.token}"}) as one:
        one.send(json.dumps({"op": "emit", "id": 1, "events": [chat()]}))
        print("READING before hello", one.recv(5))


def test_a_half_request_has_ten_seconds(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port)) as one:
        one.settimeout(14)
        one.sendall(f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\n".encode())
        began = time.monotonic()
        out = one.recv(1000)
        took = time.monotonic() - began
        print("READING slow", took, out[:60])
        assert 8 < took < 12


def test_half_a_body_has_ten_seconds(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port)) as one:
        one.settimeout(14)
        one.sendall(f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\nAuthorization: Bearer {daemon.token}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n[".encode())
        began = time.monotonic()
        out = one.recv(1000)
        took = time.monotonic() - began
        print("READING slow body", took, out[:60])
        assert 8 < took < 12


def test_half_a_line_has_ten_seconds(daemon: Daemon) -> None:
    with daemon.unix() as lines:
        lines.send({"op": "hello", "token": daemon.token})
        lines.receive()
        began = time.monotonic()
        lines.raw.sendall(b'{"op":"status"')
        out = lines.file.read()
        print("READING half line", time.monotonic() - began, out[:100])
        assert 8 < time.monotonic() - began < 12


# --- events

BASE = {"event_type": "ChatTurn"}


@pytest.mark.parametrize(("event", "reason"), [
    ({"event_type": "Nope", "payload": {}}, "unknown_event"),
    ({"event_type": "ChatTurn", "payload": {"nope": 1}}, "unknown_field"),
    ({**chat(), "nope": 1}, "unknown_field"),
    (chat(prompt_length="12"), "invalid_value"),
    (chat(prompt_length=-1), "invalid_value"),
    (chat(prompt_length=1.5), "invalid_value"),
    (chat(prompt_length=True), "invalid_value"),
    (chat(prompt_length=10**30), "invalid_value"),
    (chat(model=3), "invalid_value"),
    (chat(model=None), "?"),
    ({"event_type": "ChatTurn"}, "?"),
    ({"event_type": "ChatTurn", "payload": {}}, "?"),
    ({"event_type": "ChatTurn", "payload": []}, "?"),
    ({"payload": {}}, "malformed"),
    ({"event_type": 3, "payload": {}}, "?"),
    (3, "malformed"),
    ("x", "malformed"),
    (None, "malformed"),
    ([], "malformed"),
    ({}, "malformed"),
    ({**chat(), "event_id": "not-a-uuid"}, "?"),
    ({**chat(), "timestamp": "yesterday"}, "?"),
    ({**chat(), "timestamp": 3}, "?"),
    ({**chat(), "session_id": "x" * 600}, "?"),
    ({**chat(), "session_id": 3}, "?"),
    ({"event_type": "ChatTurnFull", "payload": {"prompt": "p", "response": "r"}}, "level_too_low"),
    ({"event_type": "ProposalDiff", "payload": {"proposal_id": "p", "diff": "r"}}, "level_too_low"),
    ({"event_type": "ProposalDecision", "payload": {"proposal_id": "p1", "decision": "maybe"}}, "invalid_value"),
    ({"event_type": "SessionEnd", "payload": {"reason": "bored"}}, "invalid_value"),
    ({"event_type": "Crash", "payload": {"process": "toaster"}}, "invalid_value"),
    ({"event_type": "Error", "payload": {"context": {"a": "x" * 70000}}}, "?"),
    ({"event_type": "Error", "payload": {"error_type": "E", "message": "x" * 70000}}, "too_large"),
    ({"event_type": "ChatTurn", "payload": {"model": {"a": {"b": {"c": {"d": 1}}}}}}, "?"),
])
def test_reasons(daemon: Daemon, event: Any, reason: str) -> None:
    answer = daemon.emit(chat(), event, chat())
    assert answer["accepted"] >= 2
    print("READING reason", json.dumps(event)[:150], answer)
    if reason == "?":
        return
    assert answer["accepted"] == 2
    (refused,) = answer["rejected"]
    assert set(refused) == {"index", "reason", "detail"}
    assert refused["index"] == 1
    assert refused["reason"] == reason


def test_the_detail_does_not_repeat_the_value(daemon: Daemon) -> None:
    answer = daemon.emit(chat(model=["hush-hush"]), {"event_type": "ChatTurn", "payload": {"hush-hush": 1}})
    print("READING detail", answer)


def test_the_stored_form(daemon: Daemon) -> None:
    daemon.emit(chat(model="stored-form"))
    (event,) = [e for e in stored(daemon) if e["payload"].get("model") == "stored-form"]
    assert set(event) == {"event_id", "event_type", "timestamp", "session_id", "user_id", "app_id", "app_version", "os", "seq", "payload"}
    assert UUID7.match(event["event_id"])
    assert STAMP.match(event["timestamp"])
    assert event["os"] in ("linux", "Linux")
    assert isinstance(event["seq"], int)
    assert event["payload"] == chat(model="stored-form")["payload"]


def test_given_ids_and_times_are_kept(daemon: Daemon) -> None:
    mine = [str(uuid.uuid4()) for _ in range(4)]
    stamps = ["2026-11-20T10:11:12.345Z", "2026-11-20T10:11:12Z", "2026-11-20T12:11:12.345678+02:00", "2026-11-20T10:11:12.3Z"]
    answer = daemon.emit(*[{**chat(), "event_id": i, "timestamp": s, "session_id": "my-session"} for i, s in zip(mine, stamps, strict=True)])
    print("READING times", answer)
    found = {e["event_id"]: e for e in stored(daemon)}
    for i, s in zip(mine, stamps, strict=True):
        print("READING time", s, found.get(i, {}).get("timestamp"), found.get(i, {}).get("session_id"))
    assert found[mine[0]]["timestamp"] == stamps[0]


def test_far_times(daemon: Daemon) -> None:
    for s in ("1999-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z", "2026-02-30T00:00:00.000Z"):
        mine = str(uuid.uuid4())
        answer = daemon.emit({**chat(), "event_id": mine, "timestamp": s})
        found = {e["event_id"]: e for e in stored(daemon)}
        print("READING far", s, answer, found.get(mine, {}).get("timestamp"))


def test_uppercase_uuid(daemon: Daemon) -> None:
    mine = str(uuid.uuid4()).upper()
    answer = daemon.emit({**chat(), "event_id": mine})
    print("READING upper", answer, [e["event_id"] for e in stored(daemon) if e["event_id"].upper() == mine])


def test_the_same_event_id_twice(daemon: Daemon) -> None:
    mine = str(uuid.uuid4())
    print("READING twice", daemon.emit({**chat(), "event_id": mine}, {**chat(), "event_id": mine}), daemon.emit({**chat(), "event_id": mine}))
    print("READING twice stored", len([e for e in stored(daemon) if e["event_id"] == mine]))


def test_seq_rises(daemon: Daemon) -> None:
    daemon.emit(*[chat(model="seq-rise") for _ in range(5)])
    seqs = [e["seq"] for e in stored(daemon) if e["payload"].get("model") == "seq-rise"]
    assert seqs == sorted(set(seqs))


def test_1000_events_go_1001_do_not(daemon: Daemon) -> None:
    with daemon.socket() as client:
        assert client.ask({"op": "emit", "id": 1, "events": [chat()] * 1000})["accepted"] == 1000
        client.send({"op": "emit", "id": 2, "events": [chat()] * 1001})
        answer = client.receive()
        print("READING 1001 ws", str(answer)[:300])
    answer = daemon.http("POST", "/v1/events", [chat()] * 1001)
    print("READING 1001 http", str(answer[:2])[:300])
    body = b"\n".join([json.dumps(chat()).encode()] * 1001)
    answer = daemon.http("POST", "/v1/events", body, headers={"Content-Type": "application/x-ndjson"})
    print("READING 1001 ndjson", str(answer[:2])[:300])


def test_a_frame_over_8_mib(daemon: Daemon) -> None:
    with daemon.socket() as client:
        try:
            client.send('{"op":"emit","id":1,"events":[],"x":"' + "x" * (8 * 2**20) + '"}')
            print("READING 8MiB", client.receive())
            print("READING 8MiB then", client.ask({"op": "status", "id": 2})["level"])
        except ConnectionClosed as closed:
            print("READING 8MiB closed", closed)


def test_a_line_over_8_mib(daemon: Daemon) -> None:
    with daemon.unix() as lines:
        lines.send({"op": "hello", "token": daemon.token})
        lines.receive()
        try:
            lines.send('{"op":"emit","id":1,"events":[],"x":"' + "x" * (8 * 2**20) + '"}')
            print("READING 8MiB line", lines.receive())
            print("READING 8MiB line then", lines.ask({"op": "status", "id": 2})["level"])
        except (AssertionError, OSError) as closed:
            print("READING 8MiB line closed", closed)


def test_a_frame_just_below_8_mib(daemon: Daemon) -> None:
    events = [{"event_type": "Error", "payload": {"error_type": "E", "message": "m " * 4000, "stack_trace": "s"}}] * 950
    frame = json.dumps({"op": "emit", "id": 1, "events": events})
    print("size", len(frame) / 2**20)
    with daemon.socket() as client:
        answer = client.ask(json.loads(frame))
        assert answer["op"] == "ack"


def test_strings_are_cut_at_500_bytes_with_a_marker(daemon: Daemon) -> None:
    long = "model-" + "x" * 600
    answer = daemon.emit(chat(model=long), {"event_type": "ToolCall", "payload": {"tool_name": "t" * 700, "duration_ms": 1, "success": True}})
    print("READING cut", answer)
    for e in stored(daemon):
        for value in e["payload"].values():
            if isinstance(value, str) and ("xxxxxx" in value or "tttttt" in value):
                print("READING cut stored", len(value.encode()), value[-40:])


def test_error_text_is_cut_at_8_kib(daemon: Daemon) -> None:
    words = "alpha beta gamma delta " * 1000
    answer = daemon.emit({"event_type": "Error", "payload": {"error_type": "LongError", "message": words, "stack_trace": "at f (src/a.ts:1:2)\n" * 1000}})
    print("READING cut8k", answer)
    for e in stored(daemon):
        if e["payload"].get("error_type") == "LongError":
            for key, value in e["payload"].items():
                print("READING cut8k", key, len(str(value).encode()), str(value)[-60:])


def test_a_cut_string_is_utf8(daemon: Daemon) -> None:
    words = "é漢字 " * 3000
    daemon.emit({"event_type": "Error", "payload": {"error_type": "Utf8Error", "message": words}})
    (event,) = [e for e in stored(daemon) if e["payload"].get("error_type") == "Utf8Error"]
    assert len(event["payload"]["message"].encode()) <= 8192
    print("READING utf8", event["payload"]["message"][-30:])


def test_lone_surrogates_and_nul(daemon: Daemon) -> None:
    body = b'{"event_type":"Error","payload":{"error_type":"SurError","message":"a\\ud800b\\u0000c"}}'
    print("READING surrogate", daemon.http("POST", "/v1/events", body)[:2])
    print("READING nan", daemon.http("POST", "/v1/events", b'{"event_type":"ChatTurn","payload":{"latency_ms":NaN}}')[:2])
    print("READING bad utf8", daemon.http("POST", "/v1/events", b'{"event_type":"ChatTurn","payload":{"model":"\xff"}}')[:2])
    print("READING dup key", daemon.http("POST", "/v1/events", b'{"event_type":"ChatTurn","payload":{"latency_ms":1,"latency_ms":2}}')[:2])
    print("READING deep", daemon.http("POST", "/v1/events", b"[" * 100000)[:2])
    print("READING deep context", daemon.http("POST", "/v1/events", {"event_type": "Error", "payload": {"error_type": "DeepError", "context": {"a": {"b": {"c": {"d": 1}}}}}})[:2])
    print("READING array context", daemon.http("POST", "/v1/events", {"event_type": "Error", "payload": {"error_type": "ArrError", "context": {"a": list(range(200))}}})[:2])
    for e in stored(daemon):
        if e["payload"].get("error_type") in ("SurError", "DeepError", "ArrError"):
            print("READING stored", str(e)[:400])


def test_reset_op(tmp_path: Path) -> None:
    one = Daemon(tmp_path / "d")
    one.emit(chat(model="canary-model"))
    before = one.status()["user_id"]
    with one.socket() as client:
        answer = client.ask({"op": "reset", "id": 1})
        print("READING reset", answer, client.others)
        assert answer["op"] == "result"
    status = one.status()
    assert status["level"] == "off"
    assert status["user_id"] != before
    assert one.http("POST", "/v1/reset")[0] in (200, 202)
    one.process.kill()
