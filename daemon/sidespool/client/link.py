"""What a connection to the daemon gives the sender: lines of events out, answers back.

Both kinds are blocking, with time-outs, and live on the sender's thread alone. They raise LinkLost
when the other end is gone or unwilling: whatever was sent and not answered is then sent again.
"""

import socket
from contextlib import suppress
from typing import Protocol

import msgspec

CONNECT_S = 2.0
STALL_S = 30.0  # a daemon that neither reads nor answers for this long is given up
ANSWER_BYTES_MAX = 1024 * 1024


class LinkLost(Exception):
    """The connection is of no more use; `blames_frame` where what was sent may be the cause."""

    def __init__(self, text: str, *, blames_frame: bool = True) -> None:
        super().__init__(text)
        self.blames_frame = blames_frame


class Rejected(msgspec.Struct):
    """One event of a frame that the daemon did not take in."""

    index: int
    reason: str
    detail: str = ""


class Answer(msgspec.Struct):
    """Any frame the daemon sends, as far as this client looks at it."""

    op: str = "ack"
    id: int | str | None = None
    accepted: int = 0
    rejected: list[Rejected] = []
    reason: str = ""
    level: str | None = None


class Link(Protocol):
    """One connection to one daemon."""

    level: str | None

    def send(self, frame_id: int, lines: list[bytes]) -> None:
        """Sends one frame of events; raises LinkLost."""

    def receive(self, timeout_s: float) -> list[Answer]:
        """The answers that arrived, at most waiting for the first; raises LinkLost."""

    def interrupt(self) -> None:
        """From another thread: makes what blocks here raise LinkLost at once. Never raises."""

    def close(self, *, goodbye: bool) -> None:
        """Lets go of the connection. Never raises."""


_ANSWERS = msgspec.json.Decoder(Answer)


def decode_answer(raw: bytes | bytearray) -> Answer | None:
    """The daemon's frame, or None for any bytes that are none."""
    try:
        return _ANSWERS.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def break_off(connection: socket.socket) -> None:
    """Ends both directions; a blocked read returns."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
