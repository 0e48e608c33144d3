"""Carries attachments to the collector, after their events, one at a time, with back-off.

It sleeps until something changes or is due. Lowering the consent: `close`, `abort`, then the
files go; an attachment that was answered before counts as delivered.
"""

import asyncio
import contextlib
import io
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import quote

from sidespool.core.attachment import Waiting, on_answer, on_failed
from sidespool.runtime.attachment_store import AttachmentStore
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http_client import HttpClient
from sidespool.runtime.exporters.http_request import RawAnswer
from sidespool.runtime.ids import now_ms
from sidespool.wire.upload import ATTACHMENTS_PATH

ANSWER_BYTES_MAX = 65_536
Call = Callable[[Callable[[], Any]], Awaitable[Any]]
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class AttachmentSender:
    """`client()` gives a client of the collector or None; `event_is_out` whether to try at all."""

    def __init__(
        self,
        store: AttachmentStore,
        call: Call,
        token: CollectorToken,
        client: Callable[[], HttpClient | None],
        event_is_out: Callable[[Waiting], bool],
    ) -> None:
        self.delivered = 0
        self._store = store
        self._call = call
        self._token = token
        self._client = client
        self._event_is_out = event_is_out
        self._woken = asyncio.Event()
        self._open = False
        self._using: HttpClient | None = None
        self._sending: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is a new attachment, or an event has been delivered."""
        self._woken.set()

    def set_gate(self, is_open: bool) -> None:
        """Whether anything may be sent; closing does not abort."""
        self._open = is_open
        self.wake()

    async def abort(self) -> None:
        """Returns when nothing is on the wire any more."""
        sending = self._sending
        if sending is None or sending.done():
            return
        if self._using is not None:
            self._using.abort()
        sending.cancel()
        await asyncio.wait({sending})

    async def run(self, spawn: Spawn) -> None:
        """Until cancelled; what is on the wire is then cut off and waits for the next start."""
        try:
            while True:
                await self._round(spawn)
        finally:
            if self._sending is not None:
                self._sending.cancel()

    async def _round(self, spawn: Spawn) -> None:
        self._woken.clear()
        for one in self._due():
            if self._open:
                self._sending = spawn(self._attempt(one))
                await asyncio.wait({self._sending})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._delay_s()):
                await self._woken.wait()

    def _ready(self) -> list[Waiting]:
        if not self._open:
            return []
        return [one for one in self._store.waiting.values() if self._event_is_out(one)]

    def _due(self) -> list[Waiting]:
        now = now_ms()
        due = [one for one in self._ready() if one.next_ms <= now]
        return sorted(due, key=lambda one: one.about.created_ms)

    def _delay_s(self) -> float | None:
        times = [one.next_ms for one in self._ready()]
        return max(min(times) - now_ms(), 1_000) / 1_000 if times else None

    async def _attempt(self, one: Waiting) -> None:
        client = self._client()
        if client is None:
            on_failed(one, "no collector is set", now_ms(), 1.0)
            return
        self._using = client
        try:
            await self._send(client, one)
        except FileNotFoundError:
            self._store.waiting.pop(one.file_name, None)
        except OSError as error:
            on_failed(one, f"the disk refused: {error.strerror or error}", now_ms(), 1.0)
        finally:
            self._using = None
            await client.aclose()

    async def _send(self, client: HttpClient, one: Waiting) -> None:
        data: bytes = await self._call(lambda: self._store.bytes_of(one))
        about = one.about
        headers = {"Content-Type": about.content_type}
        if token := await self._token.value():
            headers["Authorization"] = f"Bearer {token}"
        path = f"{ATTACHMENTS_PATH}{about.event_id}?name={quote(about.name, safe='')}"
        answer = await client.post(path, headers, lambda: io.BytesIO(data), ANSWER_BYTES_MAX)
        dice = random.random()  # noqa: S311
        if not isinstance(answer, RawAnswer):
            on_failed(one, answer.detail, now_ms(), dice)
            return
        fate = on_answer(one, answer.status, answer.headers, answer.body, now_ms(), dice)
        if fate == "delivered":
            self.delivered += 1
            await self._call(lambda: self._store.delivered(one))
        elif fate == "refused":
            await self._call(lambda: self._store.refused(one))
