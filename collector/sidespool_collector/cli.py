"""`sidespool collector …`: the operator's verbs.

Exit codes: 0 done, 1 failed, 2 misuse (a bad setting or argument, named on one line).
"""

import asyncio
import contextlib
import gc
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from sidespool.errors import CatalogError, ConfigError, SidespoolError
from sidespool_collector.settings import Settings, load_settings, unknown_variables


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turns errors into one line and the right exit code."""
    from sidespool_collector.store.contract import StoreBusyError, StoreError

    try:
        yield
    except (ConfigError, CatalogError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (SidespoolError, StoreError, StoreBusyError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


def run(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Runs a verb and ends with its code."""
    with reported(), asyncio.Runner(loop_factory=_fast_loop()) as runner:
        code = runner.run(work())
    sys.exit(code)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop where it is installed: a third more batches a second on one core."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def settings_of(**given: Any) -> Settings:
    """Settings, or the end with code 2."""
    with reported():
        return load_settings(**given)


def say(as_json: bool, value: object, text: str) -> None:
    """One line of JSON, or the text."""
    click.echo(msgspec.json.encode(value).decode() if as_json else text)


DAY_MS = 86_400_000
JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group(help="The collector: takes batches from daemons, keeps them, shows them.")
def collector() -> None:
    """The group; `sidespool` mounts it."""


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


@collector.group(help="Who may send, read and administer.")
def token() -> None:
    """Verbs on the tokens file."""


NAME = click.option("--name", required=True, help="What the token is for; shown in the audit log.")
FILE = click.option(
    "--tokens-file", type=click.Path(path_type=Path), help="[COLLECTOR_TOKENS_FILE]"
)


def _tokens(tokens_file: Path | None) -> Any:
    from sidespool_collector.auth.tokens import TokenFile

    return TokenFile(settings_of(tokens_file=tokens_file).tokens_path)


def _now() -> int:
    return time.time_ns() // 1_000_000


@token.command("create", help="Make a token; its secret is shown this once.")
@NAME
@click.option("--role", type=click.Choice(["ingest", "read", "admin"]), required=True)
@click.option("--expires-days", type=click.IntRange(1, 3650), help="Never, unless given.")
@FILE
@JSON
def token_create(
    name: str, role: str, expires_days: int | None, tokens_file: Path | None, as_json: bool
) -> None:
    """See the command's help."""
    from sidespool_collector.auth.tokens import Role

    expires = _now() + expires_days * DAY_MS if expires_days else None
    with reported():
        secret = _tokens(tokens_file).create(name, Role(role), _now(), expires)
    say(as_json, {"name": name, "role": role, "token": secret, "expires_ms": expires}, secret)


@token.command("list", help="Show names, roles and state; never secrets.")
@FILE
@JSON
def token_list(tokens_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        found = _tokens(tokens_file).book.tokens
    now = _now()
    rows = [
        {"name": t.name, "role": t.role, "state": _state(t, now), "expires_ms": t.expires_ms}
        for t in found
    ]
    lines = [f"{r['name']:<24} {r['role']:<8} {r['state']}" for r in rows]
    say(as_json, rows, "\n".join(lines) or "No tokens yet: sidespool collector token create")


def _state(token: Any, now: int) -> str:
    if token.revoked_ms is not None:
        return "revoked"
    if token.expires_ms is None:
        return "valid"
    return "valid until it expires" if now < token.expires_ms else "expired"


@token.command("revoke", help="End a token at once.")
@NAME
@FILE
@JSON
def token_revoke(name: str, tokens_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        ended = _tokens(tokens_file).revoke(name, _now())
    say(as_json, {"revoked": ended}, f"Revoked {ended} token(s) named {name}")
    sys.exit(0 if ended else 1)


@token.command("rotate", help="Make a new secret for a name; the old one works on for a while.")
@NAME
@click.option("--grace-hours", type=click.IntRange(0, 8760), default=24, show_default=True)
@FILE
@JSON
def token_rotate(name: str, grace_hours: int, tokens_file: Path | None, as_json: bool) -> None:
    """See the command's help."""
    with reported():
        secret = _tokens(tokens_file).rotate(name, _now(), grace_hours * 3_600_000)
    if secret is None:
        click.echo(f"Error: no valid token is named {name}", err=True)
        sys.exit(1)
    say(as_json, {"name": name, "token": secret, "grace_hours": grace_hours}, secret)


from sidespool_collector import cli_alert, cli_migrate, cli_store, cli_sync  # noqa: E402, F401  # add their verbs

if __name__ == "__main__":
    from sidespool_collector.cli import collector as whole  # with the verbs of cli_store

    whole()
