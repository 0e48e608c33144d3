"""A local copy: the same events as the collector, after whatever happened there."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sidespool.errors import ConfigError, SidespoolError
from sidespool_collector.cli import collector
from sidespool_collector.syncing import sync
from support.collector_world import NOON_MS, World, event, lines

StartWorld = Callable[..., Awaitable[World]]
HOUR_MS = 3_600_000


def copied(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT event_id FROM events ORDER BY event_id")]


async def exported(world: World) -> list[str]:
    text = (await world.get("/api/v1/export"))[1]
    return sorted(json.loads(line)["event_id"] for line in text.splitlines())


async def test_a_copy_follows_late_events_erasures_and_purges(world: World, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"

    async def run() -> tuple[int, int]:
        done = await sync(world.url, world.tokens["read"], path)
        assert copied(path) == await exported(world)
        assert done.events == len(copied(path))
        return done.hours_fetched, done.hours_removed

    assert await run() == (0, 0)
    old = NOON_MS - 40 * 24 * HOUR_MS
    events = [event(n, at_ms=NOON_MS + n * HOUR_MS // 2, user=f"u{n % 3}") for n in range(8)]
    await world.send(lines(*events, event(90, at_ms=old, session="old")))
    assert await run() == (5, 0)
    assert await run() == (0, 0)
    late = event(99, at_ms=NOON_MS + HOUR_MS + 1, user="u1", payload={"model": "m1"})
    await world.send(lines(late))
    assert await run() == (1, 0)
    await world.store.request_erasure(["u1"], "receipt", 1)
    await world.store.erase_pending(2, lambda _: None)
    assert (await run())[0] >= 4
    assert await run() == (0, 0)
    await world.store.purge({}, NOON_MS - HOUR_MS, dry_run=False)
    assert await run() == (0, 1)


async def test_a_copy_of_another_collector_is_left_alone(
    start_world: StartWorld, tmp_path: Path
) -> None:
    world = await start_world()
    path = tmp_path / "copy.db"
    await sync(world.url, world.tokens["read"], path)
    with pytest.raises(ConfigError, match="is a copy of"):
        await sync("http://127.0.0.1:1", "t", path)
    with pytest.raises(SidespoolError, match="cannot be reached"):
        await sync("http://127.0.0.1:1", "t", tmp_path / "other.db")
    with pytest.raises(SidespoolError, match="role read"):
        await sync(world.url, world.tokens["ingest"], path)
    (tmp_path / "broken.db").write_text("no database" * 99)
    with pytest.raises(ConfigError, match="cannot be used"):
        await sync(world.url, world.tokens["read"], tmp_path / "broken.db")


async def test_the_command_says_what_it_did(
    start_world: StartWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await start_world()
    await world.send(lines(event(1)))
    words = ["sync", "--from", world.url, "--to", str(tmp_path / "copy.db"), "--json"]

    def call(*more: str) -> Any:
        return CliRunner().invoke(collector, [*words, *more])

    assert (await asyncio.to_thread(call)).exit_code == 2
    monkeypatch.setenv("SIDESPOOL_READ_TOKEN", world.tokens["read"])
    done = await asyncio.to_thread(call)
    assert json.loads(done.stdout) == {"hours_fetched": 1, "hours_removed": 0, "events": 1}
    (tmp_path / "token").write_text(world.tokens["read"] + "\n")
    again = await asyncio.to_thread(call, "--token-file", str(tmp_path / "token"))
    assert json.loads(again.stdout)["hours_fetched"] == 0
