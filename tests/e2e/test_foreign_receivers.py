"""The whole daemon with an OTLP or PostHog receiver in the collector's place."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.answering_server import AnsweringServer
from support.daemon import clean_environment, start_daemon

EVENTS = [
    {"event_type": "ChatTurn", "payload": {"latency_ms": 5}},
    {"event_type": "Crash", "payload": {"process": "renderer"}},
    {"event_type": "ChatTurnFull", "payload": {"prompt": "canary-prompt", "response": "r"}},
]
QUIET = {"TELEMETRY_FLUSH_INTERVAL_S": "600", "TELEMETRY_FULL_CONTENT": "1"}
RECEIVERS = {
    "otlp": ("/v1/logs", b'{"partialSuccess":{}}'),
    "posthog": ("/batch/", b'{"status":"Ok"}'),
}


def event_types(name: str, body: bytes) -> list[str]:
    document: Any = msgspec.json.decode(gzip.decompress(body))
    if name == "posthog":
        return [one["event"] for one in document["batch"]]
    return [
        record["eventName"]
        for resource in document["resourceLogs"]
        for record in resource["scopeLogs"][0]["logRecords"]
    ]


@pytest.mark.parametrize("name", RECEIVERS)
def test_events_of_every_level_reach_the_receiver_and_leave_the_spool(name: str) -> None:
    path, answer = RECEIVERS[name]
    with AnsweringServer({path: (200, {}, answer)}) as receiver:
        env = {
            **QUIET,
            "TELEMETRY_EXPORTER": name,
            "TELEMETRY_ENDPOINT": receiver.url,
            "TELEMETRY_TOKEN": "phc_key",
        }
        with start_daemon(env) as daemon:
            with daemon.client() as client:
                assert client.emit(*EVENTS)["accepted"] == len(EVENTS)
                flushed = client.ask("flush")
            assert (flushed["pending"], flushed.get("error")) == (0, None)
            assert daemon.pending() == []
        taken = [kind for *_, body in receiver.asked for kind in event_types(name, body)]
        assert {"ChatTurn", "Crash", "ChatTurnFull"} <= set(taken)
        assert {asked[1] for asked in receiver.asked} == {path}


@pytest.mark.parametrize("name", RECEIVERS)
def test_without_an_endpoint_everything_stays_here(name: str) -> None:
    with start_daemon({**QUIET, "TELEMETRY_EXPORTER": name}) as daemon:
        with daemon.client() as client:
            client.emit(EVENTS[0])
            client.ask("flush")
        assert [one["event_type"] for one in daemon.pending()] == ["ChatTurn"]


@pytest.mark.parametrize("name", RECEIVERS)
def test_an_open_connection_to_another_machine_is_refused_at_the_start(
    tmp_path: Path, name: str
) -> None:
    env = {
        "TELEMETRY_DATA_DIR": str(tmp_path / "d"),
        "TELEMETRY_EXPORTER": f"file,{name}",
        "TELEMETRY_ENDPOINT": "http://receiver.example",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "sidespool", "run"],
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 2
    assert b"TELEMETRY_ENDPOINT" in ended.stderr
