"""The uploader amid changes: token, gate, aborts, evictions, full disks, sleep and clocks."""

import asyncio
from pathlib import Path

import pytest

from sidespool.core.upload_policy import BACKOFF_CAP_S, SETTLE_RETRY_S, TOKEN_REREAD_S
from sidespool.core.upload_state import Word
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Delivered,
    RetryAfter,
    TooLarge,
    Unauthorized,
    UploadAnswer,
)
from support.upload_world import ChangingToken, ScriptedExporter, UploadWorld

pytestmark = pytest.mark.looptime

DEADLINE_S = 1e6


@pytest.fixture
async def world(tmp_path: Path) -> UploadWorld:
    return UploadWorld(tmp_path)


async def test_a_new_token_in_the_keychain_is_found_and_used(tmp_path: Path) -> None:
    world = UploadWorld(tmp_path, ChangingToken(changes_at=4))
    world.source.add("a")
    world.exporter.answers = [Unauthorized("401: bad token")]
    async with world.running():
        await world.pass_time(1)
        assert world.uploader.state.state is Word.UNAUTHORIZED
        await world.pass_time(5 * TOKEN_REREAD_S)
    first, second = (at for at, _ in world.exporter.sent)
    assert second - first == pytest.approx(3 * TOKEN_REREAD_S)
    assert list(world.source.answers) == ["a"]


async def test_a_token_handed_over_is_used_at_once(tmp_path: Path) -> None:
    token = ChangingToken(changes_at=None, may_change=False)
    world = UploadWorld(tmp_path, token)
    world.source.add("a")
    world.exporter.answers = [Unauthorized("403")]
    async with world.running():
        await world.pass_time(10_000)
        assert token.looks == 1, "a token from the environment cannot change"
        world.uploader.token_changed()
        await world.pass_time(1)
    assert list(world.source.answers) == ["a"]


async def test_closing_the_gate_stops_the_next_batch(world: UploadWorld) -> None:
    world.exporter.hold = asyncio.Event()
    world.source.add("a")
    world.source.add("b")
    async with world.running():
        await world.exporter.started.wait()
        world.uploader.set_gate(False)
        world.exporter.hold.set()
        await world.pass_time(100)
        assert world.exporter.batch_ids == ["a"]
        assert world.uploader.state.state is Word.OFF
        world.uploader.set_gate(True)
        await world.pass_time(1)
    assert world.exporter.batch_ids == ["a", "b"]


async def test_an_abort_returns_when_nothing_is_on_the_wire_and_keeps_the_batch(
    world: UploadWorld,
) -> None:
    world.exporter.hold = asyncio.Event()
    world.source.add("a")
    async with world.running():
        await world.exporter.started.wait()
        world.uploader.set_gate(False)
        await world.uploader.abort_in_flight()
        assert world.exporter.aborted == 1
        await world.pass_time(100)
        assert world.uploader.state.in_flight is None
        assert world.source.answers == {}
        world.exporter.hold.set()
        world.uploader.set_gate(True)
        await world.pass_time(1)
    assert world.exporter.batch_ids == ["a", "a"]
    assert list(world.source.answers) == ["a"]


async def test_an_abort_with_nothing_in_flight_returns_at_once(world: UploadWorld) -> None:
    async with world.running():
        await world.uploader.abort_in_flight()
    assert world.exporter.aborted == 0


async def test_an_upload_answered_before_the_abort_counts_as_delivered(world: UploadWorld) -> None:
    """The answer is in, and the abort comes before the loop has looked at it."""
    world.source.add("a")

    async def abort_after_the_answer(batch: SealedBatch) -> None:
        asyncio.get_running_loop().call_soon(aborts.append, 1)

    aborts: list[int] = []
    world.exporter.on_send = abort_after_the_answer
    async with world.running():
        while not aborts:
            await asyncio.sleep(0)
        await world.uploader.abort_in_flight()
        await world.pass_time(1)
    assert list(world.source.answers) == ["a"]
    assert world.exporter.batch_ids == ["a"]


async def test_a_batch_evicted_while_it_waits_is_forgotten(world: UploadWorld) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [Backoff("500")]
    async with world.running():
        await world.pass_time(1)
        world.source.remove("a")
        world.uploader.wake()
        await world.pass_time(100)
    assert world.exporter.batch_ids == ["a", "b"]


async def test_a_file_that_is_gone_is_no_failure(world: UploadWorld) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [FileNotFoundError()]
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
        assert world.uploader.state.last_error is None
    assert result.uploaded == 1
    assert list(world.source.answers) == ["b"]


async def test_an_unreadable_file_does_not_hold_up_the_others(world: UploadWorld) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [PermissionError(13, "Permission denied")]
    async with world.running():
        await world.pass_time(1)
        assert world.uploader.state.state is Word.FILE_ERROR
        await world.pass_time(10)
    assert world.exporter.batch_ids == ["a", "b", "a"]


async def test_a_fault_in_an_exporter_is_shown_and_ends_nothing(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.answers = [ZeroDivisionError("oops")]
    async with world.running():
        await world.pass_time(10)
        error = world.uploader.state.last_error
    assert error is not None
    assert "ZeroDivisionError: oops" in error
    assert list(world.source.answers) == ["a"]


async def test_an_answer_the_disk_refuses_is_kept_without_sending_again(world: UploadWorld) -> None:
    world.source.add("a")
    world.source.add("b", events=2)
    world.source.disk_errors = 2
    world.exporter.answers = [Delivered(UploadAnswer(3, 0)), TooLarge()]
    async with world.running():
        await world.pass_time(1)
        assert world.source.answers == {}
        error = world.uploader.state.last_error
        assert error is not None
        assert "No space left" in error
        await world.pass_time(SETTLE_RETRY_S + 1)
    assert world.exporter.batch_ids == ["a", "b", "ba", "bb"]
    assert sorted(world.source.answers) == ["a", "ba", "bb"]


async def test_a_machine_that_wakes_up_tries_soon(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.answers = [Backoff("no route", BackoffCause.NETWORK)] * 50
    async with world.running():
        await world.pass_time(4 * BACKOFF_CAP_S)
        tried = len(world.exporter.sent)
        world.exporter.answers = []
        world.clock.wall_s += 8 * 3_600  # it slept: the wall clock moved, the monotonic did not
        world.uploader.wake()
        await world.pass_time(2)
    assert len(world.exporter.sent) == tried + 1
    assert list(world.source.answers) == ["a"]


@pytest.mark.parametrize("jump_s", [-10 * 365 * 86_400.0, 10 * 365 * 86_400.0])
async def test_a_clock_set_by_hand_breaks_no_promise(world: UploadWorld, jump_s: float) -> None:
    world.source.add("a")
    world.exporter.answers = [RetryAfter(1_000)]
    async with world.running():
        await world.pass_time(1)
        world.clock.wall_s += jump_s
        world.uploader.wake()
        await world.pass_time(2_000)
    first, second = (at for at, _ in world.exporter.sent)
    assert second - first == pytest.approx(1_050)


async def test_another_exporter_takes_over_from_the_next_batch_on(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.answers = [RetryAfter(80_000)]
    other = ScriptedExporter()
    async with world.running():
        await world.pass_time(1)
        await world.uploader.replace_exporter(other)
        await world.pass_time(1)
    assert world.exporter.batch_ids == ["a"]
    assert world.exporter.closed == 1
    assert other.batch_ids == ["a"]


async def test_ending_the_loop_frees_whoever_waits_for_a_flush(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.hold = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(world.uploader.run())
        flush = tasks.create_task(world.uploader.flush(DEADLINE_S))
        await world.exporter.started.wait()
        loop.cancel()
        result = await flush
    assert result.pending == 1
    assert list(world.source.batches) == ["a"]
