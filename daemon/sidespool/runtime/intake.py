"""Takes events from any door to the spool, and answers when they are durable.

Used from the loop only; nothing here waits. The answer callback gets the number accepted and the
refusals, exactly once per frame.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from sidespool.core.admission import Admission, Admitted, Stamp
from sidespool.core.overflow import Overflow
from sidespool.core.policy import EVENTS_PER_FRAME_MAX, SEQ_BLOCK
from sidespool.core.rollup import Counted
from sidespool.core.tally import Tally
from sidespool.runtime.ids import dice, now_ms
from sidespool.runtime.spooler import Spooler
from sidespool.wire.level import Level
from sidespool.wire.outcome import Reason, Rejection

Answer = Callable[[int, list[Rejection]], None]


class Intake:
    """Admission, commit and count for one frame at a time. `dirty` is set with each commit."""

    def __init__(
        self,
        admission: Admission,
        spooler: Spooler,
        tally: Tally,
        session_id: str,
        save_seq: Callable[[int], None],
    ) -> None:
        self.admission = admission
        self.session_id = session_id
        self.on_noted: Callable[[str, str], None] = lambda _event_type, _session_id: None
        self.keep_counted: Callable[[list[Counted], Callable[[str], None]], None] = _not_counted
        self.spill: Callable[[list[Overflow]], None] = lambda _overflow: None
        self.dirty = asyncio.Event()
        self.when_relieved = spooler.when_relieved
        self._spooler = spooler
        self._tally = tally
        self._save_seq = save_seq
        self._seq_limit = admission.seq + SEQ_BLOCK // 2

    def pressed(self) -> bool:
        """Whether doors should stop reading until `when_relieved` calls back."""
        return self._spooler.pressed

    def emit_frame(self, raw: bytes | memoryview, session_id: str | None, answer: Any) -> bool:
        """Takes in an emit frame by the fast path; False where the slow path must look.

        `answer(frame_id, accepted, rejected)` is called later.
        """
        frame = self.admission.decode(raw)
        if frame is None or len(frame.events) > EVENTS_PER_FRAME_MAX:
            return False
        admitted = self.admission.admit(frame.events, self._stamp(session_id))
        frame_id = frame.id
        self._commit(admitted, frame.events, lambda n, bad: answer(frame_id, n, bad))
        return True

    def emit_lines(self, chunk: bytes, session_id: str | None, answer: Any) -> int:
        """The same for many frames, one a line: taken in and committed as one, answered each.

        Returns how many there were; 0 where the slow path must look.
        """
        frames = self.admission.decode_lines(chunk)
        if frames is None or any(len(f.events) > EVENTS_PER_FRAME_MAX for f in frames):
            return 0
        events = [event for frame in frames for event in frame.events]
        admitted = self.admission.admit(events, self._stamp(session_id))

        def answer_each(accepted: int, rejected: list[Rejection]) -> None:
            if not rejected:
                for frame in frames:
                    answer(frame.id, len(frame.events), rejected)
                return
            for frame, refused in by_frame(frames, rejected):
                answer(frame.id, len(frame.events) - len(refused), refused)

        self._commit(admitted, events, answer_each)
        return len(frames)

    def emit_raw(self, events: list[msgspec.Raw], session_id: str | None, answer: Answer) -> None:
        """Takes in events one by one."""
        admitted = self.admission.admit_raw(events, self._stamp(session_id))
        self._commit(admitted, events, answer)

    def emit_own(self, event: dict[str, Any]) -> Awaitable[int]:
        """Takes in an event of the daemon's own; how many were accepted, once it is durable."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        raw = msgspec.Raw(msgspec.json.encode(event))
        self.emit_raw([raw], None, lambda accepted, _: done.set_result(accepted))
        return done

    def preview(self, events: list[msgspec.Raw]) -> Admitted:
        """What these events would be stored as, without storing or counting them."""
        seq = self.admission.seq
        admitted = self.admission.admit_raw(events, self._stamp(None))
        self.admission.seq = seq
        return admitted

    def _stamp(self, session_id: str | None) -> Stamp:
        return Stamp(now_ms(), dice(80), session_id or self.session_id)

    def _commit(self, admitted: Admitted, events: list[Any], answer: Answer) -> None:
        rejected = admitted.rejected
        for refusal in rejected:
            self._tally.on_rejected(refusal.reason)
        if not admitted.chunks and not admitted.counted:
            answer(0, rejected)
            return
        if self.admission.seq >= self._seq_limit:
            self._seq_limit = self.admission.seq + SEQ_BLOCK // 2
            self._save_seq(self._seq_limit + SEQ_BLOCK)

        def done(errors: dict[Level, str]) -> None:
            if errors:
                self._tell_rest(admitted, events, errors, answer)
                return
            self.dirty.set()
            for event_type, session in admitted.noted:
                self.on_noted(event_type, session)
            answer(admitted.accepted, rejected)

        def commit(error: str) -> None:
            if error or not admitted.chunks:
                done(dict.fromkeys(Level, error) if error else {})
                return
            if admitted.overflow:
                self._spooler.before_commit(lambda: self.spill(admitted.overflow))
            self._spooler.commit(admitted.chunks, done)

        if admitted.counted:
            self.keep_counted(admitted.counted, commit)
        else:
            commit("")

    def _tell_rest(
        self, admitted: Admitted, events: list[Any], errors: dict[Level, str], answer: Answer
    ) -> None:
        """Some levels of the frame could not be written: their events are refused, no others."""
        known = {refusal.index for refusal in admitted.rejected}
        everything = len(errors) == len(Level)  # not even the counts were kept
        lost = []
        for index, event in enumerate(events):
            if index in known:
                continue
            level = Level.OFF if everything else self.admission.stored_level(event)
            if level in errors:
                lost.append(Rejection(index, Reason.SPOOL_FULL, errors[level]))
        self._tally.on_rejected(Reason.SPOOL_FULL, len(lost))
        kept = len(events) - len(known) - len(lost)
        if kept:
            self.dirty.set()
        if Level.USAGE not in errors:  # what sessions are told by
            for event_type, session in admitted.noted:
                self.on_noted(event_type, session)
        answer(kept, sorted([*admitted.rejected, *lost], key=lambda one: one.index))


def _not_counted(_counted: list[Counted], done: Callable[[str], None]) -> None:
    done("nothing keeps counts here")


def by_frame(frames: list[Any], rejected: list[Rejection]) -> Iterator[tuple[Any, list[Rejection]]]:
    """Refusals of many frames taken in as one, each with its index within its own frame."""
    waiting = iter(sorted(rejected, key=lambda one: one.index))
    following = next(waiting, None)
    start = 0
    for frame in frames:
        end = start + len(frame.events)
        own: list[Rejection] = []
        while following is not None and following.index < end:
            own.append(Rejection(following.index - start, following.reason, following.detail))
            following = next(waiting, None)
        yield frame, own
        start = end
