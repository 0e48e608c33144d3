"""`sidespool collector migrate`: moves a store to another, and its files where those lie beside."""

import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from sidespool_collector.cli_group import JSON, collector, run, say, settings_of
from sidespool_collector.settings import Settings

REPORT_EVERY_S = 1.0


@collector.command(help="Move a store to another; run it again to go on after an interruption.")
@click.option("--from", "source", required=True, help="The URL of the store that is.")
@click.option("--to", "target", required=True, help="The URL of an empty store.")
@JSON
def migrate(source: str, target: str, as_json: bool) -> None:
    """See the command's help."""
    old, new = settings_of(store=source), settings_of(store=target)
    run(lambda: _migrate(old, new, as_json=as_json))


async def _migrate(old: Settings, new: Settings, *, as_json: bool) -> int:
    from sidespool_collector.moving import adopt, move

    async with _opened(old.store_url) as source:
        async with _opened(new.store_url) as target:
            state = await adopt(source, target)
        async with _opened(new.store_url) as target:
            moved = await move(source, target, state, Ticker())
            files = 0  # in a bucket they stay where they are
            if not new.attachments_url:
                files = await _copy_files(source, old.attachments_path, new.attachments_path)
    value = {**msgspec.to_builtins(moved), "files": files}
    if moved.was_done:
        text = f"Nothing to do: moved already, {moved.events:,} events"
    else:
        text = f"{moved.events:,} of {moved.expected:,} events, {files:,} files"
    is_whole = moved.events >= moved.expected
    hint = "" if is_whole else " (the rest belongs to users who are being erased, or was purged)"
    say(as_json, value, text + hint)
    return 0


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Any]:
    from sidespool_collector.store.opening import store_of

    store = store_of(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class Ticker:
    """Says on standard error how far it is, once a second."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def __call__(self, what: str, done: int, expected: int) -> None:
        """`done` of `expected`."""
        now = time.monotonic()
        if now - self._said < REPORT_EVERY_S:
            return
        self._said = now
        rate = done / (now - self._began)
        share = f" of {expected:,}" if expected else ""
        print(f"{what}: {done:,}{share}, {rate:,.0f} a second", file=sys.stderr, flush=True)  # noqa: T201


async def _copy_files(source: Any, old: Path, new: Path) -> int:
    """Attachments lie beside an embedded store: those the new place lacks are copied."""
    from sidespool_collector.attachment import FileStore

    here, there = FileStore(old), FileStore(new)
    after: tuple[Any, ...] | None = None
    count = 0
    while rows := await source.dump("attachment", after, 1000):
        after = tuple(rows[-1][:2])
        for digest in {row[4] for row in rows}:
            if here.exists(digest) and not there.exists(digest):
                _copy(here.path(digest), there.path(digest))
                count += 1
    return count


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = target.with_suffix(".incoming")
    shutil.copyfile(source, beside)
    beside.replace(target)
