"""The uploader over real HTTP against a collector that flaps: every event arrives, none is lost."""

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.uploader import Uploader
from support.fake_collector import (
    DROP,
    EARLY_DROP,
    TAKE_THEN_DROP,
    FakeCollector,
    Step,
    half_answer,
    portal,
    redirect,
    status,
)
from support.upload_world import FakeSource, LoopClock, open_schedule

FLAPS: list[Step | int] = [
    500, 502, 408, 425, 503, 413, DROP, EARLY_DROP, TAKE_THEN_DROP, portal(), portal(302),
    redirect(301, "https://example.invalid/"), redirect(308, "/api/v1/events"),
    half_answer(b'{"accepted"', 100), status(200, b"{}"), status(413, early=True),
]  # fmt: skip


def uploader_to(collector: FakeCollector, source: FakeSource) -> Uploader:
    endpoint = check_endpoint(collector.url, False)
    assert isinstance(endpoint, Endpoint)
    token = CollectorToken(configured="t")
    return Uploader(
        source=source,
        exporter=HttpExporter(endpoint, token),
        schedule=open_schedule(),
        clock=LoopClock(),
        token=token,
    )


async def drained(collector: FakeCollector, source: FakeSource, flushes: int) -> bool:
    """Whether so many flushes, each cutting the back-off short, empty the spool."""
    uploader = uploader_to(collector, source)
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(uploader.run())
        for _ in range(flushes):
            if (await uploader.flush(30)).pending == 0:
                break
        loop.cancel()
    return not source.batches


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=st.lists(st.sampled_from(FLAPS), max_size=12), events=st.lists(st.integers(2, 5)))
def test_whatever_a_collector_flaps_through_every_event_arrives_or_is_set_aside(
    tmp_path: Path, script: list[Step | int], events: list[int]
) -> None:
    async def scenario() -> None:
        source = FakeSource(tmp_path)
        for n, count in enumerate(events):
            source.add(f"b{n}", count)
        async with FakeCollector(token="t") as collector:
            collector.script(script)
            assert await drained(collector, source, len(script) + 2)
        sealed = {f"b{n}-{m}" for n, count in enumerate(events) for m in range(count)}
        assert collector.events.keys() | source.set_aside == sealed

    asyncio.run(scenario())


async def test_a_collector_that_was_down_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    source = FakeSource(tmp_path)
    async with FakeCollector() as collector:
        await collector.close_port()
        uploader = uploader_to(collector, source)
        async with asyncio.TaskGroup() as tasks:
            loop = tasks.create_task(uploader.run())
            for n in range(3):
                source.add(f"b{n}")
                uploader.wake()
            first = await uploader.flush(30)
            assert (first.uploaded, first.pending) == (0, 3)
            await collector.listen()
            second = await uploader.flush(30)
            assert (second.uploaded, second.pending, second.error) == (3, 0, None)
            loop.cancel()
        assert len(collector.events) == 9
        assert [one.batch_id for one in collector.batches] == ["b0", "b1", "b2"]


async def test_an_answer_that_was_lost_is_asked_for_again_and_counts_no_event_twice(
    tmp_path: Path,
) -> None:
    source = FakeSource(tmp_path)
    source.add("a", 4)
    async with FakeCollector() as collector:
        collector.script([TAKE_THEN_DROP])
        assert await drained(collector, source, 3)
        assert len(collector.events) == 4
        assert collector.duplicates == 4
    assert source.answers["a"].duplicates == 4
