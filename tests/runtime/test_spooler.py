"""The writer's thread: group commit, order, and that it survives whatever happens in it."""

import asyncio
import errno
import random
from collections.abc import AsyncIterator

import pytest

from sidespool.core.admission import Chunk
from sidespool.core.policy import INFLIGHT_BYTES_HIGH
from sidespool.runtime.spooler import Spooler
from sidespool.wire.level import Level
from sidespool.wire.upload import UploadAnswer
from support.spool_world import World


@pytest.fixture
def world() -> World:
    return World(bytes_max=50_000_000)


@pytest.fixture
async def spooler(world: World) -> AsyncIterator[Spooler]:
    made = Spooler(world.store, asyncio.get_running_loop())
    made.start()
    yield made
    await made.stop()


def chunk(world: World, level: Level, count: int = 1) -> Chunk:
    lines = world.make_events(count).values()
    return Chunk(level, b"".join(line + b"\n" for line in lines), count)


async def commit(spooler: Spooler, *chunks: Chunk) -> str:
    """The error with which a commit was answered, "" where it is durable."""
    return next(iter((await commit_each(spooler, *chunks)).values()), "")


async def commit_each(spooler: Spooler, *chunks: Chunk) -> dict[Level, str]:
    """What failed of a commit, by level."""
    told: asyncio.Future[dict[Level, str]] = asyncio.get_running_loop().create_future()
    spooler.commit(list(chunks), told.set_result)
    return await told


async def test_a_commit_is_answered_when_it_is_durable(world: World) -> None:
    spooler = Spooler(world.store, asyncio.get_running_loop())
    spooler.start()
    assert await commit(spooler, chunk(world, Level.USAGE, 3)) == ""
    await spooler.stop()
    world.disk.lose_power(random.Random(1))
    world.start()
    assert len(world.spooled()) == 3


async def test_commits_that_wait_together_share_a_sync(world: World, spooler: Spooler) -> None:
    await commit(spooler, chunk(world, Level.USAGE))
    held = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        asyncio.run_coroutine_threadsafe(held.wait(), loop).result(10)

    call = loop.create_task(spooler.call(hold))
    await asyncio.sleep(0)
    before = world.disk.calls.count("sync")
    answers = [loop.create_task(commit(spooler, chunk(world, Level.USAGE))) for _ in range(50)]
    await asyncio.sleep(0)
    held.set()
    await call
    assert set(await asyncio.gather(*answers)) == {""}
    assert world.disk.calls.count("sync") - before == 1


async def test_a_refused_level_is_told_and_the_others_are_kept(
    world: World, spooler: Spooler
) -> None:
    await commit(spooler, chunk(world, Level.ERROR))
    world.disk.fault = lambda call: errno.ENOSPC if call == "create" else 0
    error = await commit(spooler, chunk(world, Level.USAGE))
    assert "No space left" in error
    assert spooler.last_error == error
    assert await commit(spooler, chunk(world, Level.ERROR)) == ""
    world.disk.fault = lambda _: 0
    assert await commit(spooler, chunk(world, Level.USAGE)) == ""
    assert spooler.last_error == ""
    assert len(world.spooled()) == 3


async def test_of_a_commit_of_two_levels_only_the_one_that_failed_is_refused(
    world: World, spooler: Spooler
) -> None:
    await commit(spooler, chunk(world, Level.ERROR))
    world.disk.fault = lambda call: errno.ENOSPC if call == "create" else 0
    errors = await commit_each(spooler, chunk(world, Level.ERROR), chunk(world, Level.USAGE))
    assert list(errors) == [Level.USAGE]
    assert len(world.spooled()) == 2


async def test_an_unexpected_fault_is_an_answer_and_the_thread_lives(
    world: World, spooler: Spooler
) -> None:
    await commit(spooler, chunk(world, Level.USAGE))
    real = world.disk.write_at

    def broken(fd: int, data: bytes, offset: int) -> None:
        raise MemoryError

    world.disk.write_at = broken  # type: ignore[method-assign]  # a fault no disk call documents
    assert "MemoryError" in await commit(spooler, chunk(world, Level.USAGE))
    world.disk.write_at = real  # type: ignore[method-assign]  # and back
    assert await commit(spooler, chunk(world, Level.USAGE)) == ""
    await spooler.seal_now()
    assert len(world.spooled()) == 2


async def test_what_a_group_has_written_is_never_evicted_by_the_rest_of_it(
    world: World, spooler: Spooler
) -> None:
    await commit(spooler, chunk(world, Level.USAGE, 12))
    world.store.book.bytes_max = world.store.book.total_bytes
    group = chunk(world, Level.USAGE, 9), chunk(world, Level.CRASH, 9)
    assert await commit(spooler, *group) == ""
    assert len(world.spooled()) == 18
    assert world.dropped() == {"spool_quota": 12}


async def test_a_withdrawal_sees_every_commit_before_it(world: World, spooler: Spooler) -> None:
    loop = asyncio.get_running_loop()
    answers = [loop.create_task(commit(spooler, chunk(world, Level.USAGE))) for _ in range(20)]
    await asyncio.sleep(0)
    assert await spooler.purge_above(Level.ERROR) == 20
    assert set(await asyncio.gather(*answers)) == {""}
    assert world.readable() == {}


async def test_pressure_is_relieved_when_what_waits_is_durable(
    world: World, spooler: Spooler
) -> None:
    relieved = asyncio.Event()
    big = Chunk(Level.USAGE, b'"' + b"x" * (INFLIGHT_BYTES_HIGH + 10) + b'"\n', 1)
    answer = asyncio.get_running_loop().create_task(commit(spooler, big))
    await asyncio.sleep(0)
    assert spooler.pressed
    spooler.when_relieved(relieved.set)
    await relieved.wait()
    assert await answer == ""
    assert not spooler.pressed


async def test_sealed_batches_are_told_from_memory(world: World, spooler: Spooler) -> None:
    told = asyncio.Event()
    spooler.on_change = told.set
    await commit(spooler, chunk(world, Level.USAGE, 2))
    assert spooler.sealed() == []
    assert await spooler.seal_now() == 1
    await told.wait()
    (batch,) = spooler.sealed()
    assert (batch.level, batch.events) == (Level.USAGE, 2)
    await spooler.acknowledged(batch.batch_id, UploadAnswer(2, 0, []))
    assert spooler.sealed() == []
    assert world.store.tally.all_time.delivered == 2


@pytest.mark.parametrize("what", ["acknowledged", "quarantine", "halve"])
async def test_an_answer_for_a_batch_that_is_gone_changes_nothing(
    world: World, spooler: Spooler, what: str
) -> None:
    await commit(spooler, chunk(world, Level.USAGE, 2))
    await spooler.seal_now()
    (batch,) = spooler.sealed()
    await spooler.purge_above(Level.OFF)
    if what == "acknowledged":
        await spooler.acknowledged(batch.batch_id, UploadAnswer(1, 0, []))
    elif what == "quarantine":
        await spooler.quarantine(batch.batch_id, "refused", "400")
    else:
        await spooler.halve(batch.batch_id)
    assert world.dropped() == {"consent_withdrawn": 2}
    assert world.store.tally.all_time.delivered == 0
    assert world.disk.files(world.paths.spool) == {}
