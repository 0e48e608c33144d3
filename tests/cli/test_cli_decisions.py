"""enable, disable, level and consent: with a running daemon, and in its data directory without."""

import json
from pathlib import Path

import pytest

from sidespool.cli import decision
from sidespool.config import Config
from sidespool.errors import DaemonUnreachableError
from sidespool.runtime.lock import DirLock
from sidespool.runtime.paths import DataPaths
from support.command_line import CommandLine
from support.daemon import RunningDaemon, start_daemon

TURN = {"event_type": "ChatTurn", "payload": {"model": "m"}}
ERROR = {"event_type": "Error", "payload": {"message": "broken"}}


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def start(cli: CommandLine, **env: str) -> RunningDaemon:
    return start_daemon({**cli.env, "TELEMETRY_FLUSH_INTERVAL_S": "600", **env})


def types(cli: CommandLine) -> list[str]:
    return sorted(event["event_type"] for event in cli("pending").lines())


# -- with a running daemon -------------------------------------------------------------------------


def test_disable_empties_the_running_daemons_spool_and_is_recorded(cli: CommandLine) -> None:
    with start(cli) as daemon:
        with daemon.client() as client:
            client.emit(TURN, ERROR)
        said = cli("disable", "--json")
        assert (said.code, said.json()["level"], said.json()["running"]) == (0, "off", True)
        assert daemon.pending() == []
        assert daemon.status()["settings"]["consent"] == "denied"
        with daemon.client() as client:
            assert client.emit(TURN)["rejected"][0]["reason"] == "consent_off"


def test_enable_after_disable_collects_again(cli: CommandLine) -> None:
    with start(cli) as daemon:
        cli("disable")
        assert cli("enable").code == 0
        assert daemon.status()["level"] == "usage"


def test_a_lower_level_removes_exactly_what_needs_more(cli: CommandLine) -> None:
    with start(cli) as daemon:
        with daemon.client() as client:
            client.emit(TURN, ERROR)
        assert cli("level", "error").code == 0
        assert types(cli) == ["Error"]


@pytest.mark.parametrize("wanted", ["crash", "error", "usage", "full"])
def test_any_level_can_be_reached_from_any_other(cli: CommandLine, wanted: str) -> None:
    with start(cli) as daemon:
        for before in ("full", "off", "crash"):
            cli("level", before)
            assert daemon.status()["level"] == before
            assert cli("level", wanted).code == 0
            assert daemon.status()["level"] == wanted


def test_alone_consent_and_token_show_what_there_is(cli: CommandLine) -> None:
    cli("level", "error")
    shown = cli("consent", "--json").json()
    assert shown == cli("consent", "show", "--json").json() == cli("--json", "consent").json()
    assert shown["current"]["level"] == "error"
    assert "granted up to error" in cli("consent").out
    said = cli("token", "--json", env={"TELEMETRY_TOKEN": "x"})
    assert (said.code, said.json()["source"]) == (0, "TELEMETRY_TOKEN")
    none = cli("token")
    assert (none.code, "sidespool token set" in none.out) == (1, True)


def test_every_decision_can_be_exported_with_its_level_policy_date_and_door(
    cli: CommandLine, tmp_path: Path
) -> None:
    cli("consent", "grant", "--level", "error", "--policy-version", "1")
    with start(cli) as daemon, daemon.client() as client:
        client.ask("consent", decision="denied", policy_version="2")
        cli("reset", "--yes")
    cli("consent", "export", "--output", str(tmp_path / "mine.json"))
    records = json.loads((tmp_path / "mine.json").read_text())["records"]
    told = [(r["decision"], r["level"], r["policy_version"], r["door"]) for r in records]
    assert told == [
        ("granted", "error", "1", "cli"),
        ("denied", "off", "2", "test"),
        ("denied", "off", "", "reset"),
    ]
    assert [r["at"] for r in records] == sorted(r["at"] for r in records)


def test_the_record_says_that_it_came_through_the_command_line(cli: CommandLine) -> None:
    with start(cli, TELEMETRY_POLICY_VERSION="2026-03"):
        assert cli("consent", "grant", "--level", "error").code == 0
        record = cli("consent", "show", "--json").json()["current"]
    assert {**record, "at": ""} == {
        "decision": "granted", "at": "", "level": "error", "policy_version": "2026-03",
        "door": "cli",
    }  # fmt: skip


def test_what_another_layer_forbids_is_said_and_is_a_failure(cli: CommandLine) -> None:
    with start(cli, DO_NOT_TRACK="1"):
        said = cli("enable")
    assert said.code == 1
    assert "DO_NOT_TRACK is set" in said.out


# -- without a daemon ------------------------------------------------------------------------------


def test_a_withdrawal_without_a_daemon_empties_the_spool(cli: CommandLine) -> None:
    with start(cli) as daemon:
        with daemon.client() as client:
            client.emit(TURN, ERROR, TURN)
        daemon.kill9()  # an active segment stays behind
    assert types(cli) == ["ChatTurn", "ChatTurn", "Error"]
    said = cli("disable", "--json")
    assert (said.code, said.json()["deleted"], said.json()["running"]) == (0, 3, False)
    spool = Path(cli.env["TELEMETRY_DATA_DIR"]) / "spool"
    assert list(spool.iterdir()) == []


def test_a_lower_level_without_a_daemon_keeps_what_it_covers(cli: CommandLine) -> None:
    with start(cli) as daemon:
        with daemon.client() as client:
            client.emit(TURN, ERROR)
        daemon.terminate()
    assert cli("level", "error").code == 0
    assert types(cli) == ["Error"]
    with start(cli) as daemon:
        assert daemon.status()["level"] == "error"
        assert [event["event_type"] for event in daemon.pending()] == ["Error"]


def test_a_decision_before_the_first_start_is_kept(cli: CommandLine) -> None:
    assert cli("consent", "deny").code == 0
    with start(cli) as daemon:
        assert daemon.status()["level"] == "off"


def test_a_yes_again_brings_nothing_back(cli: CommandLine) -> None:
    with start(cli) as daemon:
        with daemon.client() as client:
            client.emit(TURN)
        daemon.terminate()
    cli("disable")
    assert cli("enable").code == 0
    with start(cli) as daemon:
        assert daemon.pending() == []


def test_an_opt_in_stays_off_until_the_yes(cli: CommandLine) -> None:
    opt_in = {"TELEMETRY_CONSENT_MODEL": "opt_in"}
    assert cli("status", "--json", env=opt_in).json()["level"] == "off"
    assert cli("enable", env=opt_in).code == 0
    assert cli("status", "--json", env=opt_in).json()["level"] == "usage"


def test_enable_says_where_the_apps_own_settings_stand_in_the_way(cli: CommandLine) -> None:
    said = cli("enable", env={"TELEMETRY_ENABLED": "0"})
    assert said.code == 1
    assert "switched off in the app's settings" in said.out


def test_a_damaged_record_counts_as_no_and_a_new_decision_replaces_it(cli: CommandLine) -> None:
    folder = Path(cli.env["TELEMETRY_DATA_DIR"])
    folder.mkdir()
    (folder / "consent.json").write_text("{")
    assert cli("status", "--json").json()["level"] == "off"
    assert cli("enable").code == 0
    assert cli("status", "--json").json()["level"] == "usage"
    assert (folder / "consent.json.damaged").exists()


def test_a_directory_that_is_held_by_a_silent_process_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision, "_BUSY_S", 0.3)
    paths = DataPaths(tmp_path)
    lock = DirLock(paths.lock_file)
    assert lock.take()
    with pytest.raises(DaemonUnreachableError, match="does not answer"):
        decision.carry_out(Config(), paths, decision.Decision("denied"))
    lock.release()
    assert not paths.consent_file.exists()


def test_the_record_can_be_exported(cli: CommandLine, tmp_path: Path) -> None:
    cli("consent", "grant", "--policy-version", "7")
    cli("disable")
    target = tmp_path / "mine.json"
    assert cli("consent", "export", "--output", str(target)).code == 0
    document = json.loads(target.read_text())
    assert [one["decision"] for one in document["records"]] == ["granted", "denied"]
    assert document == cli("consent", "export").json()


def test_decisions_are_listed_in_words(cli: CommandLine) -> None:
    assert "No decision" in cli("consent", "show").out
    cli("level", "crash")
    assert "granted up to crash" in cli("consent", "show").out


def test_the_key_of_full_content_goes_though_the_terminal_does_not_know_where_it_is(
    cli: CommandLine,
) -> None:
    full = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FULL_CONTENT_KEY": "file"}
    key = Path(cli.env["TELEMETRY_DATA_DIR"]) / "spool.key"
    for verb in (("level", "usage"), ("reset", "--yes")):
        cli("enable")
        assert cli("emit", "ChatTurnFull", "prompt=hello", env=full).code == 0
        assert key.exists()
        said = cli(*verb, env={"TELEMETRY_FULL_CONTENT_KEY": "keychain"})
        assert (said.code, said.err) == (0, "")
        assert not key.exists()


def test_a_report_without_a_daemon_waits_for_the_next_start(cli: CommandLine) -> None:
    said = cli("report", "--error-type", "E", "--message", "cannot read /home/bob/x", "--json")
    assert (said.code, said.json()["stored"]) == (0, True)
    assert "ErrorReport" in types(cli)
    assert said.json()["report_id"] in cli("report", "--list", "--json").out
