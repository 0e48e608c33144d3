"""`sidespool collector …`: the operator's verbs.

Exit codes: 0 done, 1 failed, 2 misuse (a bad setting or argument, named on one line).
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click
import msgspec
from sidespool.errors import SidespoolError

from sidespool_collector.settings import Settings, load_settings, unknown_variables


def run(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Runs a verb and ends with its code; errors become one line."""
    from sidespool_collector.store.contract import StoreBusyError, StoreError

    try:
        sys.exit(asyncio.run(work()))
    except SidespoolError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (StoreError, StoreBusyError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


def settings_of(**given: Any) -> Settings:
    """Settings, or the end with code 2."""
    try:
        return load_settings(**given)
    except SidespoolError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


def say(as_json: bool, value: object, text: str) -> None:
    """One line of JSON, or the text."""
    click.echo(msgspec.json.encode(value).decode() if as_json else text)


JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group(help="The collector: takes batches from daemons, keeps them, shows them.")
def collector() -> None:
    """The group; `sidespool` mounts it."""


@collector.command(help="Listen for batches and show the dashboard.")
@click.option("--listen", help="host:port [COLLECTOR_LISTEN, 127.0.0.1:8787]; port 0 takes any.")
@click.option("--store", help="sqlite:///path [COLLECTOR_STORE].")
@click.option("--tokens-file", type=click.Path(path_type=Path), help="[COLLECTOR_TOKENS_FILE]")
@click.option("--open-dashboard", is_flag=True, help="No login, if only this machine can call.")
@JSON
def serve(
    listen: str | None, store: str | None, tokens_file: Path | None,
    open_dashboard: bool, as_json: bool,
) -> None:  # fmt: skip
    """See the command's help."""
    settings = settings_of(
        listen=listen, store=store, tokens_file=tokens_file,
        open_dashboard=True if open_dashboard else None,
    )  # fmt: skip
    run(lambda: _serve(settings, as_json=as_json))


async def _serve(settings: Settings, *, as_json: bool) -> int:
    from sidespool_collector.server import listening_line, start

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, ended.set)
        except NotImplementedError:  # Windows: asyncio.run turns Ctrl-C into a cancellation
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ended.set))
    for name in unknown_variables():
        click.echo(f"Warning: {name} is not a setting of the collector", err=True)
    running = await start(settings)
    try:
        click.echo(listening_line(running, as_json=as_json))
        if not as_json:
            _greet(running)
        sys.stdout.flush()
        await ended.wait()
    finally:
        await running.close()
    return 0


def _greet(running: Any) -> None:
    settings = running.collector.settings
    click.echo(f"  store   {settings.store_url}")
    click.echo(f"  tokens  {settings.tokens_path}")
    if running.fresh is not None:
        click.echo("\nMade two tokens. They are shown this once:")
        click.echo(f"  for daemons (TELEMETRY_TOKEN)  {running.fresh.ingest}")
        click.echo(f"  for the dashboard              {running.fresh.read}")
    click.echo("\nMake more with: sidespool collector token create --role ingest --name desktop")


if __name__ == "__main__":
    collector()
