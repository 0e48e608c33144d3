"""Follows the boundaries of WebSocket messages in a stream of bytes, without reading them.

It only answers one question: has a message begun that is not whole yet? (RFC 6455, section 5.2:
two bytes, 0, 2 or 8 more of length, 4 of mask, payload; a message ends with FIN; control frames,
opcodes 8 to 15, may come between its fragments.)
"""

_HEAD_BYTES_MAX = 14
_FINAL_TEXT = 0x81


class FrameWatch:
    """Give it every byte that a client sends after the upgrade, in order."""

    def __init__(self) -> None:
        self._head = b""  # of a frame whose length is not known yet
        self._skip = 0  # bytes of the frame that are still to come
        self._in_message = False
        self._ends_message = False
        self.messages = 0

    @property
    def partial(self) -> bool:
        """Whether something has begun and not ended."""
        return bool(self._head or self._skip or self._in_message)

    def feed(self, data: bytes) -> None:
        """Counts whole messages in `messages`; never raises for any bytes."""
        at, end = 0 if self.partial else self._whole_ones(data), len(data)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
                at += step
                if not self._skip:
                    self._end_frame()
                continue
            head = self._head + data[at : at + _HEAD_BYTES_MAX - len(self._head)]
            size = _frame_bytes(head)
            if size is None:
                self._head = head
                return
            self._begin_frame(head[0])
            at -= len(self._head)
            self._head = b""
            self._skip = size

    def _whole_ones(self, data: bytes) -> int:
        """Passes over the plain case, whole masked text frames, at a quarter of the cost."""
        at, end, found = 0, len(data), 0
        while at + 8 <= end and data[at] == _FINAL_TEXT:
            length = data[at + 1] - 128
            if 0 <= length < 126:
                after = at + 6 + length
            elif length == 126:
                after = at + 8 + (data[at + 2] << 8 | data[at + 3])
            else:
                break
            if after > end:
                break
            at, found = after, found + 1
        self.messages += found
        return at

    def _begin_frame(self, first: int) -> None:
        control = bool(first & 0x08)
        final = bool(first & 0x80)
        self._ends_message = final and not control
        if not control:
            self._in_message = True

    def _end_frame(self) -> None:
        if self._ends_message:
            self._in_message = False
            self.messages += 1


def _frame_bytes(head: bytes) -> int | None:
    """Bytes of the whole frame, head included; None while its head does not say."""
    if len(head) < 2:
        return None
    masked, length = head[1] & 0x80, head[1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)
    if len(head) < 2 + extra:
        return None
    if extra:
        length = int.from_bytes(head[2 : 2 + extra], "big")
    return 2 + extra + (4 if masked else 0) + length
