"""What verbs share: their options, which data directory is meant, and how they answer.

`--data-dir`, `--app-id` and `--json` may stand before or after the verb; the first two go into the
environment, where every part of Sidespool looks for them.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sidespool.cli.json_flag import JSON, remember_json
from sidespool.config import Config, read_config
from sidespool.runtime.paths import DataPaths, data_paths

Function = TypeVar("Function", bound=Callable[..., Any])


def _into_environment(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def store(_: click.Context, __: click.Parameter, value: Any) -> None:
        if value is not None:
            os.environ[name] = str(value)

    return store


def verb_options(function: Function) -> Function:
    """`--data-dir`, `--app-id` and `--json`; none of them becomes an argument of the verb."""
    for option in (
        click.option(
            "--json", is_flag=True, help="Answer as JSON.", expose_value=False,
            callback=remember_json,
        ),
        click.option(
            "--app-id", help="The application whose daemon is meant [TELEMETRY_APP_ID].",
            expose_value=False, callback=_into_environment("TELEMETRY_APP_ID"),
        ),
        click.option(
            "--data-dir", type=click.Path(path_type=Path), expose_value=False,
            help="The daemon's data directory [TELEMETRY_DATA_DIR].",
            callback=_into_environment("TELEMETRY_DATA_DIR"),
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def wants_json() -> bool:
    """Whether `--json` was given."""
    ctx = click.get_current_context(silent=True)
    return bool(ctx is not None and ctx.find_root().meta.get(JSON))


def place() -> tuple[Config, DataPaths]:
    """The configuration of this environment, and its data directory; raises ConfigError."""
    config = read_config(os.environ)
    return config, data_paths(config)


def is_terminal() -> bool:
    """Whether a person reads standard output: then tables and colours, else plain text."""
    return sys.stdout.isatty()


def say_json(content: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


def say_lines(lines: list[bytes]) -> None:
    """JSON lines, to the byte."""
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
    out.flush()


def answer(content: Any, text: str) -> None:
    """The document where `--json` was given, else the text for a person."""
    if wants_json():
        say_json(content)
    else:
        click.echo(text)


def confirm(question: str, assumed: bool) -> None:
    """Asks where a person can answer; `assumed` is their `--yes`. Raises click.UsageError."""
    if assumed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Say so with --yes")
    click.confirm(question, abort=True)
