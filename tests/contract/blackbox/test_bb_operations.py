"""Contract 3: every operation, with the same meaning on every transport."""

import gzip
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from contract.blackbox.outside_world import Daemon, chat, spool_text, stored

Start = Callable[..., Daemon]
ODD = [
    "{",
    "[]",
    "null",
    "",
    '{"op":1,"id":1}',
    '{"op":"nonsense","id":1}',
    '{"op":"emit","id":1}',
    '{"op":"emit","id":1,"events":{}}',
    '{"op":"emit","id":1,"events":[{]}',
    '{"op":"attach","id":1}',
    '{"op":"consent","id":1}',
]


def test_hello_is_welcomed_with_session_level_and_settings(shared: Daemon) -> None:
    with shared.socket() as client:
        assert {"op", "session_id", "level", "settings"} <= set(client.welcome)
        assert client.welcome["level"] == "usage"
        uuid.UUID(client.welcome["session_id"])


def test_a_given_session_is_kept(shared: Daemon) -> None:
    mine = str(uuid.uuid4())
    with shared.socket({"session_id": mine}) as client:
        assert client.welcome["session_id"] == mine
        client.ask({"op": "emit", "id": 1, "events": [chat(model="in-session")]})
    (event,) = [e for e in stored(shared) if e["payload"].get("model") == "in-session"]
    assert event["session_id"] == mine


def test_an_ack_says_what_was_kept_and_is_on_disk(shared: Daemon) -> None:
    with shared.socket() as client:
        answer = client.ask({"op": "emit", "id": 7, "events": [chat(model="acked"), {}]})
        text = spool_text(shared)
    assert {k: answer[k] for k in ("op", "id", "accepted")} == {"op": "ack", "id": 7, "accepted": 1}
    assert [set(one) for one in answer["rejected"]] == [{"index", "reason", "detail"}]
    assert answer["rejected"][0]["index"] == 1
    assert b"acked" in text


def test_status_and_flush_are_results(shared: Daemon) -> None:
    with shared.socket() as client:
        status = client.ask({"op": "status", "id": 1})
        assert (status["op"], status["level"]) == ("result", "usage")
        client.ask({"op": "emit", "id": 2, "events": [chat()]})
        flush = client.ask({"op": "flush", "id": 3})
    assert flush["op"] == "result"
    assert flush["sealed"] == 1
    assert flush["uploaded"] == 0
    assert flush["pending"] >= 1


@pytest.mark.parametrize("text", ODD)
def test_an_odd_frame_is_malformed_and_the_connection_lives(shared: Daemon, text: str) -> None:
    with shared.socket() as client:
        client.send(text)
        answer = client.receive()
        assert (answer["op"], answer["reason"]) == ("error", "malformed")
        assert client.ask({"op": "emit", "id": 2, "events": [chat()]})["accepted"] == 1


def test_goodbye_closes(shared: Daemon) -> None:
    with shared.socket() as client:
        client.send({"op": "goodbye"})
        with pytest.raises(ConnectionClosed):
            client.receive()


def test_every_client_hears_every_change(start: Start) -> None:
    daemon = start()
    with daemon.socket() as one, daemon.socket() as two:
        for number, (wanted, level) in enumerate(
            [
                ({"level": "error"}, "error"),
                ({"enabled": False}, "off"),
                ({"enabled": True}, "error"),
            ]
        ):
            answer = one.ask({"op": "set", "id": number, "settings": wanted})
            assert (answer["op"], answer["level"]) == ("settings", level)
            told = two.receive()
            assert (told["op"], told["level"]) == ("settings", level)


def test_consent_is_acked_counts_and_lasts(start: Start) -> None:
    daemon = start(TELEMETRY_CONSENT_MODEL="opt_in")
    assert daemon.emit(chat())["rejected"][0]["reason"] == "consent_off"
    with daemon.socket() as client:
        for number, (decision, accepted) in enumerate([("granted", 1), ("denied", 0)]):
            frame = {"op": "consent", "id": number, "decision": decision, "policy_version": "1"}
            assert client.ask(frame)["op"] == "ack"
            answer = client.ask({"op": "emit", "id": 10 + number, "events": [chat()]})
            assert answer["accepted"] == accepted
    assert spool_text(daemon) == b""
    daemon.http("POST", "/v1/consent", {"decision": "granted", "policy_version": "1"})
    daemon.stop()
    assert start(TELEMETRY_CONSENT_MODEL="opt_in").status()["level"] == "usage"


def test_attachments_need_full(shared: Daemon) -> None:
    mine = str(uuid.uuid4())
    frame = {"op": "attach", "id": 2, "event_id": mine, "name": "a", "content_type": "text/plain"}
    with shared.socket() as client:
        assert client.ask({**frame, "data": "aGk="})["reason"] == "level_too_low"
    kind = {"Content-Type": "text/plain"}
    status, answer, _ = shared.http("PUT", f"/v1/attachments/{mine}/a", b"hi", headers=kind)
    assert status >= 400
    assert answer["error"] == "level_too_low"


@pytest.mark.parametrize("events", [chat(), [chat(), chat()]])
def test_events_are_posted_as_json(shared: Daemon, events: Any) -> None:
    count = len(events) if isinstance(events, list) else 1
    answer = shared.http("POST", "/v1/events", events)
    assert answer[:2] == (202, {"accepted": count, "rejected": []})


@pytest.mark.parametrize("end", [b"\n", b"", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_events_are_posted_as_ndjson(shared: Daemon, end: bytes, packed: bool) -> None:
    body = b"\n".join([json.dumps(chat()).encode()] * 3) + end
    headers = {"Content-Type": "application/x-ndjson"}
    if packed:
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    answer = shared.http("POST", "/v1/events", body, headers=headers)
    assert answer[:2] == (202, {"accepted": 3, "rejected": []})


def test_a_bad_line_of_ndjson_is_rejected_alone(shared: Daemon) -> None:
    good = json.dumps(chat()).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    status, answer, _ = shared.http(
        "POST", "/v1/events", good + b"\n{bad\n" + good, headers=headers
    )
    assert (status, answer["accepted"]) == (202, 2)
    assert [(one["index"], one["reason"]) for one in answer["rejected"]] == [(1, "malformed")]


def test_a_body_that_is_not_json_is_400(shared: Daemon) -> None:
    assert shared.http("POST", "/v1/events", b"{")[0] == 400
    headers = {"Content-Encoding": "gzip"}
    assert shared.http("POST", "/v1/events", b"not gzip", headers=headers)[0] == 400


def test_settings_over_http(start: Start) -> None:
    daemon = start()
    status, settings, _ = daemon.http("GET", "/v1/settings")
    assert status == 200
    assert {"enabled", "full_content", "level"} <= set(settings)
    status, settings, _ = daemon.http("PATCH", "/v1/settings", {"level": "error"})
    assert (status, settings["level"]) == (200, "error")
    assert daemon.http("GET", "/v1/settings")[1]["level"] == "error"
    assert 400 <= daemon.http("PATCH", "/v1/settings", {"level": "loud"})[0] < 500


def test_pending_history_and_preview(start: Start) -> None:
    daemon = start()
    daemon.emit(chat(model="waits"))
    status, pending, headers = daemon.http("GET", "/v1/pending")
    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    assert pending["payload"]["model"] == "waits"
    assert daemon.http("GET", "/v1/history")[0] == 200
    status, preview, _ = daemon.http("POST", "/v1/preview", chat(model="looked-at"))
    assert status == 200
    assert preview["events"][0]["payload"]["model"] == "looked-at"
    assert b"looked-at" not in spool_text(daemon)


def test_the_unix_socket_speaks_the_same_frames(shared: Daemon) -> None:
    with shared.unix() as lines:
        lines.send({"op": "hello", "token": shared.token})
        assert lines.receive()["op"] == "welcome"
        answer = lines.ask({"op": "emit", "id": 1, "events": [chat(), {"event_type": "Nope"}]})
        assert (answer["op"], answer["accepted"]) == ("ack", 1)
        assert [one["index"] for one in answer["rejected"]] == [1]
        lines.send("{nonsense")
        assert lines.receive()["reason"] == "malformed"
        assert lines.ask({"op": "status", "id": 2})["level"] == "usage"
        lines.send({"op": "goodbye"})
        assert lines.file.readline() == b""


def test_reset_empties_rotates_and_denies(start: Start) -> None:
    daemon = start()
    daemon.emit(chat(model="canary-model"))
    before = daemon.status()["user_id"]
    with daemon.socket() as client:
        assert client.ask({"op": "reset", "id": 1})["op"] == "result"
    status = daemon.status()
    assert status["level"] == "off"
    assert status["user_id"] != before
    assert b"canary-model" not in spool_text(daemon)
    assert daemon.http("POST", "/v1/reset")[0] == 200
