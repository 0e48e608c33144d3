"""The client against a listening daemon: delivery, absence, loss of the connection, bounds."""

import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sidespool.client import Telemetry
from support.protocol_server import ProtocolServer

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(params=[True, False], ids=["unix", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProtocolServer]:
    with ProtocolServer(tmp_path / "data", unix=request.param) as running:
        yield running


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    client = Telemetry("test-app", data_dir=tmp_path / "data", buffer_max=100)
    yield client
    client.shutdown(5)


def until(condition: Any, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def thread_lives(telemetry: Telemetry) -> bool:
    thread = telemetry._sender._thread
    return thread is not None and thread.is_alive()


def numbers(server: ProtocolServer) -> list[int]:
    return [event["payload"]["n"] for event in server.events]


def test_an_event_arrives_with_id_and_time_of_the_emit(
    server: ProtocolServer, telemetry: Telemetry
) -> None:
    before = datetime.now(UTC)
    telemetry.emit("ToolCall", {"tool_name": "grep", "success": True})
    assert telemetry.flush()
    (event,) = server.events
    assert event["event_type"] == "ToolCall"
    assert event["payload"] == {"tool_name": "grep", "success": True}
    assert UUID7.fullmatch(event["event_id"])
    moment = datetime.fromisoformat(event["timestamp"])
    assert (before.timestamp() - 0.001) <= moment.timestamp() <= time.time()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
    assert int(event["event_id"].replace("-", "")[:12], 16) == round(moment.timestamp() * 1000)


def test_the_names_other_clients_use_emit_too(server: ProtocolServer, telemetry: Telemetry) -> None:
    for name in ("emit", "track_event", "trackEvent", "capture"):
        getattr(telemetry, name)("ChatTurn", {"model": name})
    assert telemetry.flush()
    models = [event["payload"]["model"] for event in server.events]
    assert models == ["emit", "track_event", "trackEvent", "capture"]


def test_the_caller_may_change_the_payload_after_the_emit(
    server: ProtocolServer, telemetry: Telemetry
) -> None:
    payload = {"n": 0}
    for n in range(50):
        payload["n"] = n
        telemetry.emit("ChatTurn", payload)
    payload.clear()
    assert telemetry.flush()
    assert numbers(server) == list(range(50))


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-02T03:04:05.006Z",
        "2026-01-02T04:04:05.006+01:00",
        datetime(2026, 1, 2, 3, 4, 5, 6000, UTC),
        1767323045.006,
    ],
)
def test_a_time_may_be_given_in_four_ways(tmp_path: Path, moment: object) -> None:
    with ProtocolServer(tmp_path) as server:
        telemetry = Telemetry(data_dir=tmp_path)
        telemetry.emit("ChatTurn", {}, timestamp=moment)
        assert telemetry.flush()
        assert server.events[0]["timestamp"] == "2026-01-02T03:04:05.006Z"
        telemetry.shutdown()


def test_the_token_and_the_session_are_presented(tmp_path: Path) -> None:
    with ProtocolServer(tmp_path) as server:
        telemetry = Telemetry(data_dir=str(tmp_path), session_id="abc-1", client="worker")
        telemetry.emit("ChatTurn", {})
        assert telemetry.flush()
        assert server.hellos[0] == {
            "op": "hello",
            "client": "worker",
            "token": server.token,
            "session_id": "abc-1",
        }
        assert server.events[0]["session_id"] == "abc-1"
        assert telemetry.stats.level == "usage"
        telemetry.shutdown()
        server.wait_for(lambda: server.goodbyes == 1)


def test_over_http_the_request_is_as_the_contract_says(tmp_path: Path) -> None:
    with ProtocolServer(tmp_path, unix=False) as server:
        telemetry = Telemetry(data_dir=tmp_path)
        telemetry.emit("ChatTurn", {})
        assert telemetry.flush()
        url = json.loads((tmp_path / "runtime.json").read_text())["url"]
        (request,) = server.requests
        assert request["path"] == "/v1/events"
        assert request["host"] == url.removeprefix("http://")
        assert request["authorization"] == f"Bearer {server.token}"
        assert request["content-type"] == "application/x-ndjson"
        telemetry.shutdown()


def test_a_socket_file_that_is_gone_leaves_the_port(tmp_path: Path) -> None:
    with ProtocolServer(tmp_path, unix=False) as server:
        server.write_runtime(socket=str(tmp_path / "nothing.sock"))
        telemetry = Telemetry(data_dir=tmp_path)
        telemetry.emit("ChatTurn", {})
        assert telemetry.flush()
        assert len(server.requests) == 1
        telemetry.shutdown()


def test_events_wait_for_a_daemon_that_appears_later_and_arrive_once(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    for n in range(20):
        telemetry.emit("ChatTurn", {"n": n})
    assert not telemetry.flush(0.1)
    with ProtocolServer(tmp_path / "data") as server:
        assert telemetry.flush(10)
        assert numbers(server) == list(range(20))
        assert telemetry.stats.acknowledged == 20


def test_beyond_the_bound_the_oldest_fall_out_and_are_counted(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    for n in range(250):
        telemetry.emit("ChatTurn", {"n": n})
    assert telemetry.dropped == 150
    assert telemetry.stats.dropped == {"overflow": 150}
    assert telemetry.stats.waiting == 100
    with ProtocolServer(tmp_path / "data") as server:
        assert telemetry.flush(10)
        assert numbers(server) == list(range(150, 250))
    stats = telemetry.stats
    assert (stats.emitted, stats.acknowledged, stats.waiting) == (250, 100, 0)


def test_a_daemon_that_dies_between_send_and_ack_gets_the_same_ids_again(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    first = ProtocolServer(tmp_path / "data").start()
    first.acks.clear()
    for n in range(10):
        telemetry.emit("ChatTurn", {"n": n})
    first.wait_for_events(10)
    first.stop(leave_runtime=True)
    telemetry.emit("ChatTurn", {"n": 10})
    with ProtocolServer(tmp_path / "data") as second:
        assert telemetry.flush(10)
        assert numbers(second) == list(range(11))
        assert second.ids()[:10] == first.ids()[:10]
        assert second.token != first.token
    assert telemetry.stats.resent == 10
    assert telemetry.stats.acknowledged == 11


def test_a_hang_up_before_the_ack_is_followed_by_a_resend(
    server: ProtocolServer, telemetry: Telemetry
) -> None:
    server.hang_up = lambda _: len(server.frames) <= 2
    for n in range(8):
        telemetry.emit("ChatTurn", {"n": n})
    assert telemetry.flush(10)
    assert len(set(server.ids())) == 8
    assert len(server.events) > 8
    assert telemetry.stats.acknowledged == 8


def test_waiting_and_resent_events_together_keep_to_the_bound(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    first = ProtocolServer(tmp_path / "data").start()
    first.acks.clear()
    for n in range(60):
        telemetry.emit("ChatTurn", {"n": n})
    first.wait_for_events(60)
    first.stop()
    for n in range(60, 160):
        telemetry.emit("ChatTurn", {"n": n})
    until(lambda: telemetry.stats.in_flight == 0)
    assert telemetry.stats.waiting == 100
    assert telemetry.dropped == 60
    with ProtocolServer(tmp_path / "data") as second:
        assert telemetry.flush(10)
        assert numbers(second) == list(range(60, 160))


def test_rejected_events_are_counted_by_reason_and_not_sent_again(
    server: ProtocolServer, telemetry: Telemetry
) -> None:
    server.reject = lambda event: "unknown_event" if event["event_type"] == "Odd" else None
    for kind in ("ChatTurn", "Odd", "ChatTurn", "Odd", "Odd"):
        telemetry.emit(kind, {})
    assert telemetry.flush()
    stats = telemetry.stats
    assert stats.rejected == {"unknown_event": 3}
    assert (stats.acknowledged, stats.waiting, stats.in_flight) == (2, 0, 0)
    assert len(server.events) == 5


@pytest.mark.parametrize("how", ["hang_up", "malformed"])
def test_one_event_that_breaks_the_connection_is_found_and_costs_only_itself(
    tmp_path: Path, telemetry: Telemetry, how: str
) -> None:
    with ProtocolServer(tmp_path / "data") as server:
        setattr(server, how, lambda events: any(e["payload"]["n"] == 7 for e in events))
        for n in range(20):
            telemetry.emit("ChatTurn", {"n": n})
        until(lambda: telemetry.stats.acknowledged == 19, 60)
        assert telemetry.stats.dropped == {"refused": 1}
        assert set(numbers(server)) >= set(range(20)) - {7}


def test_a_wrong_token_is_read_again_when_the_daemon_writes_a_new_one(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    with ProtocolServer(tmp_path / "data") as server:
        path = json.loads((tmp_path / "data" / "runtime.json").read_text())["socket"]
        server.write_runtime(socket=path, token="0" * 64)
        telemetry.emit("ChatTurn", {"n": 1})
        server.wait_for(lambda: server.refused >= 1)
        assert not server.events
        server.write_runtime(socket=path)
        assert telemetry.flush(10)
        assert numbers(server) == [1]


@pytest.mark.parametrize("status", [401, 413, 429, 500, 503])
def test_no_http_answer_but_acceptance_lets_go_of_events(tmp_path: Path, status: int) -> None:
    with ProtocolServer(tmp_path, unix=False) as server:
        server.http_status = status
        telemetry = Telemetry(data_dir=tmp_path)
        telemetry.emit("ChatTurn", {"n": 1})
        assert not telemetry.flush(0.3)
        server.http_status = 202
        assert telemetry.flush(10)
        assert numbers(server) == [1]
        telemetry.shutdown()


def test_settings_pushed_by_the_daemon_do_not_disturb(tmp_path: Path, telemetry: Telemetry) -> None:
    with ProtocolServer(tmp_path / "data") as server:
        telemetry.emit("ChatTurn", {"n": 1})
        assert telemetry.flush()
        server.push({"op": "settings", "level": "error", "surprise": [1]})
        server.push({"op": "something-new"})
        telemetry.emit("ChatTurn", {"n": 2})
        assert telemetry.flush()
        assert telemetry.stats.level == "error"
        assert numbers(server) == [1, 2]
        assert len(server.hellos) == 1


def test_many_threads_lose_and_double_nothing(server: ProtocolServer, tmp_path: Path) -> None:
    telemetry = Telemetry(data_dir=tmp_path / "data", buffer_max=100_000)

    def work(thread: int) -> None:
        for n in range(500):
            telemetry.emit("ChatTurn", {"n": thread * 1000 + n})

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert telemetry.flush(20)
    got = numbers(server)
    assert len(got) == 4000
    assert set(got) == {thread * 1000 + n for thread in range(8) for n in range(500)}
    assert len(set(server.ids())) == 4000
    for thread in range(8):
        own = [n for n in got if n // 1000 == thread]
        assert own == sorted(own)
    assert telemetry.stats.emitted == 4000
    assert telemetry.stats.acknowledged == 4000
    telemetry.shutdown()


def test_a_flush_waits_only_for_what_was_emitted_before_it(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    with ProtocolServer(tmp_path / "data") as server:
        telemetry.emit("ChatTurn", {"n": 1})
        assert telemetry.flush()
        server.acks.clear()
        telemetry.emit("ChatTurn", {"n": 2})
        assert not telemetry.flush(0.05)
        server.acks.set()
        assert telemetry.flush()


def test_a_flush_of_nothing_is_at_once_and_starts_no_thread(telemetry: Telemetry) -> None:
    before = threading.active_count()
    assert telemetry.flush(30)
    assert threading.active_count() == before


def test_shutdown_delivers_and_later_events_are_counted_as_dropped(
    server: ProtocolServer, telemetry: Telemetry
) -> None:
    telemetry.emit("ChatTurn", {"n": 1})
    assert telemetry.shutdown()
    assert numbers(server) == [1]
    telemetry.emit("ChatTurn", {"n": 2})
    assert telemetry.stats.dropped == {"shutdown": 1}
    assert telemetry.shutdown()
    assert not thread_lives(telemetry)


def test_shutdown_without_a_daemon_does_not_wait_for_one(telemetry: Telemetry) -> None:
    telemetry.emit("ChatTurn", {"n": 1})
    ending = threading.Thread(target=telemetry.shutdown, args=(600,))
    ending.start()
    ending.join(30)
    assert not ending.is_alive()
    assert telemetry.stats.dropped == {"shutdown": 1}
    assert telemetry.stats.waiting == 0


def test_shutdown_ends_although_the_daemon_does_not_answer(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    with ProtocolServer(tmp_path / "data") as server:
        server.acks.clear()
        telemetry.emit("ChatTurn", {"n": 1})
        server.wait_for_events(1)
        assert not telemetry.shutdown(0.2)
        until(lambda: not thread_lives(telemetry))
        assert telemetry.stats.dropped == {"shutdown": 1}
