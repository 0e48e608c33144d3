"""The operator's verbs on the store: export, stats, purge, delete, audit.

They open the store themselves and may run beside a serving collector: SQLite lets one write at a
time, and the server notices that another process wrote.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from sidespool.errors import ConfigError
from sidespool.wire.event import format_time, parse_time
from sidespool_collector.cli_group import DAY_MS, JSON, collector, run, say, settings_of
from sidespool_collector.settings import Settings

STORE = click.option("--store", help="A store's URL [COLLECTOR_STORE].")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Any]:
    """The store, for the time of a verb."""
    from sidespool_collector.store.opening import store_of

    store = store_of(settings.store_url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def with_store(store: str | None, verb: Callable[[Any, Settings], Awaitable[int]]) -> None:
    """Runs a verb on the store of the settings."""
    settings = settings_of(store=store)

    async def work() -> int:
        async with opened(settings) as found:
            return await verb(found, settings)

    run(work)


def moment(text: str | None, name: str, *, is_end: bool = False) -> int | None:
    """A date or an RFC 3339 time as Unix ms; a date as the end includes that day."""
    if text is None:
        return None
    found = parse_time(text if "T" in text else f"{text}T00:00:00Z")
    if found is None:
        raise ConfigError(name, "must be a date or an RFC 3339 time, such as 2026-11-21")
    return found + DAY_MS if is_end and "T" not in text else found


@collector.command(help="Write events to a file or standard output.")
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv", "sqlite", "parquet"]), default="jsonl"
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Standard output if absent.")
@click.option("--from", "since", help="A date or time, inclusive.")
@click.option("--to", "until", help="A date, inclusive, or a time, exclusive.")
@click.option("--event-type", multiple=True)
@STORE
@JSON
def export(
    kind: str, output: Path | None, since: str | None, until: str | None,
    event_type: tuple[str, ...], store: str | None, as_json: bool,
) -> None:  # fmt: skip
    """See the command's help."""

    async def verb(found: Any, _: Settings) -> int:
        from sidespool_collector.store.contract import EventQuery

        query = EventQuery(moment(since, "--from"), moment(until, "--to", is_end=True), event_type)
        words = [kind, since or "", until or "", ",".join(event_type)]
        await _note(found, "export", " ".join(filter(None, words))[:300])
        if kind in ("sqlite", "parquet"):
            count = await _whole_file(kind, output, found.export(query))
        else:
            count = await _stream(kind, output, found.export(query))
        if output is not None:
            say(as_json, {"events": count, "file": str(output)}, f"{count} events in {output}")
        return 0

    with_store(store, verb)


async def _whole_file(kind: str, output: Path | None, chunks: AsyncIterator[Any]) -> int:
    from sidespool_collector.writing import MissingExtraError, write_file

    if output is None:
        raise ConfigError("--output", f"is needed for {kind}", hint="Name a file with -o")
    if await asyncio.to_thread(output.exists):
        raise ConfigError("--output", f"{output} exists already")
    try:
        return await write_file(kind, output, chunks)
    except MissingExtraError:
        raise ConfigError(
            "--format", "parquet needs an optional part", hint="pip install 'sidespool[collector]'"
        ) from None


async def _stream(kind: str, output: Path | None, chunks: AsyncIterator[Any]) -> int:
    if output is None:
        return await _write_lines(kind, sys.stdout.buffer, chunks)
    with output.open("wb") as file:
        return await _write_lines(kind, file, chunks)


async def _write_lines(kind: str, file: BinaryIO, chunks: AsyncIterator[Any]) -> int:
    from sidespool_collector.writing import csv_bytes, csv_head, jsonl_bytes

    count = 0
    if kind == "csv":
        file.write(csv_head())
    encode = csv_bytes if kind == "csv" else jsonl_bytes
    async for chunk in chunks:
        await asyncio.to_thread(file.write, encode(chunk))
        count += len(chunk)
    file.flush()
    return count


@collector.command(help="Say what the store holds.")
@STORE
@JSON
def stats(store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, settings: Settings) -> int:
        await found.refresh(3600)
        holding = await found.holding()
        value = {
            **msgspec.to_builtins(holding),
            "store": found.name,
            "bytes_per_event": round(holding.size_bytes / holding.events)
            if holding.events
            else None,
        }
        lines = [
            f"events       {holding.events:,}",
            *(f"  {name:<18} {n:,}" for name, n in sorted(holding.by_type.items())),
            f"size         {holding.size_bytes / 1e6:,.1f} MB",
            f"oldest       {_time(holding.oldest_ms)}",
            f"newest       {_time(holding.newest_ms)}",
            f"rejected     {holding.rejected:,}",
            f"attachments  {holding.attachments:,}, {holding.attachment_bytes / 1e6:,.1f} MB",
            f"deletions    {holding.pending_deletions} open",
            f"kept for     at most {settings.retention_days} days",
        ]
        say(as_json, value, "\n".join(lines))
        return 0

    with_store(store, verb)


@collector.command(help="Remove what is older than its retention.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@STORE
@JSON
def purge(dry_run: bool, store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, settings: Settings) -> int:
        from sidespool_collector.attachment_place import files_of
        from sidespool_collector.jobs import purge as purge_expired
        from sidespool_collector.server import load_catalog

        catalog = load_catalog(settings)
        files = files_of(settings)
        counts = await purge_expired(found, files, catalog, settings, dry_run=dry_run)
        if not dry_run:
            await _note(found, "purge", f"{sum(counts.values())} rows")
        total = sum(counts.values())
        verb_text = "would go" if dry_run else "removed"
        lines = [f"  {name:<18} {n:,}" for name, n in sorted(counts.items())]
        value = {"dry_run": dry_run, "total": total, "by_type": counts}
        say(as_json, value, "\n".join([f"{total:,} rows {verb_text}", *lines]))
        return 0

    with_store(store, verb)


@collector.command(help="Erase everything of these user ids, wait for it, and prove it by a scan.")
@click.argument("user_ids", nargs=-1, required=True)
@STORE
@JSON
def delete(user_ids: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, settings: Settings) -> int:
        from sidespool_collector.attachment_place import files_of
        from sidespool_collector.forwarding import Forwarder

        receipt = secrets.token_urlsafe(24)
        files = files_of(settings)
        await found.request_erasure(list(user_ids), receipt, _now())
        waiting = Forwarder("", "", settings.forward_path, lambda *_: None)
        await waiting.erase(list(user_ids))
        await found.erase_pending(_now(), files.unlink)
        await _note(found, "deletion", f"{len(user_ids)} ids")
        erasure = await found.erasure(receipt)
        left = sum([await found.scan(user) for user in user_ids])
        text = f"{erasure.state}: {erasure.events} events, {erasure.attachments} attachments; "
        value = {**msgspec.to_builtins(erasure), "rows_left": left}
        say(as_json, value, text + f"a scan finds {left} rows left. Receipt {receipt}")
        return 0 if left == 0 else 1

    with_store(store, verb)


@collector.command(help="Show who did what, newest first.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@STORE
@JSON
def audit(limit: int, store: str | None, as_json: bool) -> None:
    """See the command's help."""

    async def verb(found: Any, settings: Settings) -> int:
        acts = [*await found.audit(limit), *_token_acts(settings)]
        acts = sorted(acts, key=lambda act: -act.at_ms)[:limit]
        lines = [f"{format_time(a.at_ms)}  {a.who:<20} {a.act} {a.detail}" for a in acts]
        say(as_json, acts, "\n".join(lines) or "Nothing yet")
        return 0

    with_store(store, verb)


def _token_acts(settings: Settings) -> list[Any]:
    """What was done to the tokens file, which keeps its own record: it needs no store."""
    from sidespool_collector.auth.tokens import TokenFile
    from sidespool_collector.store.contract import Act

    tokens = TokenFile(settings.tokens_path)
    acts = tokens.book.acts if tokens.path.exists() else []
    return [Act(act.at_ms, "command line", act.act, act.name) for act in reversed(acts)]


async def _note(store: Any, act: str, detail: str) -> None:
    from sidespool_collector.store.contract import Act

    await store.note([Act(_now(), "command line", act, detail)])


def _time(ms: int | None) -> str:
    return "-" if ms is None else format_time(ms)


def _now() -> int:
    return time.time_ns() // 1_000_000
