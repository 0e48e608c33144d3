"""Accepted events go on to another OTLP receiver: here a second collector, or one that is away."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sidespool_collector.event import Batch, Receipt
from sidespool_collector.forwarding import Forwarder
from support.collector_world import World, event, lines
from support.receivers import hook

StartWorld = Callable[..., Awaitable[World]]


async def exported(world: World) -> list[dict[str, Any]]:
    text = (await world.get("/api/v1/export"))[1]
    return [json.loads(line) for line in text.splitlines()]


async def until(world: World, n: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while len(found := await exported(world)) < n:
            await asyncio.sleep(0.02)
    return found


async def test_events_arrive_at_the_next_collector_as_they_were(
    start_world: StartWorld, tmp_path: Path
) -> None:
    second = await start_world(store=f"sqlite:///{tmp_path / 'second.db'}")
    first = await start_world(
        forward_otlp=f"{second.url}/v1/logs", forward_token=second.tokens["ingest"]
    )
    now = int(time.time() * 1000)
    sent = [event(n, at_ms=now + n, os="macos") for n in range(3)]
    _, answer, _ = await first.send(lines(*sent, {"event_type": "Unheard"}))
    assert answer["accepted"] == 3
    found = await until(second, 3)
    assert [{k: e[k] for k in sent[0]} for e in found] == sent
    await first.send(lines(*sent))
    assert (
        'sidespool_events_forwarded_total{outcome="sent"} 3.0' in (await first.get("/metrics"))[1]
    )
    assert list((tmp_path / "forward").iterdir()) == []


class Line:
    """A forwarder by hand, and what it counted."""

    def __init__(self, url: str, folder: Path, max_bytes: int = 10**9) -> None:
        self.counts: dict[str, int] = {}
        self.forwarder = Forwarder(url, "", folder, self._count, max_bytes)

    def _count(self, outcome: str, n: int) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + n


def batch(world: World, *users: str) -> Batch:
    sent = [event(n, user=user) for n, user in enumerate(users)]
    rows = world.running.collector.reader.read(lines(*sent).splitlines()).rows
    return Batch(None, 0, "t", rows, [])


async def test_a_receiver_that_is_away_gets_it_later_and_erased_users_do_not_go(
    start_world: StartWorld, tmp_path: Path
) -> None:
    world = await start_world()
    async with hook() as receiver:
        receiver.statuses = [503, 200, 200]
        line = Line(receiver.url, tmp_path / "spool")
        await line.forwarder.put(batch(world, "a", "b"), Receipt(2, 0))
        assert await line.forwarder.work() == 5.0
        await line.forwarder.erase(["a"])
        await line.forwarder.put(batch(world, "a", "c"), Receipt(2, 0))
        assert await line.forwarder.work() == 1.0
        bodies = b"".join(receiver.bodies[1:])
        assert (b'"a"' in bodies, b'"b"' in bodies, b'"c"' in bodies) == (False, True, True)
        assert line.counts == {"sent": 2}


@pytest.mark.parametrize("status", [400, 413])
async def test_what_the_receiver_refuses_is_not_sent_again(
    start_world: StartWorld, tmp_path: Path, status: int
) -> None:
    world = await start_world()
    async with hook() as receiver:
        receiver.statuses = [status]
        line = Line(receiver.url, tmp_path / "spool")
        await line.forwarder.put(batch(world, "a"), Receipt(1, 0))
        assert await line.forwarder.work() == 1.0
        assert line.counts == {"refused": 1}
        assert list((tmp_path / "spool").iterdir()) == []


async def test_a_full_spool_drops_the_oldest_and_a_broken_one_loses_no_batch(
    start_world: StartWorld, tmp_path: Path
) -> None:
    world = await start_world()
    line = Line("http://127.0.0.1:1/v1/logs", tmp_path / "spool", max_bytes=1)
    for _ in range(2):
        await line.forwarder.put(batch(world, "a"), Receipt(1, 0))
    assert await line.forwarder.work() == 5.0
    assert line.counts == {"dropped": 2}
    (tmp_path / "file").write_text("")
    broken = Line("http://127.0.0.1:1/v1/logs", tmp_path / "file")
    await broken.forwarder.put(batch(world, "a"), Receipt(1, 0))
    assert broken.counts == {"dropped": 1}
