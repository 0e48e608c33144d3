"""A request to the collector and its raw answer, apart from the library that carries them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import BinaryIO

import msgspec

from sidespool.core.upload_policy import (
    CONNECT_DEADLINE_S,
    READ_BYTES,
    REQUEST_DEADLINE_S,
    SILENCE_DEADLINE_S,
    SLOWEST_BYTES_PER_S,
)


class Deadlines(msgspec.Struct, frozen=True):
    """Seconds a request may take; `total_s` grows with the body's size."""

    connect_s: float = CONNECT_DEADLINE_S
    silence_s: float = SILENCE_DEADLINE_S
    total_s: float = REQUEST_DEADLINE_S
    slowest_bytes_per_s: float = SLOWEST_BYTES_PER_S

    def request_s(self, size_bytes: int) -> float:
        """For the whole request with a body of this size."""
        return self.total_s + size_bytes / self.slowest_bytes_per_s


class RawAnswer(msgspec.Struct, frozen=True):
    """What came back; the body is cut off at the limit asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """A file's bytes on their way out; `chunks` begins anew each time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.sent = 0

    @property
    def interrupted(self) -> bool:
        """Whether the last try ended in the middle of the body."""
        return 0 < self.sent < self.size

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, in reads that do not block the loop."""
        self.sent = 0
        self._file.seek(0)
        while chunk := await asyncio.to_thread(self._file.read, READ_BYTES):
            yield chunk
            self.sent += len(chunk)


class Request(msgspec.Struct):
    """One request; a GET has no body."""

    url: str
    headers: Mapping[str, str]
    outgoing: Outgoing | None
    answer_bytes_max: int
    proxy: str | None
    deadlines: Deadlines

    @property
    def size_bytes(self) -> int:
        """Of the body."""
        return self.outgoing.size if self.outgoing else 0

    @property
    def interrupted(self) -> bool:
        """Whether the last try ended in the middle of the body."""
        return self.outgoing is not None and self.outgoing.interrupted
