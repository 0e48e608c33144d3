"""status, with and without a daemon, for people and for programs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sidespool.cli import status_view
from sidespool.cli.status_text import headline, plain_lines
from support.command_line import CommandLine
from support.daemon import start_daemon

TURN = {"event_type": "ChatTurn", "payload": {"model": "m"}}


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def test_a_running_daemon_tells_its_level_and_every_layer(cli: CommandLine) -> None:
    with start_daemon({**cli.env, "DO_NOT_TRACK": "1"}):
        document = cli("status", "--json").json()
        said = cli("status").out
    assert (document["running"], document["level"]) == (True, "off")
    assert [say["layer"] for say in document["layers"]] == [
        "administrator", "do_not_track", "feature", "app_settings", "consent",
    ]  # fmt: skip
    assert said.startswith("Nothing is collected: DO_NOT_TRACK is set.\n")


def test_without_a_daemon_the_data_directory_is_read(cli: CommandLine) -> None:
    with start_daemon({**cli.env, "TELEMETRY_FLUSH_INTERVAL_S": "600"}) as daemon:
        with daemon.client() as client:
            client.emit(TURN, TURN, {"event_type": "Nonsense"})
        before = daemon.status()
        daemon.terminate()
    after = cli("status", "--json").json()
    assert after["running"] is False
    for same in ("user_id", "level", "decided_by", "data_dir"):
        assert after[same] == before[same]
    assert after["tally"]["rejected"] == {"unknown_event": 1}
    assert after["spool"]["events"] == after["tally"]["in_spool"] >= 2


def test_reading_a_data_directory_changes_nothing_in_it(cli: CommandLine) -> None:
    with start_daemon(cli.env) as daemon:
        with daemon.client() as client:
            client.emit(TURN)
        daemon.kill9()
    folder = Path(cli.env["TELEMETRY_DATA_DIR"])

    def picture() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    before = picture()
    for verb in ("status", "pending", "history"):
        assert cli(verb).code == 0
    assert picture() == before


def test_a_directory_that_does_not_exist_is_not_made(cli: CommandLine) -> None:
    assert cli("status").code == 0
    assert not Path(cli.env["TELEMETRY_DATA_DIR"]).exists()


def test_a_misspelt_setting_is_a_warning(cli: CommandLine) -> None:
    said = cli("status", env={"TELEMETRY_ENDPIONT": "x"})
    assert "warning: TELEMETRY_ENDPIONT is not a setting; did you mean TELEMETRY_ENDPOINT?" in (
        said.out
    )


def test_the_settings_file_has_its_say_without_a_daemon(cli: CommandLine, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"telemetryEnabled": False}))
    said = cli("status", "--json", env={"TELEMETRY_SETTINGS_FILE": str(settings)}).json()
    assert (said["level"], said["decided_by"]) == ("off", "app_settings")


def document_of(cli: CommandLine) -> dict[str, Any]:
    found: dict[str, Any] = cli("status", "--json").json()
    return found


def test_piped_output_has_no_colours(cli: CommandLine) -> None:
    assert "\x1b" not in cli("status", env={"FORCE_COLOR": "1"}).out


def test_the_terminal_shows_the_same_facts(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(record=True, force_terminal=True, width=120, no_color=True)
    monkeypatch.setattr(status_view, "Console", lambda **_: console)
    document = document_of(cli)
    status_view.show_status(document)
    shown = re.sub(r"\s+", " ", console.export_text())
    for line in plain_lines(document):
        assert all(word in shown for word in line.replace("*", "").split())


def test_no_color_is_honoured(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    status_view.show_status(document_of(cli))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", capsys.readouterr().out)


def test_nothing_limits_the_highest_level() -> None:
    assert headline({"level": "full", "because": ""}) == "The level is full: nothing limits it."
