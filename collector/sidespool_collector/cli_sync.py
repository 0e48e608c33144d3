"""`sidespool collector sync`: keeps a local copy of a collector's events up to date."""

import os
import sys
from pathlib import Path

import click
import msgspec

from sidespool.errors import ConfigError
from sidespool_collector.cli_group import JSON, collector, run, say

TOKEN_VARIABLE = "SIDESPOOL_READ_TOKEN"  # noqa: S105  # its name


@collector.command(help="Keep a local SQLite copy of a collector up to date.")
@click.option("--from", "url", required=True, help="The collector's URL.")
@click.option("--to", "path", required=True, type=click.Path(path_type=Path), help="The copy.")
@click.option(
    "--token-file", type=click.Path(path_type=Path),
    help=f"A file with a read token; else the variable {TOKEN_VARIABLE}.",
)  # fmt: skip
@JSON
def sync(url: str, path: Path, token_file: Path | None, as_json: bool) -> None:
    """See the command's help."""

    async def work() -> int:
        from sidespool_collector.syncing import sync as bring_up_to_date

        token = _token(token_file)
        if not url.startswith(("https://", "http://")):
            raise ConfigError("--from", "must be a URL such as https://telemetry.example.org")
        done = await bring_up_to_date(url, token, path, None if as_json else _say)
        text = f"{done.events:,} events; {done.hours_fetched:,} hours fetched"
        text += f", {done.hours_removed:,} removed" if done.hours_removed else ""
        say(as_json, msgspec.to_builtins(done), text)
        return 0

    run(work)


def _token(token_file: Path | None) -> str:
    if token_file is None:
        token = os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            raise ConfigError(TOKEN_VARIABLE, "is not set", hint="Or name a --token-file")
        return token
    try:
        return token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("--token-file", f"cannot read {token_file}: {error}") from None


def _say(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} hours", end="", file=sys.stderr, flush=True)  # noqa: T201
