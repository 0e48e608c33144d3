"""Carries sealed batches to an exporter, as `UploadSchedule` says, and the answers back.

One `run()` until cancelled, one request in flight, no polling: it sleeps until `wake()` or its
own timer.

Lowering the consent, in this order: `set_gate(False)`, `await abort_in_flight()`, rewrite the
spool, `set_gate(True)`. The interleavings with a batch on its way:

1. The abort comes before the answer: the connection is reset, the batch stays in the spool, and
   the rewrite removes what may no longer be sent.
2. The abort comes after the answer was read: it counts as delivered, and `acknowledged` follows;
   what the rewrite has left of the batch is then removed, all of it already delivered.
3. The abort comes while `acknowledged`, `halve` or `quarantine` runs: nothing is on the wire any
   more, and the source orders its own disk work.
"""

import asyncio
import random
from collections.abc import Callable

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
from sidespool.core.upload_policy import CLOCK_JUMP_S, SETTLE_RETRY_S
from sidespool.core.upload_state import Word
from sidespool.errors import SidespoolError
from sidespool.runtime.upload_ports import (
    BatchSource,
    Clock,
    Exporter,
    FlushResult,
    SealedBatch,
    TokenReader,
    UploadStatus,
    UploadTally,
)
from sidespool.wire.event import format_time
from sidespool.wire.outcome import DropReason
from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Captive,
    Classification,
    Delivered,
    UploadAnswer,
)

_REASONS_MAX = 32  # a collector names a handful; a broken one must not fill the memory


class Uploader:
    """The shell around `UploadSchedule`."""

    def __init__(
        self,
        *,
        source: BatchSource,
        exporter: Exporter,
        schedule: UploadSchedule,
        clock: Clock,
        token: TokenReader | None = None,
        tally: UploadTally | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._source = source
        self._exporter = exporter
        self._schedule = schedule
        self._clock = clock
        self._token = token
        self._tally = tally
        self._dice = dice
        self._woken = asyncio.Event()
        self._batches: dict[str, SealedBatch] = {}
        self._sending: asyncio.Task[Classification | None] | None = None
        self._in_flight: str | None = None
        self._held = False
        self._owed: list[tuple[SealedBatch, Fate]] = []
        self._owed_at = 0.0
        self._flushes: list[asyncio.Future[None]] = []
        self._next_at: float | None = None
        self._offset_s = self._wall_ahead_s()
        self._uploaded = self._uploaded_events = 0
        self._rejected: dict[str, int] = {}
        self._last_success: int | None = None
        self._last_error: tuple[str, int] | None = None
        self._noted = (schedule.word, clock.unix_ms())

    # --- what others say

    def wake(self) -> None:
        """The list of sealed batches, or anything else, has changed."""
        self._woken.set()

    def set_gate(self, is_open: bool) -> None:
        """Whether anything may be sent. Closing it does not abort: see the module's text."""
        self._schedule.on_gate(is_open)
        self.wake()

    def hold(self) -> bool:
        """Sends nothing until `release`; False where a batch is on its way, or its answer owed."""
        self._held = self._sending is None and not self._owed
        return self._held

    def release(self) -> None:
        """Goes on after `hold`."""
        self._held = False
        self.wake()

    def token_changed(self) -> None:
        """Another token is in place."""
        self._schedule.on_token_changed(self._clock.monotonic())
        self.wake()

    async def replace_exporter(self, exporter: Exporter) -> None:
        """Another endpoint, proxy or kind of exporter, from the next batch on."""
        await self.abort_in_flight()
        before, self._exporter = self._exporter, exporter
        self._schedule.on_endpoint_changed(self._clock.monotonic())
        self.wake()
        await before.aclose()

    async def abort_in_flight(self) -> str:
        """Returns when nothing is on the wire any more; a batch that was answered is delivered.

        What became of it: `nothing` was being sent, it was `aborted`, or it was `answered`.
        """
        sending = self._sending
        if sending is None:
            return "nothing"
        if not sending.done():
            self._exporter.abort()
            sending.cancel()
            await asyncio.wait({sending})
        answered = not sending.cancelled() and isinstance(sending.result(), Delivered)
        return "answered" if answered else "aborted"

    async def flush(self, deadline_s: float, since: float | None = None) -> FlushResult:
        """Seals, then sends whatever the collector takes now, for at most `deadline_s`.

        `since` (monotonic seconds) is when it was asked for, if something was sealed before.
        """
        since = self._clock.monotonic() if since is None else since
        before, before_events = self._uploaded, self._uploaded_events
        rested: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sealed, late = 0, None
        try:
            async with asyncio.timeout(deadline_s):
                sealed = await self._source.seal_now()
                self._list()
                self._schedule.on_flush_asked(self._clock.monotonic(), since)
                self._flushes.append(rested)
                self.wake()
                await rested
        except TimeoutError:
            late = f"not finished within {deadline_s:g} s"
        except (SidespoolError, OSError) as error:
            late = f"the active segments could not be sealed ({error})"
        return FlushResult(
            sealed=sealed,
            uploaded=self._uploaded - before,
            pending=self._schedule.pending,
            error=late or self._why_pending(),
            uploaded_events=self._uploaded_events - before_events,
            pending_events=self._schedule.pending_events,
        )

    def _why_pending(self) -> str | None:
        if self._schedule.pending == 0:
            return None
        if self._schedule.word is Word.OFF:
            return "sending is switched off"
        trouble = self._schedule.trouble
        return trouble.sentence if trouble else None

    @property
    def state(self) -> UploadStatus:
        """For `status`."""
        self._note()
        word, since = self._noted
        error, error_at = self._last_error or (None, None)
        return UploadStatus(
            state=word,
            since=format_time(since),
            pending=self._schedule.pending,
            pending_events=self._schedule.pending_events,
            uploaded=self._uploaded,
            uploaded_events=self._uploaded_events,
            last_success=_time(self._last_success),
            last_error=error,
            last_error_at=_time(error_at),
            next_attempt_at=_time(self._next_attempt_ms()),
            in_flight=self._in_flight,
            rejected=dict(self._rejected),
        )

    def _next_attempt_ms(self) -> int | None:
        if self._next_at is None:
            return None
        wait_s = max(self._next_at - self._clock.monotonic(), 0.0)
        return self._clock.unix_ms() + round(wait_s * 1_000)

    # --- the loop

    async def run(self) -> None:
        """Until cancelled; what is in flight is then cut off and stays in the spool."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._step(tasks)
        finally:
            self._sending = self._in_flight = None
            self._rest()
            await self._exporter.aclose()

    async def _step(self, tasks: asyncio.TaskGroup) -> None:
        self._woken.clear()
        self._notice_jump()
        await self._settle_owed()
        self._list()
        if self._held:
            await self._woken.wait()
            return
        task = self._schedule.next_task(self._clock.monotonic())
        self._next_at = task.until if isinstance(task, Wait) else None
        match task:
            case Upload(batch_id):
                await self._upload(self._batches[batch_id], tasks)
            case ReadToken():
                await self._read_token()
            case Wait(until):
                await self._sleep(until)
            case Idle(reason):
                assert reason is not IdleReason.IN_FLIGHT, "the loop itself awaits each upload"
                await self._sleep(None)
        self._note()

    async def _sleep(self, until: float | None) -> None:
        self._note()
        self._rest()
        if self._owed:
            until = self._owed_at if until is None else min(until, self._owed_at)
        try:
            async with asyncio.timeout(None if until is None else self._delay(until)):
                await self._woken.wait()
        except TimeoutError:
            return

    def _delay(self, until: float) -> float:
        return max(until - self._clock.monotonic(), 0.0)

    def _rest(self) -> None:
        """All that can be sent now has been: whoever asked for a flush hears of it."""
        for rested in self._flushes:
            if not rested.done():
                rested.set_result(None)
        self._flushes.clear()

    def _list(self) -> None:
        """Tells the schedule what is new in the spool, and what is gone from it."""
        listed = {batch.batch_id: batch for batch in self._source.sealed()}
        now = self._clock.monotonic()
        for gone in self._batches.keys() - listed.keys():
            self._schedule.on_gone(gone)
        for batch_id, batch in listed.items():
            if batch_id not in self._batches:
                self._schedule.on_ready(batch_id, batch.events, batch.size_bytes, now)
        self._batches = listed

    async def _read_token(self) -> None:
        token = self._token
        changed = await token.reread() if token else False
        again = token.may_change if token else False
        self._schedule.on_token_read(changed, again, self._clock.monotonic())

    def _wall_ahead_s(self) -> float:
        return self._clock.unix_ms() / 1_000 - self._clock.monotonic()

    def _notice_jump(self) -> None:
        """The monotonic clock stands still in a sleep (Linux, macOS); the wall clock does not."""
        offset_s = self._wall_ahead_s()
        if abs(offset_s - self._offset_s) > CLOCK_JUMP_S:
            self._schedule.on_wake(self._clock.monotonic())
        self._offset_s = offset_s

    # --- one batch

    async def _upload(self, batch: SealedBatch, tasks: asyncio.TaskGroup) -> None:
        self._in_flight = batch.batch_id
        self._note()
        self._sending = tasks.create_task(self._attempt(batch))
        await asyncio.wait({self._sending})
        sent, self._sending, self._in_flight = self._sending, None, None
        answer = None if sent.cancelled() else sent.result()
        if answer is None or (isinstance(answer, Captive) and not await self._is_whole(batch)):
            self._schedule.on_aborted(batch.batch_id)
            return
        fate = self._schedule.on_answer(
            batch.batch_id, answer, self._clock.monotonic(), self._dice()
        )
        if trouble := self._schedule.trouble:
            self._last_error = (trouble.sentence, self._clock.unix_ms())
        await self._carry_out(batch, fate)

    async def _attempt(self, batch: SealedBatch) -> Classification | None:
        """The exporter's answer; None where the batch is gone."""
        try:
            return await self._exporter.send(batch)
        except FileNotFoundError:
            self._schedule.on_gone(batch.batch_id)
            await self._is_whole(batch)
            return None
        except OSError as error:
            return Backoff(error.strerror or type(error).__name__, BackoffCause.FILE)
        except Exception as error:
            # A fault of one exporter must not end the daemon: it is shown, and time may mend it.
            return Backoff(f"unexpected {type(error).__name__}: {error}", BackoffCause.SETTING)

    async def _is_whole(self, batch: SealedBatch) -> bool:
        """An answer that counts other events than we do may be about a file that was damaged."""
        try:
            return await self._source.inspect(batch.batch_id)
        except (SidespoolError, OSError):
            return True  # it cannot be looked at now: nothing is known against it

    async def _carry_out(self, batch: SealedBatch, fate: Fate) -> None:
        try:
            await self._apply(batch, fate)
        except (SidespoolError, OSError) as error:
            # The disk refused. The answer stands, so the batch is not sent again meanwhile.
            self._owed.append((batch, fate))
            self._owed_at = self._clock.monotonic() + SETTLE_RETRY_S
            self._last_error = (f"An answer could not be kept ({error})", self._clock.unix_ms())

    async def _settle_owed(self) -> None:
        if not self._owed or self._clock.monotonic() < self._owed_at:
            return
        owed, self._owed = self._owed, []
        for batch, fate in owed:
            await self._carry_out(batch, fate)

    async def _apply(self, batch: SealedBatch, fate: Fate) -> None:
        match fate:
            case Acknowledge(answer):
                await self._source.acknowledged(batch.batch_id, answer)
                self._count(batch, answer)
            case Halve():
                await self._source.halve(batch.batch_id)
            case Quarantine(reason, detail):
                await self._source.quarantine(batch.batch_id, reason.value, detail)
                if self._tally:
                    self._tally.on_dropped(reason, batch.events)
            case Keep():
                return

    def _count(self, batch: SealedBatch, answer: UploadAnswer) -> None:
        self._uploaded += 1
        self._uploaded_events += batch.events
        self._last_success = self._clock.unix_ms()
        for rejected in answer.rejected:
            known = rejected.reason in self._rejected or len(self._rejected) < _REASONS_MAX
            reason = rejected.reason[:64] if known else "other"
            self._rejected[reason] = self._rejected.get(reason, 0) + 1
        if self._tally:
            self._tally.on_delivered(answer.accepted + answer.duplicates)
            if answer.rejected:
                self._tally.on_dropped(DropReason.REJECTED, len(answer.rejected))

    def _note(self) -> None:
        word = self._schedule.word
        if word is not self._noted[0]:
            self._noted = (word, self._clock.unix_ms())


def _time(unix_ms: int | None) -> str | None:
    return None if unix_ms is None else format_time(unix_ms)
