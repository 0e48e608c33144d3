"""The uploader's loop in virtual time: what it sends when, what it keeps, what it tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidespool.core.tally import Tally
from sidespool.core.upload_policy import BACKOFF_CAP_S, SETTLE_RETRY_S, TOKEN_REREAD_S
from sidespool.core.upload_state import Word
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.runtime.uploader import Uploader
from sidespool.wire.outcome import DropReason
from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Delivered,
    Refused,
    RejectedEvent,
    RetryAfter,
    TooLarge,
    Unauthorized,
    UploadAnswer,
)
from support.upload_world import FakeSource, LoopClock, ScriptedExporter, open_schedule

pytestmark = pytest.mark.looptime

DEADLINE_S = 1e6


class Token:
    """A token that becomes another one after some looks."""

    def __init__(self, changes_at: int | None, may_change: bool = True) -> None:
        self.changes_at = changes_at
        self.may_change = may_change
        self.looks = 0

    async def reread(self) -> bool:
        self.looks += 1
        return self.looks == self.changes_at


class World:
    """An uploader with its surroundings, running while entered."""

    def __init__(self, folder: Path, token: Token | None = None) -> None:
        self.source = FakeSource(folder)
        self.exporter = ScriptedExporter()
        self.clock = LoopClock()
        self.tally = Tally()
        self.uploader = Uploader(
            source=self.source,
            exporter=self.exporter,
            schedule=open_schedule(),
            clock=self.clock,
            token=token,
            tally=self.tally,
            dice=lambda: 0.5,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        async with asyncio.TaskGroup() as tasks:
            loop = tasks.create_task(self.uploader.run())
            yield self
            loop.cancel()

    async def pass_time(self, seconds: float) -> None:
        """Virtual seconds go by."""
        await asyncio.sleep(seconds)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_it_sends_all_there_is_oldest_first_and_then_rests(world: World) -> None:
    for batch_id in "abc":
        world.source.add(batch_id)
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert (result.sealed, result.uploaded, result.pending, result.error) == (0, 3, 0, None)
    assert result.uploaded_events == 9
    assert world.exporter.batch_ids == ["a", "b", "c"]
    assert world.tally.counts.delivered == 9
    assert world.exporter.closed == 1


async def test_a_wake_is_enough_to_see_a_new_batch(world: World) -> None:
    async with world.running():
        await world.pass_time(1)
        world.source.add("a")
        await world.pass_time(100)
        assert world.exporter.sent == [], "it does not poll"
        world.uploader.wake()
        await world.pass_time(1)
    assert world.exporter.batch_ids == ["a"]


async def test_a_flush_seals_first_and_sends_what_that_makes(world: World) -> None:
    world.source.active = [("a", 2), ("b", 3)]
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert (result.sealed, result.uploaded, result.uploaded_events) == (2, 2, 5)


async def test_a_flush_into_a_dead_collector_tries_once_and_says_why(world: World) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [Backoff("connection refused", BackoffCause.NETWORK)] * 2
    async with world.running():
        await world.pass_time(0.5)
        result = await world.uploader.flush(DEADLINE_S)
    assert (result.uploaded, result.pending, result.pending_events) == (0, 2, 6)
    assert result.error == "The collector cannot be reached (connection refused)"
    assert world.exporter.batch_ids == ["a", "a"], "one try by itself, one for the flush"


async def test_a_flush_ends_at_its_deadline(world: World) -> None:
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


async def test_a_flush_while_sending_is_off_says_so(world: World) -> None:
    world.source.add("a")
    world.uploader.set_gate(False)
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert result.error == "sending is switched off"
    assert world.exporter.sent == []


async def test_a_flush_on_a_full_disk_is_an_answer_not_an_exception(world: World) -> None:
    world.source.disk_errors = 1
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
    assert result.error is not None
    assert "No space left" in result.error


async def test_a_collector_in_trouble_is_tried_again_by_itself(world: World) -> None:
    world.source.add("a")
    world.exporter.answers = [Backoff("500")] * 5
    async with world.running():
        await world.pass_time(2 * BACKOFF_CAP_S)
    waits = [
        b - a for (a, _), (b, _) in zip(world.exporter.sent, world.exporter.sent[1:], strict=False)
    ]
    assert waits == pytest.approx([2.5, 5, 10, 20, 40])
    assert list(world.source.answers) == ["a"]


async def test_nothing_is_sent_before_the_pause_the_collector_asked_for(world: World) -> None:
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


async def test_a_batch_too_large_is_halved_until_it_fits_or_set_aside(world: World) -> None:
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


async def test_a_refused_batch_is_set_aside_with_the_collectors_words(world: World) -> None:
    world.source.add("a")
    world.exporter.answers = [Refused("400: malformed")]
    async with world.running():
        await world.uploader.flush(DEADLINE_S)
    assert world.source.quarantined == {"a": ("refused", "400: malformed")}
    assert world.tally.counts.dropped == {DropReason.REFUSED: 3}


async def test_rejected_events_are_counted_with_the_collectors_reasons(world: World) -> None:
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


async def test_a_collector_that_invents_reasons_does_not_fill_the_memory(world: World) -> None:
    world.source.add("a", events=1_000)
    rejected = [RejectedEvent(None, f"{n}" * 200) for n in range(1_000)]
    world.exporter.answers = [Delivered(UploadAnswer(0, 0, rejected))]
    async with world.running():
        await world.uploader.flush(DEADLINE_S)
        counted = world.uploader.state.rejected
    assert sum(counted.values()) == 1_000
    assert len(counted) <= 33
    assert max(map(len, counted)) <= 64


async def test_a_new_token_in_the_keychain_is_found_and_used(tmp_path: Path) -> None:
    world = World(tmp_path, Token(changes_at=4))
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
    token = Token(changes_at=None, may_change=False)
    world = World(tmp_path, token)
    world.source.add("a")
    world.exporter.answers = [Unauthorized("403")]
    async with world.running():
        await world.pass_time(10_000)
        assert token.looks == 1, "a token from the environment cannot change"
        world.uploader.token_changed()
        await world.pass_time(1)
    assert list(world.source.answers) == ["a"]


async def test_closing_the_gate_stops_the_next_batch(world: World) -> None:
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
    world: World,
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


async def test_an_abort_with_nothing_in_flight_returns_at_once(world: World) -> None:
    async with world.running():
        await world.uploader.abort_in_flight()
    assert world.exporter.aborted == 0


async def test_an_upload_answered_before_the_abort_counts_as_delivered(world: World) -> None:
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


async def test_a_batch_evicted_while_it_waits_is_forgotten(world: World) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [Backoff("500")]
    async with world.running():
        await world.pass_time(1)
        world.source.remove("a")
        world.uploader.wake()
        await world.pass_time(100)
    assert world.exporter.batch_ids == ["a", "b"]


async def test_a_file_that_is_gone_is_no_failure(world: World) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [FileNotFoundError()]
    async with world.running():
        result = await world.uploader.flush(DEADLINE_S)
        assert world.uploader.state.last_error is None
    assert result.uploaded == 1
    assert list(world.source.answers) == ["b"]


async def test_an_unreadable_file_does_not_hold_up_the_others(world: World) -> None:
    world.source.add("a")
    world.source.add("b")
    world.exporter.answers = [PermissionError(13, "Permission denied")]
    async with world.running():
        await world.pass_time(1)
        assert world.uploader.state.state is Word.FILE_ERROR
        await world.pass_time(10)
    assert world.exporter.batch_ids == ["a", "b", "a"]


async def test_a_fault_in_an_exporter_is_shown_and_ends_nothing(world: World) -> None:
    world.source.add("a")
    world.exporter.answers = [ZeroDivisionError("oops")]
    async with world.running():
        await world.pass_time(10)
        error = world.uploader.state.last_error
    assert error is not None
    assert "ZeroDivisionError: oops" in error
    assert list(world.source.answers) == ["a"]


async def test_an_answer_the_disk_refuses_is_kept_without_sending_again(world: World) -> None:
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


async def test_a_machine_that_wakes_up_tries_soon(world: World) -> None:
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
async def test_a_clock_set_by_hand_breaks_no_promise(world: World, jump_s: float) -> None:
    world.source.add("a")
    world.exporter.answers = [RetryAfter(1_000)]
    async with world.running():
        await world.pass_time(1)
        world.clock.wall_s += jump_s
        world.uploader.wake()
        await world.pass_time(2_000)
    first, second = (at for at, _ in world.exporter.sent)
    assert second - first == pytest.approx(1_050)


async def test_another_exporter_takes_over_from_the_next_batch_on(world: World) -> None:
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


async def test_the_state_tells_since_when_what_went_wrong_and_when_it_goes_on(
    world: World,
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


async def test_ending_the_loop_frees_whoever_waits_for_a_flush(world: World) -> None:
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
