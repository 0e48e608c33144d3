"""Malformed frames, limits, bodies and the WebSocket itself, on a real daemon."""

import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from support.daemon import RunningDaemon, start_daemon
from support.four_doors import Ask, Page, every_door, memory_peak_mb, page

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


def error_with(message: str) -> dict[str, Any]:
    return {"event_type": "Error", "payload": {"error_type": "E", "message": message}}


# -- malformed frames ----------------------------------------------------------------------------

MALFORMED = [
    b"nonsense",
    b"{",
    b"[]",
    b"5",
    b"null",
    b'""',
    b"{}",
    b'{"op":"dance"}',
    b'{"op":5}',
    b'{"op":"emit"}',
    b'{"op":"emit","events":{}}',
    b'{"op":"emit","events":[{]}',
    b'{"op":"emit","id":1.5,"events":[]}',
    b'{"op":"emit","id":true,"events":[]}',
    b'{"op":"status","id":[]}',
    b'{"op":"set","settings":[]}',
    b'{"op":"set","settings":{"enabled":"yes"}}',
    b'{"op":"attach","event_id":"x","name":"n","data":"!"}',
    b'{"op":"hello","client":5}',
    b'{"op":"hello","token":"\\ud800"}',
    b"[" * 50_000,
    b'{"op":' * 20_000,
    b"\xff\xfe\x00",
    b'{"op":"emit","id":1,"events":[NaN]}',
]


@pytest.mark.parametrize("raw", MALFORMED, ids=lambda raw: raw[:30].decode("latin-1"))
def test_a_malformed_frame_is_named_so_and_the_connection_lives(
    daemon: RunningDaemon, raw: bytes
) -> None:
    with daemon.client() as client:
        client._write(raw + b"\n")
        assert client.receive() == {"op": "error", "reason": "malformed"}
        assert client.emit(TURN)["accepted"] == 1
    if raw != b"\xff\xfe\x00":  # a WebSocket library sends no such text
        with page(daemon) as socket:
            socket.send(raw.decode())
            assert json.loads(socket.recv(timeout=30)) == {"op": "error", "reason": "malformed"}
            assert Page(socket).ask("emit", events=[TURN])["accepted"] == 1


def test_malformed_frames_on_standard_input_are_named_so(daemon: RunningDaemon) -> None:
    with start_daemon({}, "--stdio") as fresh:
        client = fresh.stdio()
        for raw in MALFORMED:
            client._write(raw + b"\n")
            assert client.receive() == {"op": "error", "reason": "malformed"}
        assert client.emit(TURN)["accepted"] == 1


def test_good_frames_between_malformed_ones_in_one_write_are_answered(
    daemon: RunningDaemon,
) -> None:
    emit = json.dumps({"op": "emit", "id": 7, "events": [TURN]}).encode()
    with daemon.client() as client:
        client._write(b"\n".join([b"x", emit, b"", b"{}", b"\r", emit, b""]))
        replies = [client.receive() for _ in range(4)]
    assert sorted(one["op"] for one in replies) == ["ack", "ack", "error", "error"]


# -- limits --------------------------------------------------------------------------------------


def sized_event(size: int) -> bytes:
    """A usage event of exactly this many bytes, filled up with a long model name."""
    head, tail = b'{"event_type":"ChatTurn","payload":{"model":"', b'"}}'
    return head + b"m" * (size - len(head) - len(tail)) + tail


def test_an_event_holds_64_kib_and_not_a_byte_more(daemon: RunningDaemon) -> None:
    with daemon.client() as client:
        for size, accepted in ((64 * KIB, 1), (64 * KIB + 1, 0)):
            client._write(b'{"op":"emit","id":1,"events":[%s]}\n' % sized_event(size))
            ack = client.receive()
            assert ack["accepted"] == accepted, size
        assert ack["rejected"][0]["reason"] == "too_large"


def test_a_frame_holds_a_thousand_events_and_not_one_more(
    daemon: RunningDaemon, doors: dict[str, Ask]
) -> None:
    for door in ("local", "websocket", "stdio"):
        assert doors[door]("emit", events=[TURN] * 1_000)["accepted"] == 1_000
        refused = doors[door]("emit", events=[TURN] * 1_001)
        assert (refused["op"], refused["reason"]) == ("error", "too_large")
    assert daemon.request("POST", "/v1/events", [TURN] * 1_000).json()["accepted"] == 1_000
    assert daemon.request("POST", "/v1/events", [TURN] * 1_001).status == 413


def test_a_frame_holds_8_mib_and_not_a_byte_more(daemon: RunningDaemon) -> None:
    frame = json.dumps({"op": "emit", "id": 1, "events": [TURN]}).encode()
    fits = frame + b" " * (8 * MIB - len(frame))
    with daemon.client() as client:
        client._write(fits + b"\n")
        assert client.receive()["accepted"] == 1
        client._write(fits + b" \n")
        assert client.receive()["reason"] == "too_large"
        with pytest.raises((EOFError, ConnectionError)):
            client.receive()
    with page(daemon) as socket:
        socket.send(fits.decode())
        assert json.loads(socket.recv(timeout=30))["accepted"] == 1
        with pytest.raises(ConnectionClosed) as closed:
            _send_and_wait(socket, fits.decode() + " ")
        # The close frame can be lost to a reset while this side is still sending.
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
    body = json.dumps(TURN).encode()
    kind = {"Content-Type": "application/json"}
    whole = body + b" " * (8 * MIB - len(body))
    assert daemon.request("POST", "/v1/events", body=whole, headers=kind).status == 202
    assert daemon.request("POST", "/v1/events", body=whole + b" ", headers=kind).status == 413


def _send_and_wait(socket: ClientConnection, text: str) -> None:
    socket.send(text)
    socket.recv(timeout=30)


def test_strings_and_lists_are_cut_with_a_marker(daemon: RunningDaemon) -> None:
    event_id = str(uuid.uuid4())[:-1] + "0"
    message = "word " * 4_000
    report = {"anonymized_stack_trace": ["at f (app.js:1:2)"] * 150}
    daemon.request(
        "POST",
        "/v1/events",
        [
            {**error_with(message), "event_id": event_id},
            {**TURN, "event_id": event_id[:-1] + "f", "payload": {"model": "é" * 400}},
            {
                "event_type": "ErrorReport",
                "event_id": event_id[:-1] + "e",
                "payload": {"error_details": report},
            },
        ],
    )
    found = {
        one["event_id"][-1]: one["payload"]
        for one in daemon.pending()
        if one["event_id"][:-1] == event_id[:-1]
    }
    text = found["0"]["message"].encode()
    assert 500 < len(text) <= 8 * KIB
    assert text.endswith("…[cut]".encode())
    model = found["f"]["model"].encode()
    assert len(model) <= 500
    assert model.endswith("…[cut]".encode())
    trace = found["e"]["error_details"]["anonymized_stack_trace"]
    assert len(trace) == 100
    assert trace[-1] == "…[cut]"


# -- HTTP bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("kind", "body", "accepted"),
    [
        ("application/json", json.dumps(TURN), 1),
        ("application/json; charset=utf-8", json.dumps([TURN, TURN]), 2),
        ("application/json", " \n[] ", 0),
        ("application/x-ndjson", f"{json.dumps(TURN)}\n\n{json.dumps(TURN)}", 2),
        ("application/x-ndjson", "", 0),
    ],
)
def test_bodies_come_as_an_object_an_array_or_lines_packed_or_not(
    daemon: RunningDaemon, kind: str, body: str, accepted: int, packed: bool
) -> None:
    raw = gzip.compress(body.encode()) if packed else body.encode()
    headers = {"Content-Type": kind, **({"Content-Encoding": "gzip"} if packed else {})}
    answer = daemon.request("POST", "/v1/events", body=raw, headers=headers)
    assert answer.status == 202
    assert answer.json() == {"accepted": accepted, "rejected": []}


def test_a_gzip_bomb_is_refused_and_costs_no_memory(daemon: RunningDaemon) -> None:
    headers = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * (200 * MIB))
    before = memory_peak_mb(daemon.process.pid)
    assert daemon.request("POST", "/v1/events", body=bomb, headers=headers).status == 413
    members = gzip.compress(b" " * MIB) * 9
    assert daemon.request("POST", "/v1/events", body=members, headers=headers).status == 413
    empty = gzip.compress(b"") * 100_000
    assert daemon.request("POST", "/v1/events", body=empty, headers=headers).status == 413
    assert memory_peak_mb(daemon.process.pid) - before < 40
    fits = gzip.compress(json.dumps(TURN).encode() + b" " * (8 * MIB - 1 - len(json.dumps(TURN))))
    assert daemon.request("POST", "/v1/events", body=fits, headers=headers).status == 202


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json-seq", "text/json"])
def test_any_other_type_of_body_is_refused(daemon: RunningDaemon, kind: str) -> None:
    answer = daemon.request("POST", "/v1/events", body=b"{}", headers={"Content-Type": kind})
    assert (answer.status, answer.json()) == (415, {"error": "content_type"})


# -- the WebSocket itself ------------------------------------------------------------------------


def test_only_the_protocol_is_chosen_and_nothing_is_compressed(daemon: RunningDaemon) -> None:
    with page(daemon, compression="deflate") as socket:
        assert socket.subprotocol == "sidespool.v1"
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        assert daemon.token not in str(socket.response.headers)
        assert Page(socket).ask("status")["level"] == "usage"


def test_a_bearer_token_opens_the_socket_for_a_program(daemon: RunningDaemon) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"}
    with page(daemon, subprotocols=None, origin=None, additional_headers=headers) as socket:
        assert socket.subprotocol is None
        assert Page(socket).ask("emit", events=[TURN])["accepted"] == 1


def test_only_text_frames_count(daemon: RunningDaemon) -> None:
    with page(daemon) as socket:
        socket.send(json.dumps({"op": "emit", "id": 1, "events": [TURN]}).encode())
        assert json.loads(socket.recv(timeout=30)) == {"op": "error", "reason": "malformed"}
        assert Page(socket).ask("emit", events=[TURN])["accepted"] == 1


def test_a_message_in_fragments_is_one_frame_and_pings_are_answered(daemon: RunningDaemon) -> None:
    frame = json.dumps({"op": "emit", "id": 3, "events": [TURN]})
    with page(daemon) as socket:
        socket.send(part for part in (frame[:10], frame[10:11], frame[11:]))
        assert json.loads(socket.recv(timeout=30))["accepted"] == 1
        assert socket.ping("are you there").wait(30)
