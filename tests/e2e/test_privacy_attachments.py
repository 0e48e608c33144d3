"""Attachments from the door to a real collector, and what takes them back."""

import base64
from pathlib import Path
from typing import Any

import pytest

from sidespool.core.envelope import is_encrypted
from support.daemon import RunningDaemon, start_daemon, wait_until
from support.fake_collector import HANG, FakeCollector
from support.in_thread import in_thread
from support.live_collector import LiveCollector

EVENT_ID = "0198f6f0-0000-7000-8000-0000000000aa"
TURN = {
    "event_type": "ChatTurnFull",
    "event_id": EVENT_ID,
    "payload": {"prompt": "p", "response": "r"},
}
FULL = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FLUSH_INTERVAL_S": "0.1"}
TOKEN = "ghp_" + "Ab1" * 12


def attach(daemon: RunningDaemon, data: bytes, **more: Any) -> Any:
    with daemon.client() as client:
        fields = {"event_id": EVENT_ID, "name": "diff.txt", "content_type": "text/plain", **more}
        return client.ask("attach", data=base64.b64encode(data).decode(), **fields)


def files(daemon: RunningDaemon, folder: str = "attachments") -> list[Path]:
    return sorted((daemon.data_dir / folder).glob("*.attached"))


def test_an_attachment_is_durable_encrypted_and_free_of_credentials() -> None:
    with start_daemon(FULL) as daemon:
        answer = attach(daemon, b"hello\nexport TOKEN=" + TOKEN.encode())
        assert answer["op"] == "ack"
        [path] = files(daemon)
        raw = path.read_bytes()
        assert is_encrypted(raw)
        assert b"hello" not in raw
        assert b"diff.txt" not in raw
        assert daemon.status()["attachments"]["waiting"] == 1


def test_an_attachment_follows_its_event_to_the_collector_and_into_the_history(
    tmp_path: Path,
) -> None:
    with LiveCollector(tmp_path) as collector, start_daemon({**FULL, **collector.env}) as daemon:
        answer = attach(daemon, b"export TOKEN=" + TOKEN.encode() + b"\nthe rest")
        assert answer["op"] == "ack"
        with daemon.client() as client:
            client.emit(TURN)
        wait_until(lambda: not files(daemon))
        [stored] = collector.attachments()
        assert TOKEN.encode() not in stored
        assert b"the rest" in stored
        assert daemon.status()["attachments"]["delivered"] == 1
        [sent] = daemon.request("GET", "/v1/history").json()["attachments"]
        assert sent["event_id"] == EVENT_ID
        assert [is_encrypted(one.read_bytes()) for one in files(daemon, "history")] == [True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_id": "no"}, "invalid_value"),
        ({"name": "../up"}, "invalid_value"),
        ({"content_type": "text"}, "invalid_value"),
    ],
)
def test_a_bad_attachment_is_refused_with_its_reason(change: dict[str, str], reason: str) -> None:
    with start_daemon(FULL) as daemon:
        assert attach(daemon, b"x", **change)["reason"] == reason
        assert attach(daemon, b"x" * (5 * 1024 * 1024 + 1))["reason"] == "too_large"


def test_below_full_attachments_are_refused_and_off_refuses_them_too() -> None:
    with start_daemon({}) as daemon:
        assert attach(daemon, b"x")["reason"] == "level_too_low"
    with start_daemon({**FULL, "DO_NOT_TRACK": "1"}) as daemon:
        assert attach(daemon, b"x")["reason"] == "consent_off"


def test_the_http_door_takes_attachments_alike() -> None:
    with start_daemon(FULL) as daemon:
        answer = daemon.request(
            "PUT", f"/v1/attachments/{EVENT_ID}/shot.png", body=b"\x89PNG\x00",
            headers={"Content-Type": "image/png"},
        )  # fmt: skip
        assert answer.status == 200, answer
        assert answer.json()["size_bytes"] == 5


def test_withdrawing_full_content_deletes_the_attachments() -> None:
    with start_daemon(FULL) as daemon:
        attach(daemon, b"secret plans")
        with daemon.client() as client:
            reply = client.ask("set", settings={"full_content": False})
        assert files(daemon) == []
        assert reply["withdrawn"]["attachments"] == 1
        assert not (daemon.data_dir / "spool.key").exists()


def test_attachments_wait_out_a_restart(tmp_path: Path) -> None:
    env = {**FULL, "TELEMETRY_DATA_DIR": str(tmp_path / "data")}
    with start_daemon(env) as daemon:
        attach(daemon, b"later")
        daemon.kill9()
    with LiveCollector(tmp_path) as collector, start_daemon({**env, **collector.env}) as daemon:
        with daemon.client() as client:
            client.emit(TURN)
        wait_until(lambda: not files(daemon))
        assert collector.attachments() == [b"later"]


def test_a_field_beyond_its_cap_goes_along_whole_as_an_attachment(tmp_path: Path) -> None:
    text = "line of code\n" * 60_000
    event = {"event_type": "FileSnapshot", "payload": {"before": text, "proposal_id": "p1"}}
    with LiveCollector(tmp_path) as collector, start_daemon({**FULL, **collector.env}) as daemon:
        with daemon.client() as client:
            assert client.emit(event)["accepted"] == 1
        wait_until(collector.attachments)
        assert collector.attachments() == [text.encode()]
        [stored] = collector.events()
        assert stored["payload"]["before"].endswith("…[cut]")


def test_an_attachment_on_the_wire_does_not_hold_up_the_end_or_a_withdrawal() -> None:
    with in_thread(FakeCollector()) as collector:
        collector.always(HANG)
        env = {**FULL, "TELEMETRY_ENDPOINT": collector.url, "TELEMETRY_SHUTDOWN_GRACE_S": "1"}
        with start_daemon(env) as daemon:
            attach(daemon, b"one")
            wait_until(lambda: collector.requests)
            with daemon.client() as client:
                client.ask("set", settings={"full_content": False})
                assert files(daemon) == []
                client.ask("set", settings={"full_content": True})
            attach(daemon, b"two")
            wait_until(lambda: len(collector.requests) > 1)
            assert daemon.terminate() == 0
