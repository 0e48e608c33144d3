"""The upload schedule against a model, in any order of facts."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
from sidespool.core.upload_policy import BACKOFF_CAP_S, TOKEN_REREAD_S, UNAUTHORIZED_RETRY_S
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

DICE = st.floats(0, 1, exclude_max=True)
ANSWERS: st.SearchStrategy[Classification] = st.one_of(
    st.just(Delivered(UploadAnswer(1, 0))),
    st.just(TooLarge()),
    st.just(Refused("400")),
    st.just(Unauthorized("401")),
    st.just(Captive("page")),
    st.builds(RetryAfter, st.floats(0, RETRY_AFTER_S_MAX)),
    st.builds(Backoff, st.just("later"), st.sampled_from(BackoffCause)),
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
        self.try_again_at = 0.0
        self.other_token = False
        self.paused_until = 0.0

    def ready(self, events: int) -> None:
        batch_id = f"b{self.made}"
        self.made += 1
        self.waiting[batch_id] = events
        self.schedule.on_ready(batch_id, events, events * 100, self.now)

    @initialize(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
    def begins(self, sizes: list[int]) -> None:
        self.gate(True)
        for events in sizes:
            self.ready(events)

    def gate(self, is_open: bool) -> None:
        self.is_open = is_open
        self.schedule.on_gate(is_open)

    # --- facts

    @rule(events=st.integers(1, 9))
    def sealed(self, events: int) -> None:
        self.ready(events)

    @rule(seconds=st.sampled_from([0.0, 0.0, 0.5, 3.0, 40.0, 4_000.0, 90_000.0]))
    def time_passes_and_the_shell_asks(self, seconds: float) -> None:
        self.now += seconds
        task = self.schedule.next_task(self.now)
        if isinstance(task, Upload):
            assert self.flying is None, "two in flight"
            assert self.is_open, "sent through a closed gate"
            early = self.unauthorized and self.now < self.try_again_at
            assert not early, "sent with a token that was not accepted"
            self.unauthorized = False
            assert self.now >= self.paused_until, "sent before Retry-After"
            assert task.batch_id in self.waiting, "sent what is settled or gone"
            self.flying = task.batch_id
            self.other_token = False
        elif isinstance(task, Wait):
            assert self.now < task.until <= self.now + max(RETRY_AFTER_S_MAX, BACKOFF_CAP_S)
        elif isinstance(task, ReadToken):
            assert self.unauthorized
        elif task.reason is IdleReason.EMPTY:
            assert not self.waiting
        else:
            assert self.flying or not self.is_open or self.unauthorized

    @precondition(lambda self: self.flying)
    @rule(answer=ANSWERS, dice=DICE)
    def answered(self, answer: Classification, dice: float) -> None:
        batch_id, self.flying = self.flying or "", None
        fate = self.schedule.on_answer(batch_id, answer, self.now, dice)
        if isinstance(answer, RetryAfter):
            self.paused_until = self.now + answer.seconds
        if isinstance(answer, Unauthorized) and not self.other_token:
            self.unauthorized = True
            self.try_again_at = self.now + UNAUTHORIZED_RETRY_S
        if isinstance(answer, Delivered | Refused | TooLarge) and batch_id in self.waiting:
            self.settle(batch_id, answer, fate)
        else:
            assert fate == Keep()

    def settle(self, batch_id: str, answer: Classification, fate: Fate) -> None:
        events = self.waiting.pop(batch_id)
        self.settled.add(batch_id)
        if isinstance(answer, Delivered):
            assert fate == Acknowledge(answer.answer)
        elif isinstance(answer, TooLarge) and events > 1:
            assert fate == Halve()
            self.ready(events // 2)
            self.ready(events - events // 2)
        else:
            assert isinstance(fate, Quarantine)

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
    @rule(data=st.data(), lingers=st.booleans())
    def settled_batch_is_cleaned_up_or_lingers(self, data: st.DataObject, lingers: bool) -> None:
        batch_id = data.draw(st.sampled_from(sorted(self.settled)))
        if lingers:
            self.schedule.on_ready(batch_id, 3, 300, self.now)
        else:
            self.settled.discard(batch_id)
            self.schedule.on_gone(batch_id)

    @rule(what=st.sampled_from(["close", "open", "token", "endpoint", "wake", "flush", "read"]))
    def surroundings_changed(self, what: str) -> None:
        if what in ("close", "open"):
            self.gate(what == "open")
        elif what == "token":
            self.unauthorized = False
            self.other_token = self.flying is not None
            self.schedule.on_token_changed(self.now)
        elif what == "endpoint":
            self.unauthorized, self.paused_until = False, 0.0
            self.schedule.on_endpoint_changed(self.now)
        elif what == "wake":
            self.schedule.on_wake(self.now)
            self.try_again_at = self.now
        elif what == "flush":
            self.schedule.on_flush_asked(self.now)
            self.try_again_at = self.now
        else:
            self.schedule.on_token_read(changed=False, again=True, now=self.now)

    # --- laws

    @invariant()
    def pending_is_what_waits(self) -> None:
        assert self.schedule.pending == len(self.waiting)
        assert self.schedule.pending_events == sum(self.waiting.values())

    def teardown(self) -> None:
        """A collector that behaves but takes one event a request gets every batch in the end."""
        self.gate(True)
        self.surroundings_changed("token")
        if self.flying:
            self.aborted()
        started, tasks = self.now, 0
        bound = 20 * (1 + sum(self.waiting.values()) + len(self.waiting))
        while self.waiting:
            tasks += 1
            assert tasks < bound, "the spool does not drain"
            task = self.schedule.next_task(self.now)
            if isinstance(task, Wait):
                self.now = task.until
                continue
            assert isinstance(task, Upload)
            self.flying = task.batch_id
            one = self.waiting[task.batch_id] == 1
            self.answered(Delivered(UploadAnswer(1, 0)) if one else TooLarge(), 0.5)
        assert self.schedule.next_task(self.now) == Idle(IdleReason.EMPTY)
        assert self.now - started <= RETRY_AFTER_S_MAX + BACKOFF_CAP_S + TOKEN_REREAD_S


TestScheduleMachine = ScheduleMachine.TestCase
TestScheduleMachine.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
