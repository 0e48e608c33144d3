"""`sidespool collector serve`: the server, until it is asked to end."""

import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import Any

import click

from sidespool_collector.cli_group import JSON, collector, run, settings_of
from sidespool_collector.settings import Settings, unknown_variables


@collector.command(help="Listen for batches and show the dashboard.")
@click.option("--listen", help="host:port [COLLECTOR_LISTEN, 127.0.0.1:8787]; port 0 takes any.")
@click.option("--store", help="A store's URL [COLLECTOR_STORE].")
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
    gc.freeze()  # what lives from here on are batches, which die by themselves: look for cycles
    gc.set_threshold(50_000, 20, 50)  # seldom, and not at every seven hundredth row
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
    from sidespool_collector.store.opening import shown

    settings = running.collector.settings
    click.echo(f"  store   {shown(settings.store_url)}")
    click.echo(f"  tokens  {settings.tokens_path}")
    if running.fresh is not None:
        click.echo("\nMade two tokens. They are shown this once:")
        click.echo(f"  for daemons (TELEMETRY_TOKEN)  {running.fresh.ingest}")
        click.echo(f"  for the dashboard              {running.fresh.read}")
    click.echo("\nMake more with: sidespool collector token create --role ingest --name desktop")
