"""Carries lines of events to the daemon and its answers back: Unix socket, else HTTP.

Both are blocking, with time-outs, and live on the sender's thread alone. They raise LinkLost when
the other end is gone or unwilling: whatever was sent and not answered is then sent again.
"""

import socket
import time
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from sidespool.client.discovery import Door
from sidespool.wire.frame import encode_frame

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


class SocketLink:
    """Raw lines over the Unix socket: hello, welcome, then emit and ack."""

    def __init__(self, door: Door, client: str, session_id: str | None) -> None:
        self.level: str | None = None
        self._read = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(CONNECT_S)
            self._socket.connect(door.socket or "")
            self._greet(door.token, client, session_id)
        except BaseException:
            self._socket.close()
            raise

    def _greet(self, token: str, client: str, session_id: str | None) -> None:
        hello: dict[str, Any] = {"op": "hello", "client": client, "token": token}
        if session_id is not None:
            hello["session_id"] = session_id
        self._write(encode_frame(hello) + b"\n")
        deadline = time.monotonic() + CONNECT_S
        while (left_s := deadline - time.monotonic()) > 0:
            for answer in self.receive(left_s):
                if answer.op == "welcome":
                    return
                if answer.op == "error":
                    raise LinkLost(f"the daemon refused: {answer.reason}", blames_frame=False)
        raise LinkLost("the daemon does not greet", blames_frame=False)

    def send(self, frame_id: int, lines: list[bytes]) -> None:
        """One `emit` frame."""
        self._write(b'{"op":"emit","id":%d,"events":[%b]}\n' % (frame_id, b",".join(lines)))

    def _write(self, data: bytes) -> None:
        self._socket.settimeout(STALL_S)  # a daemon that pauses reading holds this thread, politely
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LinkLost(f"sending failed: {error}") from error

    def receive(self, timeout_s: float) -> list[Answer]:
        """Everything that lies in the socket; waits only for the first byte."""
        self._socket.settimeout(timeout_s)
        try:
            data = self._socket.recv(65536)
        except (TimeoutError, BlockingIOError, InterruptedError):
            return []
        except OSError as error:
            raise LinkLost(f"reading failed: {error}") from error
        if not data:
            raise LinkLost("the daemon closed the connection")
        self._read += data
        *lines, rest = self._read.split(b"\n")
        if len(rest) > ANSWER_BYTES_MAX:
            raise LinkLost("an answer without an end")
        self._read = rest
        answers = [answer for line in lines if line and (answer := decode_answer(line))]
        for answer in answers:
            self.level = answer.level or self.level
        return answers

    def interrupt(self) -> None:
        """Breaks the connection under whoever reads or writes."""
        break_off(self._socket)

    def close(self, *, goodbye: bool) -> None:
        """Says goodbye where asked to; a child of a fork must not, the parent still talks."""
        try:
            if goodbye:
                self._socket.settimeout(0.2)
                self._socket.sendall(b'{"op":"goodbye"}\n')
        except OSError:
            pass
        finally:
            self._socket.close()


def break_off(connection: socket.socket) -> None:
    """Ends both directions; a blocked read returns."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def dial(door: Door, client: str, session_id: str | None) -> Link:
    """A connection by the best door this platform has; raises LinkLost."""
    if door.socket and hasattr(socket, "AF_UNIX"):
        try:
            return SocketLink(door, client, session_id)
        except OSError:
            pass  # the socket's file is gone or out of reach (another mount): the port may do
    from sidespool.client.http_link import HttpLink  # brings ssl along, 6 ms

    return HttpLink(door, client, session_id)
