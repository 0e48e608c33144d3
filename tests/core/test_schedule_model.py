"""The upload schedule against a model, in any order of facts."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidespool.core.schedule import (
    Acknowledge,
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
from sidespool.core.upload_policy import BACKOFF_CAP_S, TOKEN_REREAD_S
from sidespool.wire.upload import (
    RETRY_AFTER_S_MAX,
    Backoff,
    BackoffCause,
    Captive,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
    UploadAnswer,
)

DICE = st.floats(0, 1, exclude_max=True)
TEMPORARY = st.one_of(
    st.builds(Backoff, st.just("later"), st.sampled_from(BackoffCause)),
    st.just(Captive("page")),
)


class ScheduleMachine(RuleBasedStateMachine):
    """Facts come in any order; the laws hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = UploadSchedule()
        self.now = 0.0
        self.made = 0
        self.waiting: dict[str, int] = {}  # in the spool and not settled: id → events
        self.settled: set[str] = set()
        self.flying: str | None = None
        self.is_open = False
        self.unauthorized = False
        self.paused_until = 0.0

    def ready(self, events: int) -> None:
        batch_id = f"b{self.made}"
        self.made += 1
        self.waiting[batch_id] = events
        self.schedule.on_ready(batch_id, events, events * 100, self.now)

    # --- facts

    @rule(events=st.integers(1, 9))
    def seal(self, events: int) -> None:
        self.ready(events)

    @rule(seconds=st.floats(0, 90_000))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask_for_a_task(self) -> None:
        task = self.schedule.next_task(self.now)
        if isinstance(task, Upload):
            assert self.flying is None, "two in flight"
            assert self.is_open, "sent through a closed gate"
            assert not self.unauthorized, "sent with a token that was not accepted"
            assert self.now >= self.paused_until, "sent before Retry-After"
            assert task.batch_id in self.waiting, "sent what is settled or gone"
            self.flying = task.batch_id
        elif isinstance(task, Wait):
            assert self.now < task.until <= self.now + max(RETRY_AFTER_S_MAX, BACKOFF_CAP_S)
        elif isinstance(task, ReadToken):
            assert self.unauthorized
        elif task.reason is IdleReason.EMPTY:
            assert not self.waiting
        else:
            assert self.flying or not self.is_open or self.unauthorized

    def answer(self, answer: object, dice: float) -> object:
        batch_id, self.flying = self.flying, None
        fate = self.schedule.on_answer(batch_id, answer, self.now, dice)  # type: ignore[arg-type]  # any of the union
        if fate != Keep():
            assert batch_id in self.waiting
            del self.waiting[batch_id]
            self.settled.add(batch_id)
        return fate

    @precondition(lambda self: self.flying)
    @rule(dice=DICE)
    def delivered(self, dice: float) -> None:
        known = self.flying in self.waiting
        fate = self.answer(Delivered(UploadAnswer(1, 0)), dice)
        assert isinstance(fate, Acknowledge) is known

    @precondition(lambda self: self.flying)
    @rule(answer=TEMPORARY, dice=DICE)
    def later(self, answer: object, dice: float) -> None:
        assert self.answer(answer, dice) == Keep()

    @precondition(lambda self: self.flying)
    @rule(seconds=st.floats(0, RETRY_AFTER_S_MAX), dice=DICE)
    def pause_asked(self, seconds: float, dice: float) -> None:
        assert self.answer(RetryAfter(seconds), dice) == Keep()
        self.paused_until = self.now + seconds

    @precondition(lambda self: self.flying)
    @rule(dice=DICE)
    def not_authorized(self, dice: float) -> None:
        assert self.answer(Unauthorized("401"), dice) == Keep()
        self.unauthorized = True

    @precondition(lambda self: self.flying)
    @rule(dice=DICE)
    def refused(self, dice: float) -> None:
        known = self.flying in self.waiting
        assert isinstance(self.answer(Refused("400"), dice), Quarantine) is known

    @precondition(lambda self: self.flying)
    @rule(dice=DICE)
    def too_large(self, dice: float) -> None:
        events = self.waiting.get(self.flying or "")
        fate = self.answer(TooLarge(), dice)
        if events is not None and events > 1:
            assert fate == Halve()
            self.ready(events // 2)
            self.ready(events - events // 2)
        else:
            assert isinstance(fate, Quarantine) is (events is not None)

    @precondition(lambda self: self.flying)
    @rule()
    def aborted(self) -> None:
        self.schedule.on_aborted(self.flying or "")
        self.flying = None

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def evicted(self, data: st.DataObject) -> None:
        batch_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[batch_id]
        self.schedule.on_gone(batch_id)

    @precondition(lambda self: self.settled)
    @rule(data=st.data(), relisted=st.booleans())
    def settled_batch_is_cleaned_up_or_lingers(self, data: st.DataObject, relisted: bool) -> None:
        batch_id = data.draw(st.sampled_from(sorted(self.settled)))
        if relisted:
            self.schedule.on_ready(batch_id, 3, 300, self.now)
        else:
            self.settled.discard(batch_id)
            self.schedule.on_gone(batch_id)

    @rule(is_open=st.booleans())
    def gate(self, is_open: bool) -> None:
        self.is_open = is_open
        self.schedule.on_gate(is_open)

    @rule()
    def token_changed(self) -> None:
        self.unauthorized = False
        self.schedule.on_token_changed(self.now)

    @rule(changed=st.booleans(), again=st.booleans())
    def token_read(self, changed: bool, again: bool) -> None:
        self.unauthorized = self.unauthorized and not changed
        self.schedule.on_token_read(changed, again, self.now)

    @rule()
    def endpoint_changed(self) -> None:
        self.unauthorized = False
        self.paused_until = 0.0
        self.schedule.on_endpoint_changed(self.now)

    @rule()
    def woke(self) -> None:
        self.schedule.on_wake(self.now)

    @rule()
    def flush(self) -> None:
        self.schedule.on_flush_asked(self.now)

    # --- laws

    @invariant()
    def pending_is_what_waits(self) -> None:
        assert self.schedule.pending == len(self.waiting)
        assert self.schedule.pending_events == sum(self.waiting.values())

    def teardown(self) -> None:
        """A collector that behaves but takes one event a request gets every batch in the end."""
        self.gate(True)
        self.token_changed()
        if self.flying:
            self.aborted()
        started, tasks = self.now, 0
        bound = 20 * (1 + sum(self.waiting.values()) + len(self.waiting))
        while (task := self.schedule.next_task(self.now)) != Idle(IdleReason.EMPTY):
            tasks += 1
            assert tasks < bound, "the spool does not drain"
            if isinstance(task, Wait):
                self.now = task.until
                continue
            assert isinstance(task, Upload)
            self.flying = task.batch_id
            if self.waiting[task.batch_id] > 1:
                self.too_large(0.5)
            else:
                self.delivered(0.5)
        assert not self.waiting
        assert self.now - started <= RETRY_AFTER_S_MAX + BACKOFF_CAP_S + TOKEN_REREAD_S


TestScheduleMachine = ScheduleMachine.TestCase
TestScheduleMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
