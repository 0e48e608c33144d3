"""The upload schedule, rule by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.schedule import (
    Acknowledge,
    Fate,
    Halve,
    Idle,
    IdleReason,
    Keep,
    Quarantine,
    ReadToken,
    Upload,
    UploadSchedule,
    Wait,
)
from sidespool.core.upload_policy import (
    BACKOFF_BASE_S,
    BACKOFF_CAP_S,
    PAUSE_FLOOR_S,
    TOKEN_REREAD_S,
    UNAUTHORIZED_RETRY_S,
    backoff_s,
)
from sidespool.core.upload_state import Word
from sidespool.wire.outcome import DropReason
from sidespool.wire.upload import (
    RETRY_AFTER_S_MAX,
    Backoff,
    BackoffCause,
    Captive,
    Classification,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
    UploadAnswer,
)

NETWORK = Backoff("refused", BackoffCause.NETWORK)
SERVER = Backoff("500")
HALF = 0.5


def delivered(events: int = 1) -> Delivered:
    return Delivered(UploadAnswer(events, 0))


def schedule_of(*batch_ids: str, events: int = 4) -> UploadSchedule:
    schedule = UploadSchedule()
    schedule.on_gate(True)
    for batch_id in batch_ids:
        schedule.on_ready(batch_id, events, 1_000, 0.0)
    return schedule


def send(
    schedule: UploadSchedule, batch_id: str, answer: Classification, now: float, dice: float = HALF
) -> Fate:
    """The batch is due, is sent, is answered so; what it settles is carried out."""
    assert schedule.next_task(now) == Upload(batch_id)
    fate = schedule.on_answer(batch_id, answer, now, dice)
    if fate != Keep():
        schedule.on_gone(batch_id)
    return fate


def test_batches_go_out_oldest_first_one_at_a_time() -> None:
    schedule = schedule_of("a", "b")
    assert schedule.next_task(0.0) == Upload("a")
    assert schedule.next_task(0.0) == Idle(IdleReason.IN_FLIGHT)
    assert schedule.word is Word.SENDING
    assert schedule.on_answer("a", delivered(), 1.0, HALF) == Acknowledge(UploadAnswer(1, 0))
    assert schedule.next_task(1.0) == Upload("b")


def test_nothing_goes_out_while_the_gate_is_closed() -> None:
    schedule = schedule_of("a")
    schedule.on_gate(False)
    schedule.on_flush_asked(0.0)
    schedule.on_wake(0.0)
    schedule.on_token_changed(0.0)
    assert schedule.next_task(0.0) == Idle(IdleReason.CLOSED)
    assert schedule.word is Word.OFF
    schedule.on_gate(True)
    assert schedule.next_task(0.0) == Upload("a")


def test_a_new_schedule_is_closed_until_told() -> None:
    assert UploadSchedule().next_task(0.0) == Idle(IdleReason.CLOSED)


def test_an_empty_spool_needs_no_timer() -> None:
    schedule = schedule_of()
    assert schedule.next_task(0.0) == Idle(IdleReason.EMPTY)
    assert schedule.word is Word.IDLE


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_back_off_lies_between_its_floor_and_its_cap(failures: int, dice: float) -> None:
    assert PAUSE_FLOOR_S <= backoff_s(failures, dice) <= BACKOFF_CAP_S


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_a_back_off_grows_with_the_failures(failures: int, dice: float) -> None:
    assert backoff_s(failures, dice) <= backoff_s(failures + 1, dice)


def test_the_first_back_off_is_within_five_seconds_and_the_last_within_an_hour() -> None:
    assert backoff_s(1, 0.999_999) == pytest.approx(BACKOFF_BASE_S, rel=1e-3)
    assert backoff_s(11, 0.999_999) == pytest.approx(BACKOFF_CAP_S, rel=1e-3)


@pytest.mark.parametrize("answer", [NETWORK, SERVER, Captive("page")])
def test_failures_in_a_row_wait_longer_and_a_delivery_ends_that(answer: Classification) -> None:
    schedule = schedule_of("a")
    now, waits = 0.0, []
    for _ in range(6):
        assert send(schedule, "a", answer, now) == Keep()
        task = schedule.next_task(now)
        assert isinstance(task, Wait)
        waits.append(task.until - now)
        now = task.until
    assert waits == sorted(waits)
    assert waits[-1] == HALF * BACKOFF_BASE_S * 2**5
    send(schedule, "a", delivered(), now)
    schedule.on_ready("b", 1, 1, now)
    send(schedule, "b", answer, now)
    assert schedule.next_task(now) == Wait(now + HALF * BACKOFF_BASE_S)


def test_a_batch_that_stumbles_lets_the_others_go_first() -> None:
    schedule = schedule_of("bad", "good", "better")
    send(schedule, "bad", SERVER, 0.0)
    now = BACKOFF_BASE_S
    send(schedule, "good", delivered(), now)
    send(schedule, "better", delivered(), now)
    assert schedule.next_task(now) == Upload("bad")


def test_a_bad_batch_rests_longer_each_time_while_new_ones_pass() -> None:
    schedule, now, tries = schedule_of("bad"), 0.0, 0
    for n in range(200):
        schedule.on_ready(f"new{n}", 1, 1, now)
        while isinstance(task := schedule.next_task(now), Upload):
            tries += task.batch_id == "bad"
            answer = SERVER if task.batch_id == "bad" else delivered()
            if schedule.on_answer(task.batch_id, answer, now, HALF) != Keep():
                schedule.on_gone(task.batch_id)
        now += 30.0
    assert schedule.pending <= 2
    assert tries < 15


def test_after_an_outage_nobody_rests() -> None:
    schedule, now = schedule_of("a", "b", "c"), 0.0
    for batch_id in ("a", "b", "c"):
        send(schedule, batch_id, SERVER, now, 0.999)
        now += BACKOFF_CAP_S
    sent = []
    while isinstance(task := schedule.next_task(now), Upload):
        sent.append(task.batch_id)
        schedule.on_answer(task.batch_id, delivered(), now, HALF)
        schedule.on_gone(task.batch_id)
    assert sorted(sent) == ["a", "b", "c"]


def test_a_dead_network_is_no_batchs_fault() -> None:
    schedule = schedule_of("a", "b")
    send(schedule, "a", NETWORK, 0.0)
    assert schedule.next_task(BACKOFF_BASE_S) == Upload("a")


@pytest.mark.parametrize("asked", [0.0, 1.0, 60.0, RETRY_AFTER_S_MAX])
@pytest.mark.parametrize("dice", [0.0, 0.999])
def test_a_pause_asked_for_is_kept_whatever_happens_here(asked: float, dice: float) -> None:
    schedule = schedule_of("a", "b")
    send(schedule, "a", RetryAfter(asked), 100.0, dice)
    schedule.on_flush_asked(100.0)
    schedule.on_wake(100.0)
    schedule.on_token_changed(100.0)
    task = schedule.next_task(100.0)
    assert isinstance(task, Wait)
    assert (
        max(asked, PAUSE_FLOOR_S)
        <= task.until - 100.0
        <= min(max(asked, PAUSE_FLOOR_S) * 1.1, RETRY_AFTER_S_MAX)
    )
    assert schedule.word is Word.THROTTLED
    assert schedule.next_task(task.until) == Upload("a")


def test_another_endpoint_forgets_what_the_last_one_said() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", RetryAfter(9_000.0), 0.0)
    schedule.on_endpoint_changed(1.0)
    send(schedule, "a", Unauthorized("401"), 1.0)
    schedule.on_endpoint_changed(2.0)
    send(schedule, "a", SERVER, 2.0)
    schedule.on_endpoint_changed(3.0)
    assert schedule.next_task(3.0) == Upload("a")


@pytest.mark.parametrize("ask", ["on_flush_asked", "on_wake"])
def test_a_flush_and_a_wake_cut_a_back_off_short(ask: str) -> None:
    schedule, now = schedule_of("a"), 0.0
    for _ in range(10):
        send(schedule, "a", SERVER, now, 0.999)
        now += BACKOFF_CAP_S
    send(schedule, "a", SERVER, now, 0.999)
    getattr(schedule, ask)(now)
    assert schedule.next_task(now + PAUSE_FLOOR_S) == Upload("a")


@pytest.mark.parametrize("ask", ["on_flush_asked", "on_wake"])
def test_a_flush_and_a_wake_never_lengthen_a_wait(ask: str) -> None:
    schedule = schedule_of("a")
    getattr(schedule, ask)(5.0)
    assert schedule.next_task(5.0) == Upload("a")


def test_a_token_that_is_not_accepted_stops_all_until_it_changes() -> None:
    schedule = schedule_of("a", "b")
    send(schedule, "a", Unauthorized("401: bad token"), 0.0)
    assert schedule.word is Word.UNAUTHORIZED
    assert schedule.next_task(0.0) == ReadToken()
    schedule.on_token_read(changed=False, again=True, now=0.0)
    assert schedule.next_task(1.0) == Wait(TOKEN_REREAD_S)
    assert schedule.next_task(TOKEN_REREAD_S) == ReadToken()
    schedule.on_token_read(changed=True, again=True, now=TOKEN_REREAD_S)
    assert schedule.next_task(TOKEN_REREAD_S) == Upload("a")
    assert schedule.trouble is None


def test_a_token_that_cannot_change_by_itself_is_tried_again_after_an_hour() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", Unauthorized("403"), 0.0)
    assert schedule.next_task(0.0) == ReadToken()
    schedule.on_token_read(changed=False, again=False, now=0.0)
    assert schedule.next_task(1.0) == Wait(UNAUTHORIZED_RETRY_S)
    assert schedule.next_task(UNAUTHORIZED_RETRY_S) == Upload("a")


def test_a_refusal_of_the_token_before_does_not_stop_the_new_one() -> None:
    schedule = schedule_of("a")
    assert schedule.next_task(0.0) == Upload("a")
    schedule.on_token_changed(0.5)
    schedule.on_answer("a", Unauthorized("401"), 1.0, 0.0)
    assert schedule.next_task(1.0) == Upload("a")


def test_a_new_token_is_tried_at_once() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", Unauthorized("403"), 0.0)
    schedule.on_token_changed(1.0)
    assert schedule.next_task(1.0) == Upload("a")


def test_no_token_is_looked_for_when_there_is_nothing_to_send() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", Unauthorized("401"), 0.0)
    schedule.on_gone("a")
    assert schedule.next_task(100.0) == Idle(IdleReason.EMPTY)
    assert schedule.word is Word.UNAUTHORIZED


def test_a_flush_looks_at_the_token_and_tries_it_at_once() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", Unauthorized("401"), 0.0)
    schedule.next_task(0.0)
    schedule.on_token_read(changed=False, again=True, now=0.0)
    schedule.on_flush_asked(1.0)
    assert schedule.next_task(1.0) == ReadToken()
    assert schedule.next_task(1.0) == Upload("a")


def test_too_large_is_halved_down_to_one_event_which_is_set_aside() -> None:
    schedule = schedule_of("a", events=2)
    assert send(schedule, "a", TooLarge(), 0.0) == Halve()
    schedule.on_ready("a1", 1, 1, 0.0)
    fate = send(schedule, "a1", TooLarge(), 0.0)
    assert isinstance(fate, Quarantine)
    assert fate.reason is DropReason.REFUSED
    assert "single event" in fate.detail


def test_a_refused_batch_is_set_aside_and_the_next_is_not_rushed_into_the_same() -> None:
    schedule, now = schedule_of("a", "b", "c"), 0.0
    for batch_id, wait in (("a", BACKOFF_BASE_S), ("b", 2 * BACKOFF_BASE_S)):
        fate = send(schedule, batch_id, Refused("404: no"), now)
        assert fate == Quarantine(DropReason.REFUSED, "404: no")
        assert schedule.next_task(now) == Wait(now + HALF * wait)
        now += wait
    send(schedule, "c", delivered(), now)
    schedule.on_ready("d", 1, 1, now)
    send(schedule, "d", Refused("400"), now)
    schedule.on_ready("e", 1, 1, now)
    assert schedule.next_task(now) == Wait(now + HALF * BACKOFF_BASE_S)


def test_a_settled_batch_is_never_sent_again_while_its_file_lingers() -> None:
    schedule = schedule_of("a")
    assert schedule.next_task(0.0) == Upload("a")
    schedule.on_answer("a", delivered(), 0.0, HALF)
    schedule.on_ready("a", 4, 1_000, 0.0)
    assert schedule.next_task(0.0) == Idle(IdleReason.EMPTY)
    assert schedule.pending == 0


def test_an_aborted_batch_is_sent_again_without_a_wait() -> None:
    schedule = schedule_of("a")
    schedule.next_task(0.0)
    schedule.on_aborted("a")
    assert schedule.next_task(0.0) == Upload("a")


def test_an_answer_for_a_batch_that_is_gone_changes_nothing_of_it() -> None:
    schedule = schedule_of("a")
    schedule.next_task(0.0)
    schedule.on_gone("a")
    assert schedule.on_answer("a", delivered(), 0.0, HALF) == Keep()
    assert schedule.next_task(0.0) == Idle(IdleReason.EMPTY)


def test_what_is_pending_counts_batches_and_events() -> None:
    schedule = schedule_of("a", "b")
    send(schedule, "a", SERVER, 0.0)
    assert (schedule.pending, schedule.pending_events) == (2, 8)
    assert schedule.word is Word.SERVER_ERROR


def test_a_flush_gives_no_second_try_to_what_failed_after_it_was_asked_for() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", SERVER, 10.0, 0.999)
    schedule.on_flush_asked(10.5, since=9.0)
    assert isinstance(schedule.next_task(10.5), Wait)
    schedule.on_flush_asked(10.5, since=10.5)
    assert schedule.next_task(10.5) == Upload("a")


def test_a_flush_tries_what_came_after_a_failure() -> None:
    schedule = schedule_of("a")
    send(schedule, "a", SERVER, 10.0, 0.999)
    schedule.on_ready("b", 1, 1, 10.2)
    schedule.on_flush_asked(10.5, since=9.0)
    assert schedule.next_task(10.5) == Upload("b")
