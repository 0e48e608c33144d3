"""The group of verbs: help, misuse, errors, and what each verb loads."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sidespool.cli.verbs import HIDDEN, VERBS
from support.command_line import CommandLine
from support.daemon import clean_environment

CONTRACT = (
    "run", "demo", "status", "enable", "disable", "level", "consent", "preview", "pending",
    "history", "flush", "emit", "doctor", "scrub", "token", "catalog", "mcp", "collector",
)  # fmt: skip


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def loaded(code: str, data_dir: Path) -> set[str]:
    """Modules that are loaded after the code ran."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        env=clean_environment({"TELEMETRY_DATA_DIR": str(data_dir)}),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(done.stdout.split())


def test_help_names_every_verb_of_the_contract(cli: CommandLine) -> None:
    said = cli("--help")
    assert said.code == 0
    assert [verb for verb in CONTRACT if f"\n  {verb} " not in said.out] == []


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"run"}))
def test_every_verb_can_be_loaded_and_explains_itself(cli: CommandLine, verb: str) -> None:
    said = cli(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: sidespool {verb}")


def test_the_table_holds_one_sentence_for_each_verb() -> None:
    assert all(text.endswith(".") and len(text) < 70 for _, text in VERBS.values())
    assert set(VERBS) >= HIDDEN


def test_an_unknown_verb_suggests_the_nearest(cli: CommandLine) -> None:
    said = cli("statsu")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "sidespool: there is no verb 'statsu'; did you mean `status`? See `sidespool --help`\n"
    )


def test_a_verb_like_no_other_is_misuse(cli: CommandLine) -> None:
    said = cli("xyzzy")
    assert said.code == 2
    assert "`sidespool --help` lists all" in said.err


def test_no_verb_at_all_shows_the_help_and_is_misuse(cli: CommandLine) -> None:
    said = cli()
    assert said.code == 2
    assert "Verbs:" in said.out


@pytest.mark.parametrize(
    "args",
    [("emit",), ("level",), ("level", "loud"), ("status", "extra"), ("flush", "--nonsense"),
     ("emit", "ChatTurn", "no-equals-sign"), ("emit", "ChatTurn", "{not json")],
)  # fmt: skip
def test_misuse_is_one_line_and_exit_code_2(cli: CommandLine, args: tuple[str, ...]) -> None:
    said = cli(*args)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert f"sidespool {args[0]} --help" in said.err


def test_a_verb_that_needs_a_daemon_says_what_to_start(cli: CommandLine) -> None:
    said = cli("view")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "Start the app, or `sidespool run`" in said.err


def test_with_json_an_error_is_json(cli: CommandLine) -> None:
    said = cli("view", "--json")
    assert said.code == 1
    assert said.err == ""
    assert said.json()["hint"] == "Start the app, or `sidespool run`"


def test_a_bad_setting_is_misuse_and_names_the_variable(cli: CommandLine) -> None:
    said = cli("status", env={"TELEMETRY_LEVEL": "loud"})
    assert said.code == 2
    assert "TELEMETRY_LEVEL" in said.err


def test_the_data_directory_may_stand_before_or_after_the_verb(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "other")
    wanted = str(tmp_path / "named")
    for args in (("--data-dir", wanted, "status"), ("status", "--data-dir", wanted)):
        assert cli(*args, "--json").json()["data_dir"] == wanted


def test_the_app_id_chooses_the_default_directory(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    env = {"TELEMETRY_DATA_DIR": "", "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    said = cli("status", "--app-id", "patchwork", "--json", env=env).json()
    assert said["app_id"] == "patchwork"
    assert "patchwork" in said["data_dir"]


def test_run_starts_without_the_command_line_library(tmp_path: Path) -> None:
    modules = loaded("import sidespool.cli.run", tmp_path)
    assert modules.isdisjoint({"click", "rich", "jinja2", "sidespool.cli.verbs"})


@pytest.mark.parametrize(
    ("args", "unwanted"),
    [
        (["emit", "ChatTurn", "model=x"], {"rich", "jinja2", "aiohttp", "pydantic", "asyncio"}),
        (["pending"], {"rich", "jinja2", "aiohttp", "pydantic"}),
        (["status", "--json"], {"rich", "jinja2", "aiohttp", "pydantic"}),
        (["--help"], {"rich", "jinja2", "sidespool_collector", "sidespool.config"}),
    ],
)
def test_a_verb_loads_only_what_it_needs(
    tmp_path: Path, args: list[str], unwanted: set[str]
) -> None:
    code = f"from sidespool.cli.verbs import main; main({args!r})"
    assert loaded(code, tmp_path) & unwanted == set()


@pytest.mark.parametrize("library", ["jinja2", "prometheus_client"])
def test_a_missing_extra_says_what_to_install(library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from sidespool.cli.verbs import main; sys.exit(main(['collector', 'serve']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment({}),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'sidespool[collector]'" in done.stderr


def test_run_before_options_reaches_the_same_daemon(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "unused")
    said = cli("--data-dir", str(tmp_path / "data"), "run", "--exit-with-stdin", "--json")
    assert said.code == 0
    assert json.loads(said.out)["op"] == "ready"
    assert (tmp_path / "data" / "spool").is_dir()


def test_an_output_that_is_no_longer_read_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m sidespool --help | head -1", shell=True,
        env=clean_environment({}), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
@pytest.mark.parametrize("verb", ["status", "doctor"])
def test_a_terminal_gets_colours_unless_it_asks_for_none(
    tmp_path: Path, verb: str, env: dict[str, str], coloured: bool
) -> None:
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sidespool", verb],
        env=clean_environment(
            {"TELEMETRY_DATA_DIR": str(tmp_path / "data"), "TERM": "xterm-256color", **env}
        ),
        stdout=terminal, stderr=terminal, stdin=terminal,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says EIO where the terminal is closed
        while piece := os.read(screen, 65536):
            shown += piece
    os.close(screen)
    assert process.wait(30) == 0
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-7]", shown)) is coloured
