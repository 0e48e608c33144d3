"""Decides which batch is sent when: one at a time, patient with a collector in trouble.

    shell                            UploadSchedule
      |  on_ready(batch)  ----------->  |
      |  next_task(now)   ----------->  |   Upload(id)    send it; one in flight, no more
      |  <-------------------------- ---|   Wait(until)   nothing before that moment
      |                                 |   ReadToken()   look whether the token changed
      |                                 |   Idle(reason)  nothing until a fact arrives
      |  on_answer(id, answer) ------>  |   Acknowledge | Keep | Halve | Quarantine
      |  on_gone(id)      ----------->  |   the shell has carried that out

Rules:
1. A batch is sent oldest first, but one that failed stands back behind those that did not, so
   that a single bad batch never blocks the others.
2. Failures in a row back off together (`backoff_s`). A failure that may be the batch's own fault
   makes the batch rest for itself as well; a delivery after several failures in a row shows that
   they were an outage, and lets all rest no longer.
3. `Retry-After` is the collector's word: neither a flush nor a wake shortens it, a new endpoint
   does.
4. 401 and 403 stop everything until the token or the endpoint changes, a flush is asked for, or
   an hour has passed: the collector's operator may have let the same token in again.
5. Once an answer has settled a batch it is never sent again, even while its file lingers because
   the disk refused the clean-up.
6. Refusals for good slow down like failures: a collector that answers 404 for a minute while it
   is being updated costs a few batches, not the whole spool.

Times are monotonic seconds, dice are floats in [0, 1).
"""

import math
from collections import OrderedDict
from enum import StrEnum

import msgspec

from sidespool.core.upload_policy import (
    PAUSE_FLOOR_S,
    RETRY_AFTER_SPREAD,
    TOKEN_REREAD_S,
    UNAUTHORIZED_RETRY_S,
    backoff_s,
)
from sidespool.core.upload_state import Trouble, Word, trouble_of
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


class Upload(msgspec.Struct, frozen=True):
    """Send this batch now; it counts as in flight from here on."""

    batch_id: str


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do before `until` (monotonic seconds)."""

    until: float


class ReadToken(msgspec.Struct, frozen=True):
    """Read the token again and report `on_token_read`."""


class IdleReason(StrEnum):
    """What has to happen before there is a task again."""

    EMPTY = "empty"
    CLOSED = "closed"
    IN_FLIGHT = "in_flight"


class Idle(msgspec.Struct, frozen=True):
    """Nothing to do until a fact arrives."""

    reason: IdleReason


Task = Upload | Wait | ReadToken | Idle


class Acknowledge(msgspec.Struct, frozen=True):
    """The collector has it: forget the batch."""

    answer: UploadAnswer


class Keep(msgspec.Struct, frozen=True):
    """The batch stays as it is."""


class Halve(msgspec.Struct, frozen=True):
    """Replace the batch by two of half its events."""


class Quarantine(msgspec.Struct, frozen=True):
    """Set the batch aside: sent again it would be refused again."""

    reason: DropReason
    detail: str


Fate = Acknowledge | Keep | Halve | Quarantine

# Failures after which the batch itself may be to blame: the collector was reached and stumbled.
_BLAMES_BATCH = (BackoffCause.SERVER, BackoffCause.TIMEOUT, BackoffCause.FILE)


class _Batch(msgspec.Struct):
    events: int
    failures: int = 0
    rest_until: float = 0.0
    tried_at: float = -math.inf


class UploadSchedule:
    """The state of the upload; see the module's rules."""

    def __init__(self) -> None:
        self._open = False
        self._fresh: OrderedDict[str, _Batch] = OrderedDict()
        self._failed: dict[str, _Batch] = {}
        self._settled: set[str] = set()
        self._flying: str | None = None
        self._failures = 0
        self._refusals = 0
        self._not_before = 0.0
        self._retry_after_until = 0.0
        self._unauthorized = False
        self._other_token = False
        self._ask_again_at = 0.0
        self._reread_at: float | None = None
        self._trouble: Trouble | None = None

    # --- facts about batches

    def on_ready(self, batch_id: str, events: int, size_bytes: int, now: float) -> None:
        """A sealed batch exists. Known ids are left as they are."""
        if batch_id in self._fresh or batch_id in self._failed or batch_id in self._settled:
            return
        self._fresh[batch_id] = _Batch(events)

    def on_gone(self, batch_id: str) -> None:
        """The batch's file is no more: acknowledged, evicted, withdrawn, halved, quarantined."""
        self._fresh.pop(batch_id, None)
        self._failed.pop(batch_id, None)
        self._settled.discard(batch_id)

    def on_aborted(self, batch_id: str) -> None:
        """The send was cut short by us; the batch may still be there."""
        if self._flying == batch_id:
            self._flying = None

    # --- facts about the collector

    def on_answer(self, batch_id: str, answer: Classification, now: float, dice: float) -> Fate:
        """What came of an upload; the fate is the shell's to carry out, then `on_gone`."""
        self.on_aborted(batch_id)
        batch = self._fresh.get(batch_id) or self._failed.get(batch_id)
        self._trouble = trouble_of(answer)
        match answer:
            case Delivered(counts):
                self._on_delivered()
                return self._settle(batch_id, Acknowledge(counts)) if batch else Keep()
            case TooLarge(detail):
                return self._settle(batch_id, _smaller(batch, detail)) if batch else Keep()
            case Refused(detail):
                self._refusals += 1
                self._not_before = now + backoff_s(self._refusals, dice)
                fate = Quarantine(DropReason.REFUSED, detail)
                return self._settle(batch_id, fate) if batch else Keep()
            case Unauthorized() if self._other_token:
                self._trouble = None  # it was the token before that was refused
            case Unauthorized():
                self._unauthorized = True
                self._reread_at = now
                self._ask_again_at = now + UNAUTHORIZED_RETRY_S
            case RetryAfter(seconds):
                spread = max(seconds, PAUSE_FLOOR_S) * (1 + RETRY_AFTER_SPREAD * dice)
                self._retry_after_until = now + min(spread, RETRY_AFTER_S_MAX)
            case Captive() | Backoff():
                self._on_failed(batch_id, batch, answer, now, dice)
        return Keep()

    def _on_delivered(self) -> None:
        outage = self._failures > 1
        self._failures = self._refusals = 0
        self._not_before = self._retry_after_until = 0.0
        if outage:
            self._end_rests()

    def _on_failed(
        self,
        batch_id: str,
        batch: _Batch | None,
        answer: Captive | Backoff,
        now: float,
        dice: float,
    ) -> None:
        self._failures += 1
        self._not_before = now + backoff_s(self._failures, dice)
        if batch is None or (isinstance(answer, Backoff) and answer.cause not in _BLAMES_BATCH):
            return
        batch.failures += 1
        batch.rest_until = now + backoff_s(batch.failures, dice)
        self._fresh.pop(batch_id, None)
        self._failed[batch_id] = batch

    def _settle(self, batch_id: str, fate: Fate) -> Fate:
        self.on_gone(batch_id)
        self._settled.add(batch_id)
        return fate

    def _end_rests(self) -> None:
        for batch in self._failed.values():
            batch.rest_until = 0.0

    # --- facts about the surroundings

    def on_gate(self, is_open: bool) -> None:
        """Whether anything may be sent at all: level, local only, an endpoint."""
        self._open = is_open

    def on_token_changed(self, now: float) -> None:
        """Another token is in place: what the old one met, or will meet, does not count."""
        self._other_token = self._flying is not None
        if self._unauthorized:
            self._unauthorized = False
            self._trouble = None
        self._reread_at = None

    def on_token_read(self, changed: bool, again: bool, now: float) -> None:
        """The answer to `ReadToken`; `again` says whether a later look may find another."""
        if changed:
            self.on_token_changed(now)
        elif self._unauthorized:
            self._reread_at = now + TOKEN_REREAD_S if again else None

    def on_endpoint_changed(self, now: float) -> None:
        """Another collector: nothing the last one said counts."""
        self._failures = self._refusals = 0
        self._not_before = self._retry_after_until = 0.0
        self._unauthorized = False
        self._reread_at = None
        self._trouble = None
        for batch in self._failed.values():
            batch.failures = 0
        self._end_rests()

    def on_wake(self, now: float) -> None:
        """The machine slept or its clock jumped: the network may be another by now."""
        self._failures = self._refusals = 0
        self._not_before = min(self._not_before, now + PAUSE_FLOOR_S)
        self._end_rests()
        self._look_for_token(now)

    def on_flush_asked(self, now: float, since: float = math.inf) -> None:
        """Somebody wanted, at `since`, all sent: one more try, whatever the back-off.

        What has failed since then has had its try: sealing for a flush wakes the upload, which
        may have failed before the flush comes to ask.
        """
        untried = False
        for batch in (*self._fresh.values(), *self._failed.values()):
            if batch.tried_at < since:
                batch.rest_until = 0.0
                untried = True
        if untried:
            self._not_before = min(self._not_before, now)
            self._look_for_token(now)

    def _look_for_token(self, now: float) -> None:
        if self._unauthorized:
            self._reread_at = now
            self._ask_again_at = now

    # --- what to do

    def next_task(self, now: float) -> Task:
        """The next thing to do; an `Upload` is in flight once it has been handed out."""
        if self._flying is not None:
            return Idle(IdleReason.IN_FLIGHT)
        if not self._open:
            return Idle(IdleReason.CLOSED)
        if not self._fresh and not self._failed:
            return Idle(IdleReason.EMPTY)
        if self._unauthorized:
            return self._token_task(now)
        not_before = max(self._not_before, self._retry_after_until)
        return Wait(not_before) if now < not_before else self._pick(now)

    def _token_task(self, now: float) -> Task:
        if self._reread_at is not None and now >= self._reread_at:
            self._reread_at = None  # until on_token_read says whether to look again
            return ReadToken()
        if now >= self._ask_again_at:
            self._unauthorized = False
            return self.next_task(now)
        return Wait(min(self._reread_at or self._ask_again_at, self._ask_again_at))

    def _pick(self, now: float) -> Task:
        self._other_token = False
        if self._fresh:
            self._flying, batch = next(iter(self._fresh.items()))
            batch.tried_at = now
            return Upload(self._flying)
        batch_id, batch = min(self._failed.items(), key=lambda item: item[1].rest_until)
        if now < batch.rest_until:
            return Wait(batch.rest_until)
        self._flying = batch_id
        batch.tried_at = now
        return Upload(batch_id)

    # --- for status

    @property
    def pending(self) -> int:
        """Batches that are still to be sent, the one in flight included."""
        return len(self._fresh) + len(self._failed)

    @property
    def pending_events(self) -> int:
        """Events in those batches."""
        batches = (*self._fresh.values(), *self._failed.values())
        return sum(batch.events for batch in batches)

    @property
    def trouble(self) -> Trouble | None:
        """What the last answer said is wrong."""
        return self._trouble

    @property
    def word(self) -> Word:
        """The state in one word."""
        if self._flying is not None:
            return Word.SENDING
        if not self._open:
            return Word.OFF
        if self._trouble is not None and (self.pending or self._unauthorized):
            return self._trouble.word
        return Word.WAITING if self.pending else Word.IDLE


def _smaller(batch: _Batch, detail: str) -> Fate:
    if batch.events > 1:
        return Halve()
    return Quarantine(DropReason.REFUSED, f"{detail}, and it holds a single event")
