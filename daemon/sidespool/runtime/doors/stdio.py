"""The parent's door: frames on standard input, answers on standard output, no token.

Only the parent holds the pipe, so it may hand secrets over here. Standard input is read in a
thread of its own, which works on every system and for every kind of stdin, and sleeps while
nothing comes. Its end means: the parent is gone.
"""

import asyncio
import os
import queue
import sys
import threading
from collections.abc import Callable

from sidespool.runtime.conversation import Conversation
from sidespool.runtime.doors.line_frames import LineBuffer
from sidespool.runtime.doors.reception import Reception

_READ_BYTES = 256 * 1024
_OUT_BYTES_MAX = 8 * 1024 * 1024


class StandardOutput:
    """Writes whole lines in a thread, so that a parent that does not read never stops the loop."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.waiting_bytes = 0

    def write(self, line: bytes) -> None:
        """Queues a line (without its end); drops it where the parent has stopped reading."""
        if self.waiting_bytes > _OUT_BYTES_MAX:
            return
        self.waiting_bytes += len(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sidespool-stdout", daemon=True)
            self._thread.start()
        self._queue.put(line)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                sys.stdout.buffer.write(line + b"\n")
                sys.stdout.buffer.flush()
            except (OSError, ValueError):
                pass  # the parent closed the pipe; end of stdin tells the rest
            self.waiting_bytes -= len(line)

    def close(self, timeout_s: float) -> None:
        """Waits for what is queued, for at most `timeout_s`."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout_s)


class StandardInput:
    """Reads until the end, then calls `on_end` in the loop; without frames it only watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> None:
        self._loop = loop
        self._on_end = on_end
        self._lines = LineBuffer()
        self._may_read = threading.Event()
        self._may_read.set()
        self._reception: Reception | None = None
        self._conversation: Conversation | None = None

    def open(self, reception: Reception, output: StandardOutput) -> None:
        """Takes frames, too."""
        self._reception = reception
        self._conversation = reception.enter(
            output.write, door="electron-main", token=None, trusted=True
        )

    def start(self) -> None:
        """Starts the reading thread."""
        threading.Thread(target=self._run, name="sidespool-stdin", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._may_read.wait()
            try:
                data = os.read(0, _READ_BYTES)
            except OSError:
                data = b""
            self._may_read.clear()
            try:
                self._loop.call_soon_threadsafe(self._arrived, data)
            except RuntimeError:
                return  # the loop is closed
            if not data:
                return

    def _arrived(self, data: bytes) -> None:
        if not data:
            if self._conversation is not None and self._reception is not None:
                self._reception.leave(self._conversation)
            self._on_end()
            return
        conversation, reception = self._conversation, self._reception
        if conversation is not None and reception is not None and not conversation.closing:
            self._frames(data, conversation)
            if reception.intake.pressed():
                reception.intake.when_relieved(self._may_read.set)
                return
        self._may_read.set()

    def _frames(self, data: bytes, conversation: Conversation) -> None:
        self._lines.feed(data)
        lines = self._lines.take()
        if lines:
            conversation.on_lines(lines)
        if self._lines.too_long:
            conversation.on_oversize()
