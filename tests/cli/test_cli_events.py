"""emit, pending, preview, flush and history, from the first event to the collector."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidespool.cli.emit import parse_payload
from support.command_line import CommandLine, running_collector
from support.daemon import RunningDaemon, start_daemon


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


@pytest.fixture
def daemon(cli: CommandLine) -> Iterator[RunningDaemon]:
    with start_daemon({**cli.env, "TELEMETRY_FLUSH_INTERVAL_S": "600"}) as running:
        yield running


def test_words_become_values_as_the_catalog_has_them() -> None:
    words = ("model=4", "latency_ms=12", "prompt_length=0")
    assert parse_payload(words, "ChatTurn") == {
        "model": "4", "latency_ms": 12, "prompt_length": 0,
    }  # fmt: skip
    assert parse_payload(("success=true",), "ToolCall") == {"success": True}
    assert parse_payload(('{"model": "m"}',), "ChatTurn") == {"model": "m"}
    assert parse_payload(("message=a=b",), "Error") == {"message": "a=b"}
    assert parse_payload((), "Error") == {}


def test_an_event_is_on_disk_when_emit_returns(cli: CommandLine, daemon: RunningDaemon) -> None:
    said = cli("emit", "ChatTurn", "model=x", "--session", "s-1", "--json")
    assert (said.code, said.json()) == (0, {"accepted": 1, "rejected": []})
    daemon.kill9()
    (event,) = cli("pending").lines()
    assert (event["session_id"], event["payload"]) == ("s-1", {"model": "x"})


def test_a_refused_event_is_a_failure_with_its_reason(
    cli: CommandLine, daemon: RunningDaemon
) -> None:
    said = cli("emit", "ChatTurn", "colour=red")
    assert said.code == 1
    assert "unknown_field (payload.colour is not in the catalog)" in said.out


def test_pending_is_the_same_with_and_without_the_daemon(
    cli: CommandLine, daemon: RunningDaemon
) -> None:
    cli("emit", "Error", "message=could not open /home/jane/secret.txt")
    cli("emit", "ChatTurn", "model=x")
    running = cli("pending").raw
    daemon.terminate()
    stopped = cli("pending").raw
    assert sorted(running.splitlines()) == sorted(stopped.splitlines())
    assert b"jane" not in running


def test_pending_shows_what_zcat_shows(cli: CommandLine, daemon: RunningDaemon) -> None:
    cli("emit", "ChatTurn", "model=x")
    daemon.terminate()
    (sealed,) = daemon.data_dir.glob("spool/*.sealed")
    with sealed.open("rb") as file:
        plain = subprocess.run(["zcat"], stdin=file, capture_output=True, check=True).stdout
    assert json.loads(plain) == cli("pending").lines()[0]


@pytest.mark.parametrize("running", [True, False])
def test_a_preview_shows_what_would_be_sent_and_keeps_nothing(
    cli: CommandLine, running: bool
) -> None:
    with start_daemon(cli.env) as daemon:
        if not running:
            daemon.terminate()
        said = cli("preview", "Error", "message=cannot read /Users/jane/plan.txt")
        event: dict[str, Any] = json.loads(said.out)
        assert said.code == 0
        assert "jane" not in said.out
        assert event["app_id"] == "app"
        assert cli("pending").out == ""


def test_a_preview_of_what_would_be_refused_says_why(cli: CommandLine) -> None:
    said = cli("preview", "ChatTurnFull", "prompt=hello")
    assert (said.code, said.out) == (1, "")
    assert "level_too_low" in said.err
    assert cli("preview", "Nonsense", "--json").json()["rejected"][0]["reason"] == "unknown_event"


def test_a_flush_that_leaves_something_says_why(cli: CommandLine, daemon: RunningDaemon) -> None:
    cli("emit", "ChatTurn", "model=x")
    said = cli("flush")
    assert said.code == 1
    assert "no endpoint is set" in said.out


def test_from_emit_to_the_history(cli: CommandLine, tmp_path: Path) -> None:
    with running_collector(tmp_path) as collector:
        env = {
            **cli.env,
            "TELEMETRY_ENDPOINT": collector["url"],
            "TELEMETRY_TOKEN": collector["tokens"]["ingest"],
        }
        with start_daemon(env) as daemon:
            said = cli("emit", "ChatTurn", "model=x", "--wait")
            assert (said.code, said.out) == (0, "ChatTurn was sent\n")
            assert cli("pending").out == ""
            assert cli("flush").code == 0
            (batch,) = cli("history", "--json").json()["batches"]
            while_running = cli("history", "--show", batch["batch_id"][:18]).raw
            daemon.terminate()
    assert cli("history", "--json").json()["batches"] == [batch]
    assert cli("history", "--show", batch["batch_id"]).raw == while_running
    (file,) = daemon.data_dir.glob("history/*.gz")
    assert json.loads(gzip.decompress(file.read_bytes())) == json.loads(while_running)
    assert batch["batch_id"] in cli("history").out


def test_a_batch_that_is_not_in_the_history_is_named(cli: CommandLine) -> None:
    said = cli("history", "--show", "0190")
    assert said.code == 1
    assert "0190 is not in the history" in said.err
    assert "Nothing has been sent" in cli("history").out
