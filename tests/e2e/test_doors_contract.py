"""Protocol 1 as section 3 of the contract has it, through every door of a real daemon."""

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from support.daemon import RunningDaemon, start_daemon
from support.four_doors import DOORS, Ask, Page, every_door, page, plain

KIB, MIB = 1024, 1024 * 1024
TURN = {"event_type": "ChatTurn", "payload": {"latency_ms": 5, "model": "m-1"}}
STORED = ["event_id", "event_type", "timestamp", "session_id", "user_id", "app_id",
          "app_version", "os", "seq", "payload"]  # fmt: skip


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


# -- the same meaning through every door ---------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_good_events_are_kept_and_each_bad_one_gets_its_reason(
    doors: dict[str, Ask], door: str
) -> None:
    events: list[Any] = [
        TURN,
        {"event_type": "NoSuchThing", "payload": {}},
        {"event_type": "ChatTurn", "payload": {"colour": "red"}},
        {"event_type": "ChatTurn", "payload": {"latency_ms": "long"}},
        {"event_type": "ChatTurn", "payload": {"latency_ms": -1}},
        {"event_type": "ChatTurnFull", "payload": {"prompt": "p"}},
        {"event_type": "ChatTurn", "extra": 1},
        {"event_type": "ChatTurn", "seq": 1},
        {"event_type": "ChatTurn", "event_id": "no uuid"},
        {"event_type": "ChatTurn", "timestamp": "yesterday"},
        {"event_type": "ChatTurn", "session_id": "a b"},
        5,
        {"payload": {}},
        error_with("x" * 70_000),
        {"event_type": "SessionEnd", "payload": {"reason": "bored"}},
        {**TURN, "event_id": str(uuid.uuid4())},
    ]
    ack = doors[door]("emit", events=events)
    assert ack["op"] == "ack"
    assert ack["accepted"] == 2
    assert [(one["index"], one["reason"]) for one in ack["rejected"]] == [
        (1, "unknown_event"),
        (2, "unknown_field"),
        (3, "invalid_value"),
        (4, "invalid_value"),
        (5, "level_too_low"),
        (6, "unknown_field"),
        (7, "unknown_field"),
        (8, "invalid_value"),
        (9, "invalid_value"),
        (10, "invalid_value"),
        (11, "malformed"),
        (12, "malformed"),
        (13, "too_large"),
        (14, "invalid_value"),
    ]
    assert all(set(one) == {"index", "reason", "detail"} for one in ack["rejected"])
    assert not any("bored" in one["detail"] for one in ack["rejected"])


@pytest.mark.parametrize("door", DOORS)
def test_every_operation_is_answered_in_its_form(doors: dict[str, Ask], door: str) -> None:
    ask = doors[door]
    assert plain(ask("emit", events=[TURN])) == {"op": "ack", "accepted": 1, "rejected": []}
    assert plain(ask("emit", events=[])) == {"op": "ack", "accepted": 0, "rejected": []}
    status = ask("status")
    assert status["op"] == "result"
    assert {"level", "decided_by", "layers", "spool", "tally", "upload", "warnings"} <= set(status)
    flushed = ask("flush")
    assert flushed["op"] == "result"
    assert flushed["sealed"] >= 1
    assert flushed["uploaded"] == 0
    assert flushed["error"]
    assert ask("consent", decision="granted", policy_version="7")["op"] == "ack"
    settings = ask("set", settings={"level": "error"})
    assert (settings["op"], settings["level"]) == ("settings", "error")
    assert ask("set", settings={"level": None})["level"] == "usage"


@pytest.mark.parametrize("door", DOORS)
def test_what_cannot_be_carried_out_is_refused_with_a_stable_reason(
    doors: dict[str, Ask], door: str
) -> None:
    ask = doors[door]
    bad = [
        ask("set", settings={"level": "everything"}),
        ask("consent", decision="perhaps"),
        ask("consent", decision="granted", level="everything"),
        ask("consent", decision="granted", policy_version="x" * 65),
    ]
    assert [(one["op"], one["reason"]) for one in bad] == [("error", "invalid_value")] * 4
    assert ask("status")["level"] == "usage"


def test_all_doors_tell_one_and_the_same_status(doors: dict[str, Ask]) -> None:
    told = [plain(doors[door]("status")) for door in DOORS]
    for one in told:
        one.pop("uptime_s")
        one.pop("refused")
    assert all(one == told[0] for one in told)


def test_a_stored_event_has_every_field_of_the_contract(daemon: RunningDaemon) -> None:
    event_id = str(uuid.uuid4()).upper()
    event = {**TURN, "event_id": event_id, "timestamp": "2026-01-02T03:04:05+02:00"}
    with daemon.client(session_id="session-1") as client:
        client.emit(event)
    stored = next(one for one in daemon.pending() if one["event_id"] == event_id.lower())
    assert sorted(stored) == sorted(STORED)
    assert stored["timestamp"] == "2026-01-02T01:04:05.000Z"
    assert stored["session_id"] == "session-1"
    assert stored["app_id"] == "doors"
    assert stored["os"] == "linux"
    made = daemon.pending()[-1]
    assert uuid.UUID(made["event_id"]).version in (4, 7)


def test_sequence_numbers_never_repeat(daemon: RunningDaemon) -> None:
    numbers = [one["seq"] for one in daemon.pending()]
    assert len(numbers) == len(set(numbers))


# -- hello, ids, goodbye -------------------------------------------------------------------------


def test_welcome_names_session_level_and_settings(daemon: RunningDaemon) -> None:
    with daemon.ndjson() as client:
        welcome = client.hello("python")
        assert welcome["op"] == "welcome"
        assert welcome["level"] == "usage"
        assert welcome["session_id"]
        assert welcome["settings"]["enabled"] is True
        assert welcome["settings"]["full_content"] is False
        assert "python" in daemon.status()["clients"]
    with daemon.ndjson() as client:
        assert client.hello(session_id="mine-1")["session_id"] == "mine-1"
    with page(daemon) as socket:
        renderer = Page(socket)
        renderer.send({"op": "hello", "client": "renderer", "session_id": "mine-2", "id": 9})
        assert renderer.receive()["session_id"] == "mine-2"


def test_a_bad_session_id_is_refused_and_the_connection_lives(daemon: RunningDaemon) -> None:
    with daemon.ndjson() as client:
        assert client.hello(session_id="no spaces please")["reason"] == "invalid_value"
        assert client.hello()["op"] == "welcome"


def test_an_events_own_session_wins_over_the_connections(daemon: RunningDaemon) -> None:
    own = {**TURN, "event_id": str(uuid.uuid4()), "session_id": "own-session"}
    default = {**TURN, "event_id": str(uuid.uuid4())}
    with daemon.client(session_id="connection-session") as client:
        client.emit(own, default)
    found = {one["event_id"]: one["session_id"] for one in daemon.pending()}
    assert found[own["event_id"]] == "own-session"
    assert found[default["event_id"]] == "connection-session"


@pytest.mark.parametrize("frame_id", [0, 1, -5, 2**53, 2**70, "a", "", "ü" * 50, None])
def test_ids_come_back_as_they_went(daemon: RunningDaemon, frame_id: Any) -> None:
    for fields in ({"op": "emit", "events": [TURN]}, {"op": "emit", "events": [5]},
                   {"op": "status"}, {"op": "set", "settings": {"level": "x"}}):  # fmt: skip
        with daemon.client() as client:
            client.send({**fields, "id": frame_id})
            assert client.receive()["id"] == frame_id


def test_a_frame_without_an_id_is_answered_without_one(daemon: RunningDaemon) -> None:
    with daemon.client() as client:
        client.send({"op": "emit", "events": [TURN]})
        ack = client.receive()
        assert (ack["op"], ack.get("id")) == ("ack", None)


def test_after_goodbye_what_is_due_is_answered_and_nothing_more_is_read(
    daemon: RunningDaemon,
) -> None:
    frames: list[dict[str, Any]] = [
        {"op": "hello", "token": daemon.token},
        {"op": "emit", "id": 1, "events": [TURN]},
        {"op": "flush", "id": 2},
        {"op": "goodbye"},
        {"op": "emit", "id": 3, "events": [TURN]},
    ]
    with daemon.ndjson() as client:
        for frame in frames:
            client.send(frame)
        assert client.receive()["op"] == "welcome"
        assert {client.receive()["id"] for _ in range(2)} == {1, 2}
        with pytest.raises(EOFError):
            client.receive()
    with page(daemon) as socket:
        client_page = Page(socket)
        for frame in frames[1:4]:
            client_page.send(frame)
        assert {client_page.receive()["id"] for _ in range(2)} == {1, 2}
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000


def test_a_client_that_ends_its_stream_still_gets_its_answers(daemon: RunningDaemon) -> None:
    hello = {"op": "hello", "token": daemon.token}
    emit = {"op": "emit", "id": 1, "events": [TURN]}
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(daemon.socket)
        link.sendall(f"{json.dumps(hello)}\n{json.dumps(emit)}".encode())  # no last line end
        link.shutdown(socket.SHUT_WR)
        replies = [json.loads(line) for line in link.makefile("rb")]
    assert [one["op"] for one in replies] == ["welcome", "ack"]
    assert replies[1]["accepted"] == 1


# -- settings, consent, and who hears of it ------------------------------------------------------


def test_every_client_hears_of_every_change_whoever_made_it(daemon: RunningDaemon) -> None:
    with daemon.client() as one, daemon.client() as two, page(daemon) as socket:
        three = Page(socket)
        listeners: tuple[Callable[..., Any], ...] = (
            two.wait_for,
            lambda op, **wanted: _page_waits(three, op, **wanted),
        )
        changes: list[Callable[[], Any]] = [
            lambda: one.ask("set", settings={"level": "crash"}),
            lambda: daemon.request("PATCH", "/v1/settings", {"level": "error"}),
            lambda: one.ask("set", settings={"level": None}),
            lambda: one.ask("consent", decision="denied"),
            lambda: daemon.request("POST", "/v1/consent", {"decision": "granted"}),
        ]
        for change, level in zip(changes, ("crash", "error", "usage", "off", "usage"), strict=True):
            change()
            for heard in listeners:
                assert heard("settings", level=level)["level"] == level


def _page_waits(client: Page, op: str, **wanted: Any) -> dict[str, Any]:
    while True:
        frame = client.receive()
        if frame["op"] == op and all(frame.get(name) == value for name, value in wanted.items()):
            return frame


def test_settings_can_be_read_and_patched_over_http(daemon: RunningDaemon) -> None:
    before = daemon.request("GET", "/v1/settings").json()
    assert (before["enabled"], before["level"]) == (True, "usage")
    off = daemon.request("PATCH", "/v1/settings", {"enabled": False})
    assert (off.status, off.json()["level"]) == (200, "off")
    wrapped = daemon.request("PATCH", "/v1/settings", {"settings": {"enabled": True}})
    assert wrapped.json()["level"] == "usage"
    assert daemon.request("PATCH", "/v1/settings", {"enabled": "no"}).status == 400
    assert daemon.request("PATCH", "/v1/settings", {"enabled": None}).json()["level"] == "usage"
    for path in ("/v1/status", "/v1/nowhere"):
        assert daemon.request("PATCH", path, {}).status in (404, 405)


def test_secrets_are_taken_on_standard_input_only(
    daemon: RunningDaemon, doors: dict[str, Ask]
) -> None:
    secrets = {"collector_token": "abc"}
    with daemon.client() as client:
        assert client.ask("set", secrets=secrets)["op"] == "error"
    assert doors["websocket"]("set", secrets=secrets)["op"] == "error"
    assert doors["stdio"]("set", secrets=secrets)["op"] == "settings"


def test_while_off_events_are_refused_as_such(daemon: RunningDaemon) -> None:
    with daemon.client() as client:
        client.ask("set", settings={"enabled": False})
        ack = client.emit(TURN, {"event_type": "Crash", "payload": {}}, {"event_type": "Nope"})
        reasons = [one["reason"] for one in ack["rejected"]]
        client.ask("set", settings={"enabled": None})
    assert reasons == ["consent_off", "consent_off", "unknown_event"]


# -- what the user may see -----------------------------------------------------------------------


def test_a_preview_shows_what_would_be_stored_and_stores_nothing(daemon: RunningDaemon) -> None:
    before = daemon.status()
    shown = daemon.request("POST", "/v1/preview", [TURN, {"event_type": "Nope"}]).json()
    assert sorted(shown["events"][0]) == sorted(STORED)
    assert [one["reason"] for one in shown["rejected"]] == ["unknown_event"]
    after = daemon.status()
    assert after["tally"] == before["tally"]
    assert after["spool"]["events"] == before["spool"]["events"]


def test_pending_shows_what_waits_and_history_what_was_sent(daemon: RunningDaemon) -> None:
    answer = daemon.request("GET", "/v1/pending", headers={"Origin": "app://desktop"})
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert answer.headers["Access-Control-Allow-Origin"] == "app://desktop"
    assert len(answer.lines()) == daemon.status()["spool"]["events"]
    assert daemon.request("GET", "/v1/history").json()["batches"] == []
    assert daemon.request("GET", "/v1/history?batch=none").status == 404
    assert daemon.request("GET", "/v1/history?batch=../../runtime").status == 404
