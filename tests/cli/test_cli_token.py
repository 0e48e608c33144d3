"""token: into the keychain from standard input, and never on a command line or a screen."""

from pathlib import Path

import pytest

from support.command_line import CommandLine

TESTS = Path(__file__).parents[1]
SECRET = "ss_very-secret-0123456789"


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(
        tmp_path / "data",
        PYTHON_KEYRING_BACKEND="support.file_keyring.FileKeyring",
        TEST_KEYRING_FILE=str(tmp_path / "keys.json"),
        PYTHONPATH=str(TESTS),
    )


def test_a_token_from_standard_input_is_found_in_the_keychain(cli: CommandLine) -> None:
    assert cli("token", "show-source").code == 1
    said = cli("token", "set", stdin=SECRET + "\n")
    assert said.code == 0
    assert SECRET not in said.out + said.err
    shown = cli("token", "show-source")
    assert (shown.code, SECRET in shown.out) == (0, False)
    assert "the keychain" in shown.out


def test_a_cleared_token_is_gone(cli: CommandLine) -> None:
    cli("token", "set", stdin=SECRET)
    assert cli("token", "clear", "--yes", "--json").json()["removed"] is True
    assert cli("token", "clear", "--yes", "--json").json()["removed"] is False
    assert cli("token", "show-source").code == 1


def test_clearing_asks_unless_told_not_to(cli: CommandLine) -> None:
    assert cli("token", "clear").code == 2


def test_each_application_has_its_own_token(cli: CommandLine) -> None:
    cli("token", "set", stdin=SECRET)
    assert cli("--app-id", "other", "token", "show-source").code == 1


def test_the_environment_comes_before_the_keychain(cli: CommandLine) -> None:
    said = cli("token", "show-source", "--json", env={"TELEMETRY_TOKEN": SECRET})
    assert said.json()["source"] == "TELEMETRY_TOKEN"


@pytest.mark.parametrize("given", ["", "two words\n", "schlüssel\n"])
def test_what_cannot_be_a_token_is_misuse(cli: CommandLine, given: str) -> None:
    assert cli("token", "set", stdin=given).code == 2


def test_a_keychain_that_keeps_nothing_is_said_so(cli: CommandLine) -> None:
    null = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    said = cli("token", "set", stdin=SECRET, env=null)
    assert said.code == 1
    assert "keeps nothing" in said.err
    assert "TELEMETRY_TOKEN" in said.err
