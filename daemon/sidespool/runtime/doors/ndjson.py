"""The fast door: raw NDJSON over a Unix socket (a named pipe on Windows).

Bytes land in a reused buffer without a copy per event; answers of one turn of the loop leave in
one write. Reading stops while too much waits for the disk or for the client to read.
"""

import asyncio
from typing import Any

from sidespool.core.policy import FRAME_DEADLINE_S
from sidespool.runtime.conversation import Conversation
from sidespool.runtime.doors.line_frames import LineBuffer
from sidespool.runtime.doors.reception import Reception

PARTING_S = 1.0  # how long a client may take to hang up once it has all answers


class NdjsonProtocol(asyncio.BufferedProtocol):
    """One connection. The first line is a hello with the token."""

    def __init__(
        self, reception: Reception, token: str, deadline_s: float = FRAME_DEADLINE_S
    ) -> None:
        self._reception = reception
        self._token = token
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._lines = LineBuffer()
        self._out: list[bytes] = []
        self._transport: Any = None
        self._conversation: Conversation | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._client_slow = False
        self._disk_slow = False
        self._ended = self._parting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected; it has 10 s to say hello."""
        self._transport = transport
        if self._reception.full:
            self._reception.refuse("too_many_connections")
            self._transport.abort()
            return
        self._conversation = self._reception.enter(self._send, door="local", token=self._token)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; what it was promised is durable already."""
        self._disarm()
        if self._conversation is not None:
            self._reception.leave(self._conversation)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the transport puts the next bytes."""
        return self._lines.room()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived; after a goodbye they are read only to be thrown away."""
        conversation = self._conversation
        if conversation is None or conversation.closing:
            return
        self._lines.took(nbytes)
        lines = self._lines.take()
        if lines:
            conversation.on_lines(lines)
        if self._lines.too_long:
            conversation.on_oversize()
        if conversation.closing:
            self._end(conversation)
            return
        if lines or self._deadline is None:
            self._arm_or_rest(conversation)
        if conversation.emitting and self._reception.intake.pressed():
            self._hold_for_disk()

    def _arm_or_rest(self, conversation: Conversation) -> None:
        """A frame that has begun has 10 s to end; between frames there is no hurry."""
        if self._lines.partial or not conversation.welcomed:
            self._arm()
        else:
            self._disarm()

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self._loop.call_later(self._deadline_s, self._late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._client_slow or self._disk_slow:
            self._arm()  # it is we who do not read
            return
        self._reception.refuse("frame_deadline")
        self._transport.abort()

    # -- answers -------------------------------------------------------------------------------

    def _send(self, answer: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(answer)

    def _flush(self) -> None:
        if self._out and not self._transport.is_closing():
            self._transport.write(b"\n".join(self._out) + b"\n")
        self._out.clear()
        conversation = self._conversation
        if conversation is not None and conversation.closing and conversation.settled:
            self._part()

    def _end(self, conversation: Conversation) -> None:
        """Nothing more counts; the connection closes with the last answer."""
        self._disarm()
        self._lines = LineBuffer()
        conversation.closing = True
        if conversation.refused:
            self._reception.refuse("token")
        if conversation.settled:
            self._flush()

    def _part(self) -> None:
        """Closes once the client has: to close on bytes that nobody has read is a reset to it."""
        if self._parting or self._transport.is_closing():
            return
        self._parting = True
        if self._ended or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._deadline = self._loop.call_later(PARTING_S, self._transport.close)

    # -- back-pressure -------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """The client does not read its answers: stop reading its questions."""
        self._client_slow = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._client_slow = False
        self._resume()

    def _hold_for_disk(self) -> None:
        if not self._disk_slow:
            self._disk_slow = True
            self._transport.pause_reading()
            self._reception.intake.when_relieved(self._relieved)

    def _relieved(self) -> None:
        self._disk_slow = False
        self._resume()

    def _resume(self) -> None:
        conversation = self._conversation
        ended = conversation is None or conversation.closing or self._transport.is_closing()
        if not (self._client_slow or self._disk_slow or ended):
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        """The client has said all: answers that are due still go out, then it closes."""
        self._ended = True
        conversation = self._conversation
        if conversation is None or self._parting:
            return False
        if conversation.closing:
            return True
        last = self._lines.rest()
        if last.strip():
            conversation.on_lines(last)
        self._end(conversation)
        return True
