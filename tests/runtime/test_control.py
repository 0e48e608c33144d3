"""The client with which the command line speaks to the running daemon."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidespool.client.discovery import Door
from sidespool.errors import DaemonUnreachableError
from sidespool.runtime.control import DaemonControl, RefusedError, find_door
from sidespool.runtime.paths import DataPaths
from support.daemon import RunningDaemon, start_daemon

TURN = {"event_type": "ChatTurn", "payload": {"model": "m", "latency_ms": 3}}


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with start_daemon({"TELEMETRY_FLUSH_INTERVAL_S": "600"}) as running:
        yield running


@pytest.fixture(params=["socket", "http"])
def control(request: pytest.FixtureRequest, daemon: RunningDaemon) -> Iterator[DaemonControl]:
    door = find_door(DataPaths(daemon.data_dir))
    if request.param == "http":
        door = msgspec.structs.replace(door, socket=None)
    with DaemonControl(door) as made:
        made.greet()
        yield made


def test_a_status_comes_over_either_door(control: DaemonControl, daemon: RunningDaemon) -> None:
    assert control.ask("status")["pid"] == daemon.ready["pid"]


def test_events_are_acknowledged_over_either_door(control: DaemonControl) -> None:
    said = control.ask("emit", events=[TURN, {"event_type": "Nonsense"}])
    assert said["accepted"] == 1
    assert [one["reason"] for one in said["rejected"]] == ["unknown_event"]


def test_settings_come_back_as_they_stand_after_a_change(control: DaemonControl) -> None:
    assert control.ask("set", settings={"level": "error"})["level"] == "error"
    assert control.ask("set", settings={"level": None})["level"] == "usage"


def test_a_refusal_names_its_reason(control: DaemonControl) -> None:
    with pytest.raises(RefusedError) as refused:
        control.ask("consent", decision="perhaps")
    assert refused.value.reason == "invalid_value"


def test_what_waits_is_given_to_the_byte(control: DaemonControl) -> None:
    event_id = "01900000-0000-7000-8000-000000000001"
    control.ask("emit", events=[{**TURN, "event_id": event_id}])
    kept = [line for line in control.get_lines("/v1/pending") if event_id.encode() in line]
    assert json.loads(kept[0])["payload"] == TURN["payload"]


def test_a_preview_holds_raw_events_and_refusals(control: DaemonControl) -> None:
    said = control.preview(json.dumps([TURN, {"event_type": "Nonsense"}]).encode())
    assert json.loads(bytes(said.events[0]))["payload"] == TURN["payload"]
    assert said.rejected[0].index == 1


def test_a_batch_that_was_never_sent_is_in_no_history(control: DaemonControl) -> None:
    assert control.history_lines("../../etc/passwd") is None


def test_the_daemon_knows_the_client_by_its_name(daemon: RunningDaemon) -> None:
    with DaemonControl.connect(DataPaths(daemon.data_dir)) as control:
        assert "cli" in control.ask("status")["clients"]


def test_without_a_runtime_file_the_hint_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachableError, match="no daemon is running") as caught:
        DaemonControl.connect(DataPaths(tmp_path))
    assert "sidespool run" in caught.value.hint


def test_a_killed_daemon_is_said_to_be_gone() -> None:
    with start_daemon() as running:
        running.kill9()
        with pytest.raises(DaemonUnreachableError, match="is gone"):
            DaemonControl.connect(DataPaths(running.data_dir))


@pytest.mark.parametrize("way", ["socket", "http"])
def test_a_wrong_token_opens_no_door(daemon: RunningDaemon, way: str) -> None:
    door = msgspec.structs.replace(find_door(DataPaths(daemon.data_dir)), token="wrong")
    if way == "http":
        door = msgspec.structs.replace(door, socket=None)
    with pytest.raises((DaemonUnreachableError, RefusedError)):
        DaemonControl(door).greet()


@pytest.mark.parametrize("answer", [b"HTTP/1.0 200 OK\r\n\r\nhello", b"\x00\xff\xfe\n", b""])
def test_something_that_is_no_daemon_is_told_apart(answer: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        link, _ = listener.accept()
        link.recv(4096)
        link.sendall(answer)
        link.close()

    threading.Thread(target=serve, daemon=True).start()
    door = Door(f"http://127.0.0.1:{listener.getsockname()[1]}", "t")
    with pytest.raises(DaemonUnreachableError):
        DaemonControl(door).greet()
    listener.close()


def test_a_socket_file_that_is_gone_leads_to_the_port(daemon: RunningDaemon) -> None:
    door: Any = find_door(DataPaths(daemon.data_dir))
    door = msgspec.structs.replace(door, socket=door.socket + ".gone")
    with DaemonControl(door) as control:
        control.greet()
        assert control.ask("status")["pid"] == daemon.ready["pid"]
