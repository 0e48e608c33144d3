"""Faults of a ClickHouse store on one node: the server goes, dies; the collector is killed."""

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidespool_collector.store.contract import EventQuery, Store
from support.clickhouse import ClickHouse, missing, running
from support.collector_world import World, event, lines


@pytest.fixture(scope="module")
def mortal() -> Iterator[ClickHouse]:
    """A server that tests may kill."""
    if missing():
        pytest.skip(f"not run: {missing()}")
    yield from running()


def crash(server: ClickHouse) -> None:
    """Killed, and started again."""
    server.kill()
    server.start()
    server.wait()


async def seqs(store: Store) -> list[int]:
    return [e.seq async for chunk in store.export(EventQuery()) for e in chunk]


async def test_a_server_that_goes_and_comes_back_loses_nothing(
    mortal: ClickHouse, start_world: Any
) -> None:
    world: World = await start_world(store=mortal.new_database())
    assert (await world.send(lines(event(1)), Idempotency_Key="k1"))[1]["accepted"] == 1
    await asyncio.to_thread(mortal.kill)
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


async def test_a_server_that_dies_under_load_loses_nothing_that_was_answered(
    mortal: ClickHouse, start_world: Any
) -> None:
    world: World = await start_world(store=mortal.new_database())
    answered: set[int] = set()

    async def send(start: int) -> None:
        for n in range(start, start + 40):
            body = lines(*(event(n * 10 + k, session=f"s{n}") for k in range(10)))
            while (await world.send(body, Idempotency_Key=f"k{n}"))[0] != 200:
                await asyncio.sleep(0.05)
            answered.add(n)

    async def dies() -> None:
        while len(answered) < 30:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(crash, mortal)

    await asyncio.gather(*(send(start) for start in (0, 100, 200)), dies())
    assert sorted(await seqs(world.store)) == sorted(
        n * 10 + k for s in (0, 100, 200) for n in range(s, s + 40) for k in range(10)
    )


async def test_a_collector_killed_between_accepting_and_answering_counts_once(
    mortal: ClickHouse, tmp_path: Path
) -> None:
    """Killed at moments around the insert; each batch is sent again until it is answered."""
    url = mortal.new_database()
    dice = random.Random(3)
    token = ""
    async with aiohttp.ClientSession() as client:
        for number in range(4):
            body = lines(*(event(number * 100 + k) for k in range(100)))
            for attempt in range(2):
                child, line = await asyncio.to_thread(serve, url, tmp_path)
                token = line.get("tokens", {"ingest": token})["ingest"]
                headers = {
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/x-ndjson",
                    "Idempotency-Key": f"k{number}",
                }
                if attempt == 0:
                    asyncio.get_running_loop().call_later(dice.random() / 20, child.kill)
                try:
                    post = client.post(line["url"] + "/api/v1/events", data=body, headers=headers)
                    async with post as got:
                        assert got.status == 200
                except aiohttp.ClientError:
                    assert attempt == 0
                child.kill()
                child.wait()
    database = url.rpartition("/")[2]
    assert mortal.ask("SELECT count(), uniqExact(id) FROM event FINAL", database) == "400\t400\n"


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
