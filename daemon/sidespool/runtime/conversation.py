"""One client's side of the protocol: frames in, answers out, the same on every transport.

A transport calls `on_frame` with each frame's bytes and gives a `send` that takes encoded
answers. Emits are answered when they are durable, possibly after later questions; ids tell which
answer is whose. Questions of one client are carried out in their order, except that a flush, which
may take half a minute, delays nothing: least of all a withdrawal behind it.

A client that leaves has said what it said: its decisions (set, consent, attach, lost, report,
reset, shutdown) are carried out, its questions are dropped.
"""

import asyncio
import hmac
from collections.abc import Callable
from typing import Any

import msgspec

from sidespool.core.policy import EVENTS_PER_FRAME_MAX, FRAME_BYTES_MAX
from sidespool.runtime.intake import Intake
from sidespool.runtime.log import LOGGER
from sidespool.runtime.operations import Operations, error
from sidespool.wire import frame as wire
from sidespool.wire.event import SESSION_SHAPE
from sidespool.wire.outcome import Rejection

MALFORMED = wire.encode_frame({"op": "error", "reason": "malformed"})
_PENDING_MAX = 64  # operations of one client that may wait; more are refused
_DECISIONS = (
    wire.Set, wire.Consent, wire.Attach, wire.Lost, wire.Report, wire.Reset, wire.Shutdown
)  # fmt: skip


class Conversation:
    """State of one connection.

    `closing` becomes true when nothing more is to be read; the transport closes once everything is
    answered (`settled`). `refused`: the client did not show the token.
    """

    def __init__(
        self,
        intake: Intake,
        operations: Operations,
        send: Callable[[bytes], None],
        *,
        door: str,
        token: str | None,
        trusted: bool = False,
    ) -> None:
        """`token`: what hello must carry; None where the transport has checked already."""
        self.client = door
        self.session_id: str | None = None
        self.welcomed = token is None
        self.closing = False
        self.refused = False
        self._intake = intake
        self._operations = operations
        self._send = send
        self._token = token
        self._trusted = trusted
        self._questions: asyncio.Queue[wire.Question | None] = asyncio.Queue()
        self._asked = 0  # questions without an answer
        self._emitted = 0  # emit frames without an answer
        self._flushes: set[asyncio.Task[None]] = set()
        self._left = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def settled(self) -> bool:
        """Whether everything that was asked has its answer."""
        return not (self._asked or self._emitted)

    @property
    def emitting(self) -> bool:
        """Whether events of this client wait for the disk; only then need it be slowed."""
        return self._emitted > 0

    async def settle(self) -> None:
        """Returns when everything that was asked has its answer. One caller only."""
        if not self.settled:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def leave(self) -> None:
        """The client is gone."""
        self._left = True
        for flush in self._flushes:
            flush.cancel()
        self._questions.put_nowait(None)

    def on_lines(self, chunk: bytes) -> None:
        """Whole lines arrived, a frame each; never raises for any bytes."""
        if self.welcomed:
            frames = self._intake.emit_lines(chunk, self.session_id, self._acknowledge)
            self._emitted += frames
            if frames:
                return
        for line in chunk.split(b"\n"):
            if line.strip() and not self.closing:
                self.on_frame(line)

    def on_messages(self, frames: list[bytes]) -> None:
        """Frames arrived together, each a message of its own; never raises for any bytes."""
        if self.welcomed and len(frames) > 1:
            chunk = b"\n".join(frames)
            # A message with a line end in it must not pass for two.
            if chunk.count(b"\n") == len(frames) - 1:
                taken = self._intake.emit_lines(chunk, self.session_id, self._acknowledge)
                self._emitted += taken
                if taken:
                    return
        for raw in frames:
            if not self.closing:
                self.on_frame(raw)

    def on_frame(self, raw: bytes | memoryview) -> None:
        """One frame arrived; never raises for any bytes."""
        if self.welcomed and self._intake.emit_frame(raw, self.session_id, self._acknowledge):
            self._emitted += 1
            return
        frame = wire.decode_frame(raw)
        if isinstance(frame, wire.Hello):
            self._hello(frame)
        elif not self.welcomed:
            self._refuse()
        elif frame is None:
            self._send(MALFORMED)
        elif isinstance(frame, wire.Emit):
            self._emit(frame)
        elif isinstance(frame, wire.Goodbye):
            self.closing = True
        else:
            self._ask(frame)

    def on_oversize(self) -> None:
        """A frame over the limit began to arrive; the transport closes after this."""
        detail = f"a frame holds at most {FRAME_BYTES_MAX} bytes"
        self._send(wire.encode_frame(error(None, "too_large", detail)))
        self.closing = True

    async def run(self) -> None:
        """Carries out questions until the client has left and its decisions are carried out."""
        async with asyncio.TaskGroup() as slow:
            while not (self._left and self._questions.empty()):
                frame = await self._questions.get()
                if frame is None or (self._left and not isinstance(frame, _DECISIONS)):
                    continue
                if isinstance(frame, wire.Flush):
                    flush = slow.create_task(self._answer(frame))
                    self._flushes.add(flush)
                    flush.add_done_callback(self._flushes.discard)
                else:
                    await self._answer(frame)

    async def _answer(self, frame: wire.Question) -> None:
        try:
            reply = await self._operations.answer(frame, self.client, trusted=self._trusted)
        except OSError as problem:
            detail = f"the disk refused: {problem.strerror or problem}"
            reply = error(getattr(frame, "id", None), "spool_full", detail)
        except Exception:
            # One question must not end the daemon, nor the conversation.
            LOGGER.exception("a question could not be answered")
            reply = error(getattr(frame, "id", None), "internal", "see the daemon's log")
        self._asked -= 1
        self._send(wire.encode_frame(reply))
        self._note_settled()

    def _note_settled(self) -> None:
        if self._waiter is not None and self.settled and not self._waiter.done():
            self._waiter.set_result(None)

    def tell_settings(self) -> None:
        """Pushes the settings after a change."""
        if self.welcomed:
            self._send(
                wire.encode_frame({"op": "settings", **self._operations.governor.settings()})
            )

    def _hello(self, frame: wire.Hello) -> None:
        if self._token is not None and not self.welcomed:
            given = (frame.token or "").encode()
            if not hmac.compare_digest(given, self._token.encode()):
                self._refuse()
                return
        if frame.session_id is not None and SESSION_SHAPE.fullmatch(frame.session_id) is None:
            detail = "session_id is not 1 to 64 letters, digits, . _ : -"
            self._send(wire.encode_frame(error(frame.id, "invalid_value", detail)))
            return
        self.welcomed = True
        self.client = frame.client[:64]
        self.session_id = frame.session_id
        governor = self._operations.governor
        welcome: dict[str, Any] = {
            "op": "welcome",
            "session_id": self.session_id or self._intake.session_id,
            "level": governor.level.label,
            "settings": governor.settings(),
        }
        if frame.id is not None:
            welcome["id"] = frame.id
        self._send(wire.encode_frame(welcome))

    def _refuse(self) -> None:
        self._send(wire.encode_frame({"op": "error", "reason": "unauthorized"}))
        self.closing = self.refused = True

    def _emit(self, frame: wire.Emit) -> None:
        if len(frame.events) > EVENTS_PER_FRAME_MAX:
            detail = f"a frame holds at most {EVENTS_PER_FRAME_MAX} events"
            self._send(wire.encode_frame(error(frame.id, "too_large", detail)))
            return
        frame_id = frame.id
        self._emitted += 1
        self._intake.emit_raw(
            frame.events,
            self.session_id,
            lambda accepted, rejected: self._acknowledge(frame_id, accepted, rejected),
        )

    def _ask(self, frame: wire.Question) -> None:
        if self._asked < _PENDING_MAX:
            self._asked += 1
            self._questions.put_nowait(frame)
            return
        detail = "too many questions are waiting for an answer"
        self._send(wire.encode_frame(error(getattr(frame, "id", None), "rate_limited", detail)))

    def _acknowledge(
        self, frame_id: int | str | None, accepted: int, rejected: list[Rejection]
    ) -> None:
        self._emitted -= 1
        if not rejected and isinstance(frame_id, int):
            self._send(b'{"op":"ack","id":%d,"accepted":%d,"rejected":[]}' % (frame_id, accepted))
        else:
            ack = {"op": "ack", "id": frame_id, "accepted": accepted, "rejected": rejected}
            self._send(msgspec.json.encode(ack))
        if self._waiter is not None:
            self._note_settled()
