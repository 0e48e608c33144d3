"""docs/cli.md holds every verb and option, and is as the commands are."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sidespool.cli.flags import Flags
from sidespool.cli.reference import PAGE, render_reference
from sidespool.cli.verbs import HIDDEN, VERBS, sidespool

ROOT = Path(__file__).parents[2]


def commands() -> Iterator[tuple[str, click.Command]]:
    root = click.Context(sidespool, info_name="sidespool")
    for name in set(VERBS) - HIDDEN:
        found = sidespool.get_command(root, name)
        assert found is not None
        yield from below(f"sidespool {name}", found)


def below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            if not inner.hidden:
                yield from below(f"{path} {name}", inner)


def test_the_page_is_as_the_commands_are() -> None:
    assert (ROOT / PAGE).read_text() == render_reference(), "run `sidespool reference`"


def test_every_verb_and_every_option_appears() -> None:
    page = (ROOT / PAGE).read_text()
    missing = [
        f"{path} {option.opts[0]}"
        for path, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and option.opts[0] not in page
    ]
    assert missing == []
    assert [path for path, _ in commands() if f"# {path}\n" not in page] == []


def test_every_verb_takes_json() -> None:
    without = [
        path
        for path, command in commands()
        if not isinstance(command, click.Group)
        and not any("--json" in param.opts for param in command.params)
    ]
    assert without == []


@pytest.mark.parametrize("path_and_command", [c for c in commands() if c[0] == "sidespool run"])
def test_the_daemon_takes_the_flags_that_the_reference_shows(
    path_and_command: tuple[str, click.Command],
) -> None:
    options = [o for o in path_and_command[1].params if isinstance(o, click.Option)]
    words = [[o.opts[0]] if o.is_flag else [o.opts[0], "1"] for o in options]
    assert Flags([word for pair in words for word in pair]).problem == ""
