"""Carries lines of events to the daemon over its Unix socket, the fastest way."""

import socket
import time
from typing import Any

from sidespool.client.discovery import Door
from sidespool.client.link import (
    ANSWER_BYTES_MAX,
    CONNECT_S,
    STALL_S,
    Answer,
    LinkLost,
    break_off,
    decode_answer,
)
from sidespool.wire.frame import encode_frame


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
