"""Killed at every step of a withdrawal and of a reset: the next start finishes it first."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.daemon import RunningDaemon, clean_environment, start_daemon, wait_until
from support.live_collector import LiveCollector

FULL = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FLUSH_INTERVAL_S": "3600"}
STEPS_MAX = 200
EVERY = os.environ.get("SIDESPOOL_KILL_POINTS") == "all"


@contextlib.contextmanager
def dying_daemon(env: dict[str, str]) -> Iterator[RunningDaemon]:
    environment = clean_environment(env) | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-m", "support.dying_daemon"], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with RunningDaemon(process, Path(env["TELEMETRY_DATA_DIR"]), environment) as daemon:
        yield daemon


def fill(daemon: RunningDaemon) -> set[str]:
    """An event of each level and an attachment; the ids of the events."""
    ids = [str(uuid.uuid4()) for _ in range(4)]
    kinds = ("Crash", "Error", "ChatTurn", "ChatTurnFull")
    events = [
        {"event_type": kind, "event_id": one, "payload": {}}
        for kind, one in zip(kinds, ids, strict=True)
    ]
    with daemon.client() as client:
        assert client.emit(*events)["accepted"] == 4
        data = base64.b64encode(b"attached").decode()
        fields = {"event_id": ids[3], "name": "a.txt", "content_type": "text/plain"}
        assert client.ask("attach", data=data, **fields)["op"] == "ack"
    (daemon.data_dir / "history" / "00000000000001-x.jsonl.gz").write_bytes(b"sent once")
    return set(ids)


def ask_and_die(daemon: RunningDaemon, steps: int, op: str, **fields: Any) -> bool:
    """Whether the daemon died before it answered."""
    (daemon.data_dir / "arm").write_text(str(steps))
    try:
        with daemon.client() as client:
            client.ask(op, **fields)
    except (OSError, EOFError, ValueError):
        assert daemon.wait() == -signal.SIGKILL
        return True
    (daemon.data_dir / "arm").unlink()
    daemon.kill9()
    return False


def receipt(daemon: RunningDaemon) -> str:
    return str(daemon.status()["deletion"][0]["receipt"])


def left(data_dir: Path, *folders: str) -> list[str]:
    return [name for folder in folders for name in os.listdir(data_dir / folder)]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_withdrawal_that_was_killed_at_any_step_is_finished_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    with LiveCollector(tmp_path) as collector:
        for steps in range(0, STEPS_MAX, 2 if EVERY else 12):
            env = {**FULL, "TELEMETRY_DATA_DIR": str(tmp_path / f"d{steps}")}
            with dying_daemon(env) as daemon:
                ids = fill(daemon)
                died = ask_and_die(daemon, steps, "consent", decision="denied", with_history=True)
            data_dir = tmp_path / f"d{steps}"
            consent = data_dir / "consent.json"
            said_no = consent.exists() and b"denied" in consent.read_bytes()
            begun = said_no or (data_dir / "withdrawal.json").exists()
            assert begun or died
            with start_daemon({**env, **collector.env}) as daemon:
                daemon.status()  # the doors answer when the start is complete
                if said_no:
                    assert left(data_dir, "spool", "attachments") == []
                    assert not (data_dir / "spool.key").exists()
                assert not (data_dir / "forget.json").exists()
                assert not (data_dir / "withdrawal.json").exists()
                if not died:
                    assert left(data_dir, "history") == []
                with daemon.client() as client:
                    client.ask("consent", decision="granted")
                    client.ask("flush")
            if begun:
                assert not ids & {one["event_id"] for one in collector.events()}
            if not died:
                return
    raise AssertionError("more steps than were looked at")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_reset_that_was_killed_at_any_step_is_finished_and_its_request_is_made_once(
    tmp_path: Path,
) -> None:
    with LiveCollector(tmp_path) as collector:
        for steps in range(0, STEPS_MAX, 3 if EVERY else 12):
            data_dir = tmp_path / f"d{steps}"
            env = {**FULL, "TELEMETRY_DATA_DIR": str(data_dir)}
            with dying_daemon(env) as daemon:
                ids = fill(daemon)
                user_id = daemon.status()["user_id"]
                died = ask_and_die(daemon, steps, "reset")
            finished = bool(os.listdir(data_dir / "deletion"))
            begun = (data_dir / "reset.json").exists() or finished
            assert begun or died
            if not begun:
                continue
            with start_daemon({**env, **collector.env}) as daemon:
                status = daemon.status()
                assert left(data_dir, "spool", "attachments", "history") == []
                assert not (data_dir / "spool.key").exists()
                assert not (data_dir / "reset.json").exists()
                assert status["user_id"] != user_id
                assert status["level"] == "off"
                [request] = status["deletion"]
                assert request["user_ids"] == [user_id]
                wait_until(partial(receipt, daemon))
            assert not ids & {one["event_id"] for one in collector.events()}
            if not died:
                return
    raise AssertionError("more steps than were looked at")


def test_requests_survive_disable_and_are_followed_until_erased(tmp_path: Path) -> None:
    env = {"TELEMETRY_DATA_DIR": str(tmp_path / "data"), "TELEMETRY_FLUSH_INTERVAL_S": "0.1"}
    with LiveCollector(tmp_path) as collector:
        with start_daemon({**env, **collector.env}) as daemon, daemon.client() as client:
            client.emit({"event_type": "ChatTurn", "payload": {"model": "m"}})
            wait_until(lambda: len(collector.events()) == 1)
        printed = subprocess.run(
            [sys.executable, "-m", "sidespool", "reset", "--yes", "--json"],
            env=daemon.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        [request] = json.loads(printed.stdout)["deletion"]
        assert request["state"] == "queued"
        off = {"TELEMETRY_ENABLED": "0"}
        with start_daemon({**env, **collector.env, **off}) as daemon:
            wait_until(lambda: daemon.status()["deletion"][0]["state"] == "erased")
            assert daemon.status()["deletion"][0]["counts"]
            assert collector.events() == []
        told = subprocess.run(
            [sys.executable, "-m", "sidespool", "reset", "--status"],
            env=daemon.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "erased" in told.stdout
        assert "receipt" in told.stdout


def test_a_deletion_by_mail_is_a_prefilled_link(tmp_path: Path) -> None:
    env = {"TELEMETRY_DATA_DIR": str(tmp_path / "d"), "TELEMETRY_DELETION": "email:p@example.org"}
    with start_daemon(env) as daemon, daemon.client() as client:
        user_id = daemon.status()["user_id"]
        client.emit({"event_type": "ChatTurn", "payload": {}})
        [link] = client.ask("reset")["mailto"]
        assert link.startswith("mailto:p@example.org?subject=")
        assert user_id in link
        assert daemon.status()["deletion"][0]["state"] == "waiting_for_mail"


def test_a_deletion_as_an_event_goes_through_the_exporter_even_while_off(tmp_path: Path) -> None:
    env = {
        "TELEMETRY_DATA_DIR": str(tmp_path / "d"),
        "TELEMETRY_DELETION": "event",
        "TELEMETRY_EXPORTER": "file",
    }
    with start_daemon(env) as daemon, daemon.client() as client:
        user_id = daemon.status()["user_id"]
        client.emit({"event_type": "ChatTurn", "payload": {}})
        client.ask("reset")
        wait_until(lambda: daemon.status()["deletion"][0]["state"] == "handed_over")
        lines = (tmp_path / "d" / "export.ndjson").read_bytes().splitlines()
        told = [json.loads(line) for line in lines]
        assert [one["user_id"] for one in told if one["event_type"] == "DeletionRequest"] == [
            user_id
        ]
