"""The uploader's loop in virtual time: what it sends when, what it keeps, what it tells."""

import asyncio
from pathlib import Path

import pytest

from sidespool.core.upload_policy import BACKOFF_CAP_S
from sidespool.core.upload_state import Word
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.outcome import DropReason
from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Delivered,
    Refused,
    RejectedEvent,
    RetryAfter,
    TooLarge,
    UploadAnswer,
)
from support.upload_world import UploadWorld

pytestmark = pytest.mark.looptime

DEADLINE_S = 1e6


@pytest.fixture
async def world(tmp_path: Path) -> UploadWorld:
    return UploadWorld(tmp_path)


async def test_it_sends_all_there_is_oldest_first_and_then_rests(world: UploadWorld) -> None:
    for batch_id in "abc":
        world.source.add(batch_id)
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert (result.sealed, result.uploaded, result.pending, result.error) == (0, 3, 0, None)
    assert result.uploaded_events == 9
    assert world.exporter.batch_ids == ["a", "b", "c"]
    assert world.tally.counts.delivered == 9
    assert world.exporter.closed == 1


async def test_a_wake_is_enough_to_see_a_new_batch(world: UploadWorld) -> None:
    async with world.running():
        await world.pass_time(1)
        world.source.add("a")
        await world.pass_time(100)
        assert world.exporter.sent == [], "it does not poll"
        world.uploader.wake()
        await world.pass_time(1)
    assert world.exporter.batch_ids == ["a"]


async def test_a_flush_seals_first_and_sends_what_that_makes(world: UploadWorld) -> None:
    world.source.active = [("a", 2), ("b", 3)]
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert (result.sealed, result.uploaded, result.uploaded_events) == (2, 2, 5)


async def test_a_flush_into_a_dead_collector_tries_once_and_says_why(world: UploadWorld) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [Backoff("connection refused", BackoffCause.NETWORK)] * 2
    async with world.running():
        await world.pass_time(0.5)
        result = await world.uploader.flush(DEADLINE_S)
    assert (result.uploaded, result.pending, result.pending_events) == (0, 2, 6)
    assert result.error == "The collector cannot be reached (connection refused)"
    assert world.exporter.batch_ids == ["a", "a"], "one try by itself, one for the flush"


async def test_a_flush_ends_at_its_deadline(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.hold = asyncio.Event()
    async with world.running():
        before = asyncio.get_running_loop().time()
        result = await world.uploader.flush(10)
        assert asyncio.get_running_loop().time() - before == pytest.approx(10)
        assert result.error == "not finished within 10 s"
        assert result.pending == 1
        world.exporter.hold.set()
        assert (await world.uploader.flush(10)).pending == 0


async def test_a_flush_while_sending_is_off_says_so(world: UploadWorld) -> None:
    world.source.add("a")
    world.uploader.set_gate(False)
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert result.error == "sending is switched off"
    assert world.exporter.sent == []


async def test_a_flush_on_a_full_disk_is_an_answer_not_an_exception(world: UploadWorld) -> None:
    world.source.disk_errors = 1
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert result.error is not None
    assert "No space left" in result.error


async def test_a_collector_in_trouble_is_tried_again_by_itself(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.answers = [Backoff("500")] * 5
    async with world.running():
        await world.pass_time(2 * BACKOFF_CAP_S)
    waits = [
        b - a for (a, _), (b, _) in zip(world.exporter.sent, world.exporter.sent[1:], strict=False)
    ]
    assert waits == pytest.approx([2.5, 5, 10, 20, 40])
    assert list(world.source.answers) == ["a"]


async def test_nothing_is_sent_before_the_pause_the_collector_asked_for(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.answers = [RetryAfter(100)]
    async with world.running():
        await world.pass_time(1)
        result = await world.uploader.flush(DEADLINE_S)
        assert result.error == "The collector asked for a pause"
        assert world.uploader.state.state is Word.THROTTLED
        await world.pass_time(200)
    first, second = (at for at, _ in world.exporter.sent)
    assert second - first == pytest.approx(105)


async def test_a_batch_too_large_is_halved_until_it_fits_or_set_aside(world: UploadWorld) -> None:
    world.source.add("a", events=3)

    async def picky(batch: SealedBatch) -> None:
        if batch.events > 1 or batch.batch_id == "aa":
            world.exporter.answers = [TooLarge()]

    world.exporter.on_send = picky
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert result.pending == 0
    assert world.source.halved == ["a", "ab"]
    assert sorted(world.source.answers) == ["aba", "abb"]
    assert list(world.source.quarantined) == ["aa"]
    assert world.tally.counts.delivered == 2
    assert world.tally.counts.dropped == {DropReason.REFUSED: 1}


async def test_a_refused_batch_is_set_aside_with_the_collectors_words(world: UploadWorld) -> None:
    world.source.add("a")
    world.exporter.answers = [Refused("400: malformed")]
    async with world.running():
        await world.uploader.flush(DEADLINE_S)
    assert world.source.quarantined == {"a": ("refused", "400: malformed")}
    assert world.tally.counts.dropped == {DropReason.REFUSED: 3}


async def test_rejected_events_are_counted_with_the_collectors_reasons(world: UploadWorld) -> None:
    world.source.add("a", events=4)
    rejected = [
        RejectedEvent("x", "too_old"),
        RejectedEvent("y", "too_old"),
        RejectedEvent("z", "?"),
    ]
    world.exporter.answers = [Delivered(UploadAnswer(1, 0, rejected))]
    async with world.running():
        await world.uploader.flush(DEADLINE_S)
        assert world.uploader.state.rejected == {"too_old": 2, "?": 1}
    assert world.tally.counts.delivered == 1
    assert world.tally.counts.dropped == {DropReason.REJECTED: 3}


async def test_a_collector_that_invents_reasons_does_not_fill_the_memory(
    world: UploadWorld,
) -> None:
    world.source.add("a", events=1_000)
    rejected = [RejectedEvent(None, f"{n}" * 200) for n in range(1_000)]
    world.exporter.answers = [Delivered(UploadAnswer(0, 0, rejected))]
    async with world.running():
        await world.uploader.flush(DEADLINE_S)
        counted = world.uploader.state.rejected
    assert sum(counted.values()) == 1_000
    assert len(counted) <= 33
    assert max(map(len, counted)) <= 64


async def test_the_state_tells_since_when_what_went_wrong_and_when_it_goes_on(
    world: UploadWorld,
) -> None:
    world.source.add("a")
    world.exporter.answers = [Backoff("503: busy")]
    async with world.running():
        start = world.clock.unix_ms()
        await world.pass_time(1)
        state = world.uploader.state
        assert state.state is Word.SERVER_ERROR
        assert state.last_error == "The collector could not take a batch (503: busy)"
        assert state.last_success is None
        assert state.next_attempt_at is not None
        assert state.next_attempt_at > state.since
        await world.pass_time(10)
        state = world.uploader.state
    assert state.state is Word.IDLE
    assert (state.pending, state.uploaded, state.uploaded_events) == (0, 1, 3)
    assert state.last_success is not None
    assert state.next_attempt_at is None
    assert world.clock.unix_ms() > start


async def test_while_it_is_held_nothing_is_sent_and_a_flush_waits(world: UploadWorld) -> None:
    async with world.running():
        await world.pass_time(1)
        assert world.uploader.hold()
        world.source.add("a")
        world.uploader.wake()
        loop = asyncio.get_running_loop()
        flush = loop.create_task(world.uploader.flush(20))
        await world.pass_time(1)
        assert world.exporter.sent == []
        assert not flush.done()
        world.uploader.release()
        assert (await flush).uploaded == 1


async def test_what_is_on_its_way_is_not_held(world: UploadWorld) -> None:
    world.exporter.hold = asyncio.Event()
    world.source.add("a")
    async with world.running():
        await world.exporter.started.wait()
        assert not world.uploader.hold()
        world.exporter.hold.set()
        await world.pass_time(1)
        assert world.source.answers.keys() == {"a"}
