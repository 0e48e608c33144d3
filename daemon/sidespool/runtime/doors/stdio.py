"""The parent's door: frames on standard input, answers on standard output, no token.

Only the parent holds the pipe, so it may hand secrets over here. Standard input is read in a
thread of its own, which works on every system and for every kind of stdin, and sleeps while
nothing comes. Its end means: the parent is gone.
"""

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable

from sidespool.runtime.conversation import Conversation
from sidespool.runtime.doors.line_frames import LineBuffer
from sidespool.runtime.doors.reception import Reception

_READ_BYTES = 256 * 1024
# Above the first, standard input is read no further until the parent has read its answers; only
# what comes unasked (settings) can go on gathering, and is dropped above the second.
_OUT_BYTES_HIGH = 1 * 1024 * 1024
_OUT_BYTES_MAX = 32 * 1024 * 1024


class StandardOutput:
    """Writes whole lines in a thread, so that a parent that does not read never stops the loop.

    Lines go past Python's buffer: a pipe that breaks must not leave anything for the exit to fail
    on.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop = asyncio.get_running_loop()
        self._queued_bytes = 0  # counted by the loop
        self._done_bytes = 0  # counted by the thread
        self._waiting: list[Callable[[], None]] = []

    @property
    def full(self) -> bool:
        """Whether the parent is far behind with reading."""
        return self._queued_bytes - self._done_bytes > _OUT_BYTES_HIGH

    def when_relieved(self, resume: Callable[[], None]) -> None:
        """Calls back once when the parent has read on."""
        self._waiting.append(resume)
        if not self.full:  # the thread may have looked before
            self._loop.call_soon(self._relieve)

    def write(self, line: bytes) -> None:
        """Queues a line (without its end)."""
        if self._queued_bytes - self._done_bytes > _OUT_BYTES_MAX:
            return
        self._queued_bytes += len(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sidespool-stdout", daemon=True)
            self._thread.start()
        self._queue.put(line)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            with contextlib.suppress(OSError):  # a closed pipe: end of stdin tells the rest
                write_whole(1, line + b"\n")
            self._done_bytes += len(line)
            if self._waiting and not self.full:
                try:
                    self._loop.call_soon_threadsafe(self._relieve)
                except RuntimeError:
                    return  # the loop is closed

    def _relieve(self) -> None:
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    def close(self, timeout_s: float) -> None:
        """Waits for what is queued, for at most `timeout_s`."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout_s)


def write_whole(fd: int, data: bytes) -> None:
    """All of it, however the pipe takes it; raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class StandardInput:
    """Reads until the end, then calls `on_end` in the loop; without frames it only watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> None:
        self._loop = loop
        self._on_end = on_end
        self._lines = LineBuffer()
        self._may_read = threading.Event()
        self._may_read.set()
        self._reception: Reception | None = None
        self._output: StandardOutput | None = None
        self._conversation: Conversation | None = None

    def open(self, reception: Reception, output: StandardOutput) -> None:
        """Takes frames, too."""
        self._reception = reception
        self._output = output
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
        conversation = self._conversation
        if conversation is not None and not conversation.closing:
            self._frames(data, conversation)
        if not data:
            self._on_end()
            return
        self._go_on()

    def _go_on(self) -> None:
        """Reads on, unless too much waits for the disk or for the parent to read."""
        conversation, reception = self._conversation, self._reception
        emitting = conversation is not None and conversation.emitting
        if emitting and reception is not None and reception.intake.pressed():
            reception.intake.when_relieved(self._go_on)
        elif self._output is not None and self._output.full:
            self._output.when_relieved(self._go_on)
        else:
            self._may_read.set()

    def _frames(self, data: bytes, conversation: Conversation) -> None:
        """Takes in what came; at the end of the stream also what was left without a line end."""
        self._lines.feed(data)
        lines = self._lines.take() if data else self._lines.rest()
        if lines:
            conversation.on_lines(lines)
        if self._lines.too_long:
            conversation.on_oversize()
