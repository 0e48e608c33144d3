"""Cuts a stream of bytes into lines, with a bound on memory and on how long a line may take.

Bytes are received into one buffer that grows only for a long frame and shrinks again after it.
"""

from sidespool.core.policy import FRAME_BYTES_MAX

START_BYTES = 64 * 1024


class LineBuffer:
    """A receive buffer; `room` is where the next bytes go, `take` gives whole lines."""

    def __init__(self, limit: int = FRAME_BYTES_MAX) -> None:
        self._limit = limit
        self._buffer = bytearray(START_BYTES)
        self._end = 0

    @property
    def partial(self) -> int:
        """Bytes of a line that has not ended yet."""
        return self._end

    def room(self) -> memoryview:
        """Writable memory behind what is there; empty where the limit is reached."""
        if self._end == len(self._buffer):
            grown = bytearray(min(len(self._buffer) * 4, self._limit + 1))
            grown[: self._end] = self._buffer[: self._end]
            self._buffer = grown
        return memoryview(self._buffer)[self._end :]

    def feed(self, data: bytes) -> None:
        """Copies bytes in, for transports that bring their own."""
        while data:
            room = self.room()
            if not room:
                return
            part = data[: len(room)]
            room[: len(part)] = part
            self._end += len(part)
            data = data[len(part) :]

    def took(self, count: int) -> None:
        """`count` bytes were written to `room`."""
        self._end += count

    @property
    def too_long(self) -> bool:
        """Whether the line that has begun is over the limit."""
        return self._end > self._limit

    def take(self) -> bytes:
        """Whole lines, without the end of the last; what is left moves to the front."""
        cut = self._buffer.rfind(b"\n", 0, self._end)
        if cut < 0:
            return b""
        lines = bytes(memoryview(self._buffer)[:cut])
        rest = self._end - cut - 1
        if len(self._buffer) > START_BYTES and rest < START_BYTES:
            fresh = bytearray(START_BYTES)
            fresh[:rest] = self._buffer[cut + 1 : self._end]
            self._buffer = fresh
        else:
            self._buffer[:rest] = self._buffer[cut + 1 : self._end]
        self._end = rest
        return lines

    def rest(self) -> bytes:
        """What was left without an end: a stream may close after its last frame."""
        last = bytes(memoryview(self._buffer)[: self._end])
        self._end = 0
        return last
