"""What all of the operator's verbs share: the group itself, errors as one line, exit codes.

Exit codes: 0 done, 1 failed, 2 misuse (a bad setting or argument, named on one line).
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import click
import msgspec

from sidespool.errors import CatalogError, ConfigError, SidespoolError
from sidespool_collector.settings import Settings, load_settings


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
