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


def test_what_was_sent_is_shown_to_the_byte(cli: CommandLine, tmp_path: Path) -> None:
    with running_collector(tmp_path) as collector:
        env = {
            "TELEMETRY_ENDPOINT": collector["url"],
            "TELEMETRY_TOKEN": collector["tokens"]["ingest"],
        }
        for model in ("x", "naïve – \u2028"):
            cli("emit", "ChatTurn", f"model={model}", env=env)
        assert cli("flush", env=env).code == 0
    batches = cli("history", "--json").json()["batches"]
    files = sorted((tmp_path / "data").glob("history/*.gz"), reverse=True)
    assert len(files) >= 2
    for batch, file in zip(batches, files, strict=True):
        # The blanks at the end of a commit's last line are its checksum, not part of an event.
        sent = [one.rstrip(b" \t") for one in gzip.decompress(file.read_bytes()).split(b"\n")]
        assert cli("history", "--show", batch["batch_id"]).raw == b"\n".join(sent)


# -- where no daemon runs --------------------------------------------------------------------------


def test_an_event_is_taken_in_by_the_rules_though_no_daemon_runs(cli: CommandLine) -> None:
    said = cli("emit", "Error", "message=could not open /home/jane/x.txt", "--json")
    assert (said.code, said.json()) == (0, {"accepted": 1, "rejected": []})
    kept = next(one for one in cli("pending").lines() if one["event_type"] == "Error")
    assert "jane" not in kept["payload"]["message"]
    refused = cli("emit", "ChatTurn", "colour=red")
    assert (refused.code, "unknown_field" in refused.out) == (1, True)
    assert not (Path(cli.env["TELEMETRY_DATA_DIR"]) / "runtime.json").exists()
    cli("disable")
    assert "consent_off" in cli("emit", "Error", "message=x").out


def test_nothing_is_sent_for_an_event_alone_and_all_by_a_flush(
    cli: CommandLine, tmp_path: Path
) -> None:
    with running_collector(tmp_path) as collector:
        env = {
            "TELEMETRY_ENDPOINT": collector["url"],
            "TELEMETRY_TOKEN": collector["tokens"]["ingest"],
        }
        assert cli("emit", "ChatTurn", "model=x", env=env).code == 0
        assert cli("history", "--json").json()["batches"] == []
        assert cli("flush", "--json", env=env).json()["pending"] == 0
        assert len(cli("history", "--json").json()["batches"]) == 1
        said = cli("emit", "ChatTurn", "model=y", "--wait", env=env)
        assert (said.code, said.out) == (0, "ChatTurn was sent\n")


def test_what_the_app_collected_under_its_own_settings_is_not_deleted_by_a_terminals(
    cli: CommandLine,
) -> None:
    cli("emit", "ChatTurn", "model=x")
    said = cli("flush", env={"TELEMETRY_LEVEL": "error"})
    assert said.code == 1
    assert "events wait that need level usage" in said.err
    assert "ChatTurn" in {one["event_type"] for one in cli("pending").lines()}
    assert cli("flush", env={"DO_NOT_TRACK": "1"}).code == 0
    assert cli("pending").out == ""


def test_a_daemon_that_cannot_start_says_why(cli: CommandLine, tmp_path: Path) -> None:
    said = cli("flush", env={"TELEMETRY_CATALOG": str(tmp_path / "none.toml")})
    assert said.code == 1
    assert "TELEMETRY_CATALOG" in said.err
    assert said.err.count("\n") == 1


def test_a_batch_that_is_not_in_the_history_is_named(cli: CommandLine) -> None:
    said = cli("history", "--show", "0190")
    assert said.code == 1
    assert "0190 is not in the history" in said.err
    assert "Nothing has been sent" in cli("history").out
