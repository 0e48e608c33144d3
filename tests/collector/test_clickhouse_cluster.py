"""Three ClickHouse replicas with their ZooKeeper: nodes die, come back, and disagree about nothing.

One cluster a worker, and one database for all tests of it: making replicated tables takes longest.
Each test has users, ids and sessions of its own.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from sidespool.wire.builtin import builtin_catalog
from sidespool_collector.event import Batch
from sidespool_collector.ingest.reader import EventReader, split_lines
from sidespool_collector.store.clickhouse.store import ClickHouseStore
from sidespool_collector.store.contract import EventQuery, FactQuery, Store, StoreBusyError
from support import nginx
from support.clickhouse import Cluster, missing_cluster, running_cluster
from support.collector_world import NOON_MS, World, event, lines

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
DATABASE = "shared"
DAY_MS = 86_400_000
_TESTS = itertools.count(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if missing_cluster():
        pytest.skip(f"not run: {missing_cluster()}")
    yield from running_cluster()


@pytest.fixture
def at_ms() -> int:
    """A day of this test's own, so that its figures are its own too."""
    return NOON_MS - 3 * DAY_MS * next(_TESTS)


@pytest.fixture
async def stores(cluster: Cluster) -> AsyncIterator[list[ClickHouseStore]]:
    """Three collectors, each with a node that it prefers."""
    found = []
    for first in range(3):
        order = [first, (first + 1) % 3, (first + 2) % 3]
        opened = ClickHouseStore(cluster.url(DATABASE, *order), quiet_s=0.05)
        await opened.open()
        found.append(opened)
    yield found
    for each in found:
        await each.close()


def batch(*events: dict[str, Any], key: str | None = None) -> Batch:
    reading = READER.read(split_lines(lines(*events)))
    assert not reading.refused
    return Batch(key, NOON_MS, "t", reading.rows, [])


def rows(at_ms: int, start: int, count: int, user: str) -> list[dict[str, Any]]:
    return [
        event(n, at_ms=at_ms, user=user, session=f"s-{user}") for n in range(start, start + count)
    ]


async def seqs(store: Store, at_ms: int) -> list[int]:
    query = EventQuery(at_ms - DAY_MS, at_ms + DAY_MS)
    return sorted([e.seq async for chunk in store.export(query) for e in chunk])


async def until_seqs(store: Store, at_ms: int, expected: list[int]) -> None:
    """A replica shows what its peers took in a moment later."""
    while await seqs(store, at_ms) != expected:
        await asyncio.sleep(0.05)


def held(cluster: Cluster, node: int, user: str) -> int:
    """Events of a user in one node's own parts."""
    query = f"SELECT uniqExact(id) FROM event WHERE user_id = '{user}'"
    return int(cluster.nodes[node].ask(query, DATABASE))


async def until_held(cluster: Cluster, node: int, user: str, count: int) -> None:
    """Waits until a node has caught up."""
    while await asyncio.to_thread(held, cluster, node, user) != count:
        await asyncio.sleep(0.05)


async def test_events_go_in_by_any_node_and_are_found_by_every_other(
    stores: list[ClickHouseStore], cluster: Cluster, at_ms: int
) -> None:
    for n, store in enumerate(stores):
        receipt = await store.append(batch(*rows(at_ms, n * 50, 50, "any")))
        assert receipt.accepted == 50
    for node in range(3):
        await until_held(cluster, node, "any", 150)
    for store in stores:
        await until_seqs(store, at_ms, list(range(150)))


async def test_a_duplicate_sent_to_two_nodes_counts_once(
    stores: list[ClickHouseStore], at_ms: int
) -> None:
    batches = [batch(*rows(at_ms, n * 10, 20, "twice"), key=f"twice-{n}") for n in range(10)]
    await asyncio.gather(*(store.append(b) for b in batches for store in stores))
    query = FactQuery("event", at_ms - DAY_MS, at_ms + DAY_MS)
    for store in stores:
        await until_seqs(store, at_ms, list(range(110)))
        assert await store.refresh(60)
        assert [f.n for f in await store.facts(query)] == [110]


async def test_a_node_killed_under_load_loses_nothing_and_catches_up(
    stores: list[ClickHouseStore], cluster: Cluster, at_ms: int
) -> None:
    answered: list[int] = []

    async def send(store: Store, start: int) -> None:
        for n in range(start, start + 25):
            one = batch(*rows(at_ms, n * 10, 10, "load"), key=f"load-{n}")
            while True:
                try:
                    await store.append(one)
                except StoreBusyError:
                    await asyncio.sleep(0.05)
                else:
                    break
            answered.append(n)

    async def kill() -> None:
        while len(answered) < 15:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(cluster.nodes[0].kill)

    await asyncio.gather(*(send(s, 100 * n) for n, s in enumerate(stores)), kill())
    assert len(answered) == 75
    await asyncio.to_thread(cluster.nodes[0].start)
    await asyncio.to_thread(cluster.nodes[0].wait)
    expected = sorted(n * 10 + k for n in answered for k in range(10))
    for node in range(3):
        await until_held(cluster, node, "load", 750)
    for store in stores:
        await until_seqs(store, at_ms, expected)


async def test_an_erasure_waits_for_a_replica_that_is_away(
    stores: list[ClickHouseStore], cluster: Cluster, at_ms: int
) -> None:
    await stores[1].append(batch(*rows(at_ms, 0, 20, "away"), *rows(at_ms, 20, 5, "stays")))
    await until_held(cluster, 2, "away", 20)
    await asyncio.to_thread(cluster.nodes[2].kill)
    await stores[0].request_erasure(["away"], "r-away", NOON_MS)
    refused = await stores[1].append(batch(*rows(at_ms, 100, 1, "away")))
    assert len(refused.erased) == 1
    with pytest.raises(StoreBusyError, match="replica"):
        await stores[0].erase_pending(NOON_MS, lambda digest: None)
    waiting = await stores[0].erasure("r-away")
    assert waiting is not None
    assert waiting.state == "erasing"
    await asyncio.to_thread(cluster.nodes[2].start)
    await asyncio.to_thread(cluster.nodes[2].wait)
    while True:
        try:
            assert await stores[1].erase_pending(NOON_MS, lambda digest: None) == 1
        except StoreBusyError:  # it is there, and has not found its keeper yet
            await asyncio.sleep(0.1)
        else:
            break
    done = await stores[2].erasure("r-away")
    assert done is not None
    assert (done.state, done.events) == ("erased", 20)
    assert await stores[2].scan("away") == 0
    assert [held(cluster, node, "away") for node in range(3)] == [0, 0, 0]
    assert (await stores[2].append(batch(*rows(at_ms, 101, 1, "away")))).erased
    await until_seqs(stores[0], at_ms, [20, 21, 22, 23, 24])


async def test_an_event_may_be_asked_to_lie_on_two_nodes_before_it_is_accepted(
    stores: list[ClickHouseStore], cluster: Cluster, at_ms: int
) -> None:
    del stores  # the tables are there
    store = ClickHouseStore(cluster.url(DATABASE, quorum=2))
    await store.open()
    assert (await store.append(batch(*rows(at_ms, 0, 30, "quorum")))).accepted == 30
    there = [await asyncio.to_thread(held, cluster, node, "quorum") for node in range(3)]
    assert sum(n == 30 for n in there) >= 2
    await store.close()


async def test_collectors_behind_a_balancer_share_the_cluster(
    stores: list[ClickHouseStore], cluster: Cluster, start_world: Any, at_ms: int
) -> None:
    if nginx.PROGRAM is None:
        pytest.skip("not run: nginx is not installed (Debian package nginx-light)")
    del stores
    worlds: list[World] = [
        await start_world(store=cluster.url(DATABASE, n, (n + 1) % 3, (n + 2) % 3))
        for n in range(3)
    ]
    headers = {**worlds[0].auth("ingest"), "Content-Type": "application/x-ndjson"}
    with nginx.balancing([world.url for world in worlds]) as url:
        async with aiohttp.ClientSession(headers=headers) as client:

            async def send(n: int) -> None:
                body = lines(*rows(at_ms, n * 10, 15, "balanced"))
                while True:
                    try:
                        key = {"Idempotency-Key": f"balanced-{n}"}
                        post = client.post(f"{url}/api/v1/events", data=body, headers=key)
                        async with post as got:
                            if got.status == 200:
                                return
                    except aiohttp.ClientError:
                        pass
                    await asyncio.sleep(0.05)

            async def leave() -> None:
                await worlds[2].running.close()

            await asyncio.gather(*(send(n) for n in range(20)), leave())
            await asyncio.gather(*(send(n) for n in range(15, 30)))
    await until_seqs(worlds[0].store, at_ms, list(range(305)))
    query = f"from={_time(at_ms - DAY_MS)}&to={_time(at_ms + DAY_MS)}"
    figures = await worlds[1].get_json(f"/api/v1/metrics/funnel?{query}")
    assert figures["is_complete"]


def _time(ms: int) -> str:
    from sidespool.wire.event import format_time

    return format_time(ms)
