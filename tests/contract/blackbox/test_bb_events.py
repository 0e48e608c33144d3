"""Contract 3 to 5: what an event may be, why it is refused, and how it is stored."""

import json
import re
import uuid
from typing import Any

import pytest

from contract.blackbox.outside_world import CHAT, Daemon, chat, stored

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REFUSED: list[tuple[Any, str]] = [
    ({"event_type": "Nope", "payload": {}}, "unknown_event"),
    ({"event_type": "ChatTurn", "payload": {"nope": 1}}, "unknown_field"),
    (chat(prompt_length="12"), "invalid_value"),
    (chat(prompt_length=-1), "invalid_value"),
    (chat(prompt_length=1.5), "invalid_value"),
    (chat(prompt_length=True), "invalid_value"),
    (chat(prompt_length=10**30), "invalid_value"),
    (chat(model=3), "invalid_value"),
    ({**chat(), "event_id": "not-a-uuid"}, "invalid_value"),
    ({**chat(), "timestamp": "yesterday"}, "invalid_value"),
    ({"event_type": "ProposalDecision", "payload": {"decision": "maybe"}}, "invalid_value"),
    ({"event_type": "SessionEnd", "payload": {"reason": "bored"}}, "invalid_value"),
    ({"event_type": "Crash", "payload": {"process": "toaster"}}, "invalid_value"),
    ({"event_type": "Error", "payload": {"message": "x" * 70_000}}, "too_large"),
    ({"event_type": "ChatTurnFull", "payload": {"prompt": "p"}}, "level_too_low"),
    ({"event_type": "ProposalDiff", "payload": {"diff": "d"}}, "level_too_low"),
    ({"event_type": "FileSnapshot", "payload": {"before": "b"}}, "level_too_low"),
    ({"payload": {}}, "malformed"),
    (3, "malformed"),
    (None, "malformed"),
    ([], "malformed"),
]
DETAILS = {"error_type": "TypeError", "error_message_template": "t", "error_source": "renderer"}
WHOLE: dict[str, dict[str, Any]] = {
    "SessionStart": {
        "app_version": "2.17.2",
        "os": "windows",
        "os_version": "Windows 10/11",
        "arch": "x64",
        "install_method": "nsis",
        "host": "electron",
    },
    "WorkspaceSelected": {"is_git_repo": True},
    "ChatTurn": CHAT,
    "ToolCall": {"tool_name": "read", "duration_ms": 12, "success": False, "error_type": "ENOENT"},
    "ProposalCreated": {
        "proposal_id": "p-1",
        "file_count": 3,
        "total_lines_changed": 120,
        "operation": "edit",
    },
    "ProposalDecision": {
        "proposal_id": "p-1",
        "decision": "partial",
        "review_duration_ms": 1200,
        "files_approved": 2,
    },
    "Error": {"error_type": "TypeError", "message": "it broke", "context": {"where": "chat"}},
    "ErrorReport": {
        "app_version": "2.17.2",
        "os_type": "linux",
        "os_version": "Linux 6.x",
        "active_mode_slug": "code",
        "error_details": {**DETAILS, "anonymized_stack_trace": ["at f (src/a.ts:1:2)"]},
        "context_metadata": {"active_tool_used": "read", "session_duration_approx_minutes": "5-15"},
        "opt_in_version": "1",
    },
    "Crash": {"process": "renderer", "reason": "oom", "exit_code": -9},
}


def kept(daemon: Daemon, event_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it lies in the spool."""
    mine = str(uuid.uuid4())
    answer = daemon.emit({"event_type": event_type, "event_id": mine, "payload": payload})
    assert answer["rejected"] == []
    (event,) = [one for one in stored(daemon) if one["event_id"] == mine]
    found = event["payload"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("event", "reason"), REFUSED)
def test_one_bad_event_is_refused_with_its_reason_and_the_others_kept(
    shared: Daemon, event: Any, reason: str
) -> None:
    answer = shared.emit(chat(), event, chat())
    assert answer["accepted"] == 2
    (refused,) = answer["rejected"]
    assert set(refused) == {"index", "reason", "detail"}
    assert (refused["index"], refused["reason"]) == (1, reason)


@pytest.mark.parametrize("event_type", WHOLE)
def test_every_field_of_the_catalog_is_taken_by_its_name(shared: Daemon, event_type: str) -> None:
    assert kept(shared, event_type, WHOLE[event_type]) == WHOLE[event_type]


def test_the_stored_form(shared: Daemon) -> None:
    shared.emit(chat(model="stored-form"))
    (event,) = [e for e in stored(shared) if e["payload"].get("model") == "stored-form"]
    assert sorted(event) == [
        "app_id",
        "app_version",
        "event_id",
        "event_type",
        "os",
        "payload",
        "seq",
        "session_id",
        "timestamp",
        "user_id",
    ]
    assert UUID7.fullmatch(event["event_id"])
    assert STAMP.fullmatch(event["timestamp"])
    assert event["payload"] == {**CHAT, "model": "stored-form"}


def test_given_ids_and_times_are_kept_as_utc_milliseconds(shared: Daemon) -> None:
    times = {
        "2026-11-20T10:11:12.345Z": "2026-11-20T10:11:12.345Z",
        "2026-11-20T10:11:12Z": "2026-11-20T10:11:12.000Z",
        "2026-11-20T12:11:12.345678+02:00": "2026-11-20T10:11:12.345Z",
    }
    mine = {str(uuid.uuid4()): given for given in times}
    shared.emit(*[{**chat(), "event_id": one, "timestamp": mine[one]} for one in mine])
    found = {event["event_id"]: event["timestamp"] for event in stored(shared)}
    assert {one: found[one] for one in mine} == {one: times[mine[one]] for one in mine}


def test_seq_rises(shared: Daemon) -> None:
    shared.emit(*[chat(model="rising") for _ in range(5)])
    numbers = [e["seq"] for e in stored(shared) if e["payload"].get("model") == "rising"]
    assert numbers == sorted(set(numbers))


def test_a_frame_holds_1000_events(shared: Daemon) -> None:
    with shared.socket() as client:
        frame = {"op": "emit", "id": 1, "events": [chat()] * 1000}
        assert client.ask(frame)["accepted"] == 1000
        client.send({"op": "emit", "id": 2, "events": [chat()] * 1001})
        assert client.receive()["op"] == "error"
        assert client.ask({"op": "emit", "id": 3, "events": [chat()]})["accepted"] == 1
    assert shared.http("POST", "/v1/events", [chat()] * 1001)[0] == 413


def test_a_frame_of_almost_8_mib_is_taken(shared: Daemon) -> None:
    event = {"event_type": "Error", "payload": {"error_type": "E", "message": "m " * 4100}}
    with shared.socket() as client:
        frame = {"op": "emit", "id": 1, "events": [event] * 1000}
        assert 7.7 * 2**20 < len(json.dumps(frame)) < 8 * 2**20
        assert client.ask(frame)["accepted"] == 1000


def test_strings_are_cut_with_a_marker_and_error_text_at_8_kib(shared: Daemon) -> None:
    model = kept(shared, "ChatTurn", {"model": "m" * 600})["model"]
    assert len(model.encode()) <= 500
    assert not model.endswith("m")
    message = kept(shared, "Error", {"message": "é漢字 " * 3000})["message"]
    assert 8000 < len(message.encode()) <= 8192
    assert message.endswith(model.lstrip("m"))


def test_arrays_hold_100(shared: Daemon) -> None:
    trace = {"anonymized_stack_trace": ["at f (src/a.ts:1:2)"] * 150}
    details = kept(shared, "ErrorReport", {"error_details": trace})["error_details"]
    assert len(details["anonymized_stack_trace"]) <= 101


@pytest.mark.parametrize(
    ("minutes", "bin_name"),
    [
        (0.5, "<1min"),
        (3, "1-5min"),
        (7, "5-10min"),
        (15, "10-20min"),
        (40, "20-60min"),
        (61, ">60min"),
    ],
)
def test_a_session_s_duration_is_binned_too(shared: Daemon, minutes: float, bin_name: str) -> None:
    payload = kept(shared, "SessionEnd", {"duration_ms": int(minutes * 60_000), "reason": "quit"})
    assert payload == {
        "duration_ms": int(minutes * 60_000),
        "duration_bin": bin_name,
        "reason": "quit",
    }


@pytest.mark.parametrize(
    ("field", "given", "general"),
    [
        ("app_version", "2.17.2+local.dev.abc", "2.17.2"),
        ("os_version", "Windows 10.0.19045", "Windows 10/11"),
        ("os_version", "Windows 11", "Windows 10/11"),
        ("os_version", "macOS 13.4.1", "macOS 13.x"),
        ("os_version", "Linux 6.5.0-14-generic", "Linux 6.x"),
    ],
)
def test_versions_are_generalised(shared: Daemon, field: str, given: str, general: str) -> None:
    assert kept(shared, "SessionStart", {field: given}) == {field: general}


def test_a_workspace_becomes_a_keyed_hash(shared: Daemon) -> None:
    path = "/home/kim/projects/secret-plan"
    one = kept(shared, "WorkspaceSelected", {"workspace_hash": path})["workspace_hash"]
    two = kept(shared, "WorkspaceSelected", {"workspace_hash": path})["workspace_hash"]
    assert one == two
    assert re.fullmatch(r"[0-9a-f]{32,64}", one)


def test_an_error_is_scrubbed_and_templated(shared: Daemon) -> None:
    found = kept(
        shared,
        "Error",
        {
            "error_type": "TypeError",
            "message": "Cannot read properties of undefined (reading 'foo')",
            "stack_trace": "at f (/home/kim/x/y.ts:3:4)\n at g (node:internal/x:1:2)",
            "context": {"mail": "kim@example.com"},
        },
    )
    assert found["message"].endswith("(reading '{PROPERTY_NAME}')")
    assert "kim" not in json.dumps(found)
    assert "node:internal/x:1:2" in found["stack_trace"]
