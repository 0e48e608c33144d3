"""The client with the real daemon: durable delivery, rejection, restart, and no URL on disk."""

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sidespool.client import Telemetry
from sidespool.client.discovery import read_door
from sidespool.client.http_link import HttpLink


@contextmanager
def daemon(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """`sidespool run`, ready; ends with its standard input."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TELEMETRY_", "DO_NOT"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "sidespool", "run", "--exit-with-stdin"],
        env={**kept, "TELEMETRY_DATA_DIR": str(data_dir)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["op"] == "ready"
        yield process
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def spooled(data_dir: Path) -> list[dict[str, Any]]:
    """Every event of the host's that lies in the spool, read as `zcat` would."""
    events = []
    for path in sorted((data_dir / "spool").glob("*.v1.*")):
        raw = path.read_bytes() if not path.name.endswith(".json") else b""
        while raw[:2] == b"\x1f\x8b":
            member = zlib.decompressobj(31)
            text = member.decompress(raw)
            raw = member.unused_data
            events += [json.loads(line) for line in text.splitlines()]
    return [event for event in events if event.get("event_type") in ("ToolCall", "Error")]


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    client = Telemetry(data_dir=tmp_path, session_id="py-1")
    yield client
    client.shutdown(5)


def test_a_flushed_event_lies_in_the_spool(tmp_path: Path, telemetry: Telemetry) -> None:
    with daemon(tmp_path):
        with telemetry.tool_call("http GET /items/{id}"):
            pass
        assert telemetry.flush(10)
        (event,) = spooled(tmp_path)
    assert event["payload"]["tool_name"] == "http GET /items/{id}"
    assert event["payload"]["success"] is True
    assert event["session_id"] == "py-1"
    assert event["event_id"][14] == "7"


def test_an_exception_is_taken_in_and_leaves_no_home_directory(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    with daemon(tmp_path):
        try:
            Path("/home/margarete/thesis.txt").read_text()
        except OSError:
            telemetry.capture_exception(context={"route": "http GET /items/{id}"})
        assert telemetry.flush(10)
        (event,) = spooled(tmp_path)
    assert event["payload"]["error_type"] == "FileNotFoundError"
    assert "in test_an_exception" in event["payload"]["stack_trace"]
    assert "margarete" not in json.dumps(event)


def test_what_is_not_in_the_catalog_is_rejected_and_the_rest_is_kept(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    with daemon(tmp_path):
        telemetry.emit("NotInTheCatalog", {})
        telemetry.emit("ToolCall", {"tool_name": "kept"})
        telemetry.emit("ToolCall", {"no_such_field": 1})
        telemetry.emit("ToolCall", {"duration_ms": -1})
        assert telemetry.flush(10)
    assert telemetry.stats.rejected == {
        "unknown_event": 1,
        "unknown_field": 1,
        "invalid_value": 1,
    }
    assert telemetry.stats.acknowledged == 1


def test_a_killed_daemon_is_found_again_and_every_event_is_stored_once(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    names = set()
    for life in range(3):
        with daemon(tmp_path) as process:
            for n in range(300):
                names.add(f"tool-{life}-{n}")
                telemetry.emit("ToolCall", {"tool_name": f"tool-{life}-{n}"})
            if life < 2:
                process.kill()
                process.wait(30)
            else:
                assert telemetry.flush(30)
    events = spooled(tmp_path)
    assert {event["payload"]["tool_name"] for event in events} == names
    by_id = {event["event_id"]: event["payload"]["tool_name"] for event in events}
    assert len(by_id) == len(names) == 900
    assert telemetry.stats.acknowledged == 900


def test_the_http_door_takes_the_same_events(tmp_path: Path) -> None:
    with daemon(tmp_path):
        link = HttpLink(read_door(tmp_path), "python", None)
        link.send(
            1,
            [
                b'{"event_type":"ToolCall","payload":{"tool_name":"a"}}',
                b'{"event_type":"Nope","payload":{}}',
            ],
        )
        (answer,) = link.receive(0)
        link.close(goodbye=True)
        assert (answer.id, answer.accepted) == (1, 1)
        assert [(entry.index, entry.reason) for entry in answer.rejected] == [(1, "unknown_event")]
        assert len(spooled(tmp_path)) == 1


def test_the_daemon_counts_what_the_client_counts(tmp_path: Path, telemetry: Telemetry) -> None:
    with daemon(tmp_path):
        for n in range(2500):
            telemetry.emit("ToolCall", {"tool_name": f"tool-{n}"})
        assert telemetry.flush(20)
        door = read_door(tmp_path)
        answer = httpx.get(
            f"{door.url}/v1/status", headers={"Authorization": f"Bearer {door.token}"}
        )
        assert answer.status_code == 200
        assert len(spooled(tmp_path)) == telemetry.stats.acknowledged == 2500
