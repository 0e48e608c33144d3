"""Sends a batch to a receiver that wants it in another form: unpacked, mapped, packed, posted.

All of it in memory: what lies encrypted on disk is decrypted by the batch's own opener, and its
mapped form is never written anywhere.
"""

import asyncio
import io
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from sidespool.core.endpoint import Endpoint
from sidespool.core.upload_policy import MAPPED_BYTES_MAX
from sidespool.errors import SegmentError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http_client import HttpClient
from sidespool.runtime.exporters.http_request import Deadlines, RawAnswer
from sidespool.runtime.exporters.lines import read_lines
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.foreign.stored import Mapped, with_unreadable
from sidespool.wire.upload import (
    Classification,
    Refused,
    TooLarge,
    Unauthorized,
    answer_bytes_max,
)


class _Packed(msgspec.Struct, frozen=True):
    """A mapped batch; `packed` is the gzip of its body."""

    packed: bytes
    body_bytes: int
    events: int


class MappedExporter(ABC):
    """An `Exporter` to one receiver; its kinds say the path, the form and the answer's meaning."""

    path: str

    def __init__(
        self,
        endpoint: Endpoint,
        token: CollectorToken,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        deadlines: Deadlines | None = None,
        now_wall: Callable[[], float] = time.time,
    ) -> None:
        """`proxy` and `ca_file` are the settings; without them environment and OS decide."""
        self._client = HttpClient(endpoint, proxy=proxy, ca_file=ca_file, deadlines=deadlines)
        self._token = token
        self._now_wall = now_wall

    @abstractmethod
    def _problem(self, token: str | None) -> Unauthorized | None:
        """Why nothing can be sent with this token, or None."""

    @abstractmethod
    def _headers(self, token: str | None) -> dict[str, str]:
        """What the request says besides its encoding."""

    @abstractmethod
    def _encode(self, lines: bytes, token: str | None) -> Mapped:
        """The body, from the batch's NDJSON."""

    @abstractmethod
    def _classify(
        self, status: int, headers: Mapping[str, str], body: bytes, sent: int, now_wall: float
    ) -> Classification:
        """What an answer means."""

    async def send(self, batch: SealedBatch) -> Classification:
        """One attempt; see `Exporter`."""
        token = await self._token.value()
        if (problem := self._problem(token)) is not None:
            return problem
        try:
            packed = await asyncio.to_thread(self._pack, batch, token)
        except SegmentError as error:
            return Refused(error.message)
        if packed.events == 0:
            return Refused(f"{batch.path.name} holds no event that can be read")
        if packed.body_bytes > MAPPED_BYTES_MAX and packed.events > 1:
            return TooLarge("the batch is larger in the receiver's form than receivers take")
        told = await self._post(packed, token)
        return with_unreadable(told, batch.events - packed.events)

    def _pack(self, batch: SealedBatch, token: str | None) -> _Packed:
        from isal import igzip  # not needed by a daemon that sends to a collector

        mapped = self._encode(b"".join(read_lines(batch)), token)
        packed: bytes = igzip.compress(mapped.body)
        return _Packed(packed, len(mapped.body), mapped.events)

    async def _post(self, packed: _Packed, token: str | None) -> Classification:
        headers = {**self._headers(token), "Content-Encoding": "gzip"}
        limit = answer_bytes_max(packed.events)
        answer = await self._client.post(
            self.path, headers, lambda: io.BytesIO(packed.packed), limit
        )
        if not isinstance(answer, RawAnswer):
            return answer
        told = self._classify(
            answer.status, answer.headers, answer.body, packed.events, self._now_wall()
        )
        if isinstance(told, Unauthorized) and self._token.problem:
            return Unauthorized(f"{told.detail}; {self._token.problem}")
        return told

    def abort(self) -> None:
        """See `Exporter`."""
        self._client.abort()

    async def aclose(self) -> None:
        """See `Exporter`."""
        await self._client.aclose()
