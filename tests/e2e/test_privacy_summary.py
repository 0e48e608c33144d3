"""Usage as a summary: no usage event is ever on disk or on the wire, counts survive kill -9."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from support.daemon import RunningDaemon, start_daemon, wait_until
from support.live_collector import LiveCollector

SUMMARY = {"TELEMETRY_USAGE": "summary", "TELEMETRY_FLUSH_INTERVAL_S": "0.1"}
TURN = {"event_type": "ChatTurn", "payload": {"model": "one-model", "latency_ms": 500}}
DAY_MS = 86_400_000


def state(data_dir: Path) -> Any:
    return json.loads((data_dir / "rollup.json").read_bytes())


def summaries(daemon: RunningDaemon) -> set[str]:
    """The ids of the summaries that wait."""
    return {one["event_id"] for one in daemon.pending() if one["event_type"] == "UsageSummary"}


def age(data_dir: Path, days: int) -> None:
    """Lets the period have begun so many days earlier."""
    known = state(data_dir)
    known["period_start_ms"] -= days * DAY_MS
    (data_dir / "rollup.json").write_text(json.dumps(known))


def test_counted_events_are_acknowledged_and_leave_nothing_of_their_own() -> None:
    with start_daemon(SUMMARY) as daemon:
        with daemon.client() as client:
            assert client.emit(TURN, TURN)["accepted"] == 2
        assert "ChatTurn" not in {one["event_type"] for one in daemon.pending()}
        assert state(daemon.data_dir)["events"] == {"ChatTurn": 2}
        for path in daemon.data_dir.rglob("*"):
            assert not path.is_file() or b"one-model" not in path.read_bytes()


def test_counts_survive_kill_9_and_leave_once_as_a_summary(tmp_path: Path) -> None:
    env = {**SUMMARY, "TELEMETRY_DATA_DIR": str(tmp_path / "data")}
    with start_daemon(env) as daemon:
        with daemon.client() as client:
            assert client.emit(*[TURN] * 7)["accepted"] == 7
        daemon.kill9()
    age(tmp_path / "data", 3)
    with LiveCollector(tmp_path) as collector:
        with start_daemon({**env, **collector.env}) as daemon:
            wait_until(lambda: len(collector.events()) >= 2)
            daemon.kill9()
        with start_daemon({**env, **collector.env}) as daemon:
            daemon.request("POST", "/v1/flush")
            told = [one for one in collector.events() if one["event_type"] == "UsageSummary"]
        told.sort(key=lambda one: one["payload"]["period_start"])
        assert [one["payload"]["exchanges"] for one in told] == ["6-10", "0"]
        assert told[0]["payload"]["period_end"] == told[1]["payload"]["period_start"]
        assert told[0]["payload"]["durations"] == {"ChatTurn.latency_ms": "<1min"}
        assert state(tmp_path / "data")["ready"] == []


def test_a_crash_before_the_summary_is_forgotten_repeats_the_same_event(tmp_path: Path) -> None:
    env = {**SUMMARY, "TELEMETRY_DATA_DIR": str(tmp_path / "data")}
    with start_daemon(env) as daemon, daemon.client() as client:
        client.emit(TURN)
    age(tmp_path / "data", 1)
    before = (tmp_path / "data" / "rollup.json").read_bytes()
    ids = set()
    for _ in range(2):
        (tmp_path / "data" / "rollup.json").write_bytes(before)
        with start_daemon(env) as daemon:
            ids |= wait_until(partial(summaries, daemon))
    assert len(ids) == 1


def test_withdrawing_forgets_the_counts(tmp_path: Path) -> None:
    with start_daemon(SUMMARY) as daemon, daemon.client() as client:
        client.emit(TURN)
        client.ask("consent", decision="denied")
        assert not (daemon.data_dir / "rollup.json").exists()
        client.ask("consent", decision="granted")
        client.emit(TURN)
        assert state(daemon.data_dir)["events"] == {"ChatTurn": 1}


def test_the_settings_file_switches_to_the_summary_live(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text("{}")
    env = {"TELEMETRY_SETTINGS_FILE": str(settings)}
    with start_daemon(env) as daemon, daemon.client() as client:
        client.emit(TURN)
        settings.write_text('{"telemetryUsage": "summary"}')

        def counted() -> Any:
            client.emit(TURN)
            return daemon.status()["rollup"]

        assert wait_until(counted)["events"]["ChatTurn"] >= 1


def test_a_report_is_shown_first_and_sent_without_the_words() -> None:
    words = "my cat Mimi walked over the keyboard"
    with start_daemon({}) as daemon:
        body = {"error_type": "TypeError", "message": "boom", "description": words}
        shown = daemon.request("POST", "/v1/report", {**body, "preview": True}).json()
        assert shown["stored"] is False
        assert daemon.pending() == []
        done = daemon.request("POST", "/v1/report", body).json()
        [event] = daemon.pending()
        assert done["event"] == {**event, "seq": done["event"]["seq"]}
        assert words not in json.dumps(event)
        assert len(event["payload"]["user_description_hash"]) == 32
        listed = daemon.request("GET", "/v1/reports").json()["reports"]
        assert [one["report_id"] for one in listed] == [done["report_id"]]
        printed = subprocess.run(
            [sys.executable, "-m", "sidespool", "report", "--list", "--json"],
            env=daemon.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done["report_id"] in printed.stdout
        sent = subprocess.run(
            [sys.executable, "-m", "sidespool", "report", "--describe", "it broke, mail a@b.org",
             "--include", "--yes", "--json"],
            env=daemon.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        told = json.loads(sent.stdout)["event"]["payload"]
        assert told["user_description"] == "it broke, mail {EMAIL}"
