"""Sends a batch to the collector over HTTP: the sealed file's bytes, as they lie."""

import time
from collections.abc import Callable
from pathlib import Path

from sidespool.core.endpoint import Endpoint
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http_client import HttpClient
from sidespool.runtime.exporters.http_request import Deadlines, RawAnswer
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.upload import (
    CONTENT_TYPE_NDJSON,
    EVENTS_PATH,
    Classification,
    Unauthorized,
    answer_bytes_max,
    classify,
)


class HttpExporter:
    """An `Exporter` to one collector."""

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

    async def send(self, batch: SealedBatch) -> Classification:
        """One attempt; see `Exporter`."""
        headers = {
            "Content-Type": CONTENT_TYPE_NDJSON,
            "Content-Encoding": "gzip",
            "Idempotency-Key": batch.batch_id,
        }
        # Without a token it is still tried: a collector may know its clients another way.
        if token := await self._token.value():
            headers["Authorization"] = f"Bearer {token}"
        limit = answer_bytes_max(batch.events)
        answer = await self._client.post(EVENTS_PATH, headers, batch.open, limit)
        if not isinstance(answer, RawAnswer):
            return answer
        told = classify(answer.status, answer.headers, answer.body, batch.events, self._now_wall())
        if isinstance(told, Unauthorized) and self._token.problem:
            return Unauthorized(f"{told.detail}; {self._token.problem}")
        return told

    def abort(self) -> None:
        """See `Exporter`."""
        self._client.abort()

    async def aclose(self) -> None:
        """See `Exporter`."""
        await self._client.aclose()
