"""Faults of a PostgreSQL store: the database goes, dies, fills up; the collector is killed."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from sidespool.wire.builtin import builtin_catalog
from sidespool_collector.event import Batch
from sidespool_collector.ingest.reader import EventReader, split_lines
from sidespool_collector.store.contract import (
    EventQuery,
    Store,
    StoreBusyError,
)  # fmt: skip
from sidespool_collector.store.postgres.store import PostgresStore
from support.collector_world import NOON_MS, World, event, lines
from support.postgres import Postgres, programs, running

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TODAY_MS = 1_790_000_000_000


def batch(*events: dict[str, Any], key: str | None = None) -> Batch:
    reading = READER.read(split_lines(lines(*events)))
    assert not reading.refused
    return Batch(key, NOON_MS, "t", reading.rows, [])


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: PostgresStore, url: str) -> AsyncIterator[PostgresStore]:
    """A second collector on the same database."""
    opened = PostgresStore(url)
    await opened.open()
    yield opened
    await opened.close()


async def ask(url: str, query: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def tables(url: str) -> list[str]:
    """Names of the event table's partitions and of what was one."""
    found = await ask(
        url, "SELECT relname FROM pg_class WHERE relname ~ '^event_2' AND relkind='r'"
    )
    return sorted(name for (name,) in found)


async def seqs(store: Store) -> list[int]:
    return [e.seq async for chunk in store.export(EventQuery()) for e in chunk]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Postgres]:
    """A server that tests may kill, with fsync on."""
    if programs() is None:
        pytest.skip("not run: PostgreSQL is not installed (Debian package postgresql)")
    yield from running("-c max_connections=50")


async def test_a_database_that_goes_and_comes_back_loses_nothing(
    mortal: Postgres, start_world: Any
) -> None:
    world: World = await start_world(store=await asyncio.to_thread(mortal.new_database))
    assert (await world.send(lines(event(1)), Idempotency_Key="k1"))[1]["accepted"] == 1
    await asyncio.to_thread(mortal.stop)
    for _ in range(2):
        status, _, headers = await world.send(lines(event(2)), Idempotency_Key="k2")
        assert status == 503
        assert int(headers["Retry-After"]) >= 1
    assert (await world.get("/api/v1/health"))[0] == 503
    assert (await world.get("/"))[0] == 503
    await asyncio.to_thread(mortal.start)
    while (await world.send(lines(event(2)), Idempotency_Key="k2"))[0] != 200:
        await asyncio.sleep(0.05)
    assert (await world.send(lines(event(1)), Idempotency_Key="k1"))[1]["duplicates"] == 1
    assert await seqs(world.store) == [1, 2]


async def test_a_database_that_dies_under_load_loses_nothing_that_was_answered(
    mortal: Postgres, start_world: Any
) -> None:
    world: World = await start_world(store=await asyncio.to_thread(mortal.new_database))
    answered: set[int] = set()

    async def send(start: int) -> None:
        for n in range(start, start + 60):
            body = lines(*(event(n * 10 + k, session=f"s{n}") for k in range(10)))
            while (await world.send(body, Idempotency_Key=f"k{n}"))[0] != 200:
                await asyncio.sleep(0.05)
            answered.add(n)

    async def crash() -> None:
        while len(answered) < 30:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(mortal.stop)
        await asyncio.to_thread(mortal.start)

    await asyncio.gather(*(send(start) for start in (0, 100, 200)), crash())
    assert sorted(await seqs(world.store)) == sorted(
        n * 10 + k for s in (0, 100, 200) for n in range(s, s + 60) for k in range(10)
    )


async def test_a_collector_killed_between_accepting_and_answering_counts_once(
    mortal: Postgres, tmp_path: Path
) -> None:
    """Killed at moments around the commit; each batch is sent again until it is answered."""
    url = await asyncio.to_thread(mortal.new_database)
    dice = random.Random(3)
    answered, token = 0, ""
    async with aiohttp.ClientSession() as client:
        for number in range(6):
            body = lines(*(event(number * 100 + k) for k in range(100)))
            for attempt in range(2):
                child, line = await asyncio.to_thread(serve, url, tmp_path)
                token = line.get("tokens", {"ingest": token})["ingest"]
                headers = {
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/x-ndjson",
                    "Idempotency-Key": f"k{number}",
                }
                post = client.post(line["url"] + "/api/v1/events", data=body, headers=headers)
                if attempt == 0:
                    timer = asyncio.get_running_loop().call_later(dice.random() / 20, child.kill)
                try:
                    async with post as got:
                        assert got.status == 200
                        answered += attempt
                except aiohttp.ClientError:
                    assert attempt == 0
                timer.cancel()
                child.kill()
                child.wait()
    assert answered == 6
    assert await ask(url, "SELECT count(*), count(DISTINCT id) FROM event") == [(600, 600)]


def serve(url: str, directory: Path) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
    """A collector as a process of its own, ready."""
    child = subprocess.Popen(
        [sys.executable, "-m", "sidespool_collector.cli", "serve", "--json"],
        env={
            **os.environ, "COLLECTOR_STORE": url, "COLLECTOR_LISTEN": "127.0.0.1:0",
            "XDG_DATA_HOME": str(directory), "COLLECTOR_RETENTION_DAYS": "3650",
        },
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert child.stdout is not None
    return child, json.loads(child.stdout.readline())


@pytest.fixture
def small_disk(mortal: Postgres) -> Iterator[str]:
    """A database on a disk of 12 MB."""
    place = mortal.directory / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"not run: no small file system here ({mounted.stderr.strip()})")
    try:
        os.chown(place, *mortal.owner)
        yield mortal.new_database(place)
    finally:
        mortal.drop_databases_on(place)
        subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_is_told_as_busy_and_heals(small_disk: str) -> None:
    store = PostgresStore(small_disk)
    await store.open()
    text = {"model": "m" * 150}

    async def fill() -> None:
        for n in range(40):
            await store.append(batch(*(event(n * 1000 + k, payload=text) for k in range(1000))))

    with pytest.raises(StoreBusyError, match="full") as caught:
        await fill()
    assert caught.value.retry_after_s >= 30
    held = len(await seqs(store))
    await ask(small_disk, "TRUNCATE event")
    assert (await store.append(batch(event(1)))).accepted == 1
    assert held % 1000 == 0
    await store.close()
