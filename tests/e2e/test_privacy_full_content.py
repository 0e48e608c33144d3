"""Full content through a real daemon: encrypted, refused without a key, gone with consent."""

import base64
import gzip
from pathlib import Path

from sidespool.core.envelope import is_encrypted
from support.daemon import RunningDaemon, start_daemon, wait_until
from support.fake_collector import FakeCollector
from support.in_thread import in_thread

SECRET_WORDS = "the quick prompt nobody else may read"
FULL = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FLUSH_INTERVAL_S": "0.2"}
TURN = {"event_type": "ChatTurnFull", "payload": {"prompt": SECRET_WORDS, "response": "42"}}
USAGE = {"event_type": "ChatTurn", "payload": {"model": "m1"}}


def spool_files(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "spool").glob("*.v1.*"))


def waiting(daemon: RunningDaemon) -> list[str]:
    """The kinds of events that wait, without the daemon's own reports."""
    found = [one["event_type"] for one in daemon.pending()]
    return [one for one in found if one != "ClientReport"]


def test_full_content_is_never_on_disk_in_the_clear_and_is_still_shown_to_its_owner() -> None:
    with start_daemon(FULL) as daemon:
        with daemon.client() as client:
            assert client.emit(TURN, USAGE)["accepted"] == 2
        daemon.request("POST", "/v1/flush")
        files = spool_files(daemon.data_dir)
        assert [is_encrypted(one.read_bytes()) for one in files].count(True) == 1
        for path in daemon.data_dir.rglob("*"):
            if path.is_file():
                raw = path.read_bytes()
                assert SECRET_WORDS.encode() not in raw
                if raw[:2] == b"\x1f\x8b":
                    assert SECRET_WORDS.encode() not in gzip.decompress(raw)
        shown = [one["payload"] for one in daemon.pending()]
        assert TURN["payload"] in shown
        key = daemon.data_dir / "spool.key"
        assert key.stat().st_mode & 0o777 == 0o600
        assert len(base64.b64decode(key.read_bytes())) == 32


def test_what_travels_is_a_plain_gzip_member_and_the_history_stays_encrypted() -> None:
    with in_thread(FakeCollector()) as collector:
        env = {**FULL, "TELEMETRY_ENDPOINT": collector.url, "TELEMETRY_TOKEN": "t"}
        with start_daemon(env) as daemon:
            with daemon.client() as client:
                client.emit(TURN)
            wait_until(lambda: collector.events)
            [sent] = collector.events.values()
            assert sent["payload"] == TURN["payload"]
            wait_until(lambda: not spool_files(daemon.data_dir))
            history = list((daemon.data_dir / "history").iterdir())
            assert [is_encrypted(one.read_bytes()) for one in history] == [True]
            batches = daemon.request("GET", "/v1/history").json()["batches"]
            shown = daemon.request("GET", f"/v1/history?batch={batches[0]['batch_id']}").lines()
            assert shown[0]["payload"] == TURN["payload"]


def test_without_a_keychain_full_content_is_refused_and_status_says_why() -> None:
    with start_daemon({**FULL, "TELEMETRY_FULL_CONTENT_KEY": "keychain"}) as daemon:
        with daemon.client() as client:
            answer = client.emit(TURN, USAGE)
        assert answer["accepted"] == 1
        assert answer["rejected"][0]["reason"] == "level_too_low"
        status = daemon.status()
        assert (status["level"], status["decided_by"]) == ("usage", "encryption")
        assert "full content is refused" in status["because"]
        assert "TELEMETRY_FULL_CONTENT_KEY=file" in status["because"]


def test_a_daemon_below_full_makes_no_key_and_loads_no_cryptography() -> None:
    with start_daemon({}) as daemon:
        with daemon.client() as client:
            client.emit(USAGE)
        maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
        assert "cryptography" not in maps
        assert not (daemon.data_dir / "spool.key").exists()


def test_lowering_from_full_removes_exactly_the_full_events_and_destroys_the_key() -> None:
    with start_daemon(FULL) as daemon:
        with daemon.client() as client:
            client.emit(TURN, USAGE, TURN)
            client.ask("set", settings={"full_content": False})
            assert waiting(daemon) == ["ChatTurn"]
            assert not (daemon.data_dir / "spool.key").exists()
            client.ask("set", settings={"full_content": True})
            assert daemon.status()["level"] == "full"
            assert client.emit(TURN)["accepted"] == 1
        assert waiting(daemon) == ["ChatTurn", "ChatTurnFull"]


def test_a_killed_daemon_finds_its_encrypted_events_again(tmp_path: Path) -> None:
    env = {**FULL, "TELEMETRY_DATA_DIR": str(tmp_path / "data")}
    with start_daemon(env) as daemon:
        with daemon.client() as client:
            client.emit(TURN)
            client.emit(TURN)
        daemon.kill9()
    [active] = spool_files(tmp_path / "data")
    with active.open("ab") as file:
        file.write(b"\xf5SPF torn")
    with start_daemon(env) as daemon:
        assert [one["payload"] for one in daemon.pending()] == [TURN["payload"]] * 2


def test_a_lost_key_costs_no_event_of_another_level(tmp_path: Path) -> None:
    env = {**FULL, "TELEMETRY_DATA_DIR": str(tmp_path / "data")}
    with start_daemon(env) as daemon, daemon.client() as client:
        client.emit(TURN, USAGE)
    (tmp_path / "data" / "spool.key").unlink()
    with start_daemon(env) as daemon:
        assert [one["event_type"] for one in daemon.pending()] == ["ChatTurn"]
        with daemon.client() as client:
            assert client.emit(TURN)["accepted"] == 1
