"""Carries deletion requests to the collector and asks until it says `erased`.

Runs also while telemetry is off: a request is the one thing that still leaves then. It sleeps
until the next moment something is due, and for ever when nothing is open.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from sidespool.core.erasure import Erasure, Taken, read_progress, read_taken
from sidespool.errors import SidespoolError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.disk import Disk
from sidespool.runtime.exporters.http_client import HttpClient
from sidespool.runtime.exporters.http_request import RawAnswer
from sidespool.runtime.ids import now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.reset import load_requests, mend_requests, save_request
from sidespool.wire.upload import DELETION_PATH

T = TypeVar("T")
ANSWER_BYTES_MAX = 65_536
Call = Callable[[Callable[[], T]], Awaitable[T]]


class Eraser:
    """`client()` gives a client of the present endpoint, or None where there is none."""

    def __init__(
        self,
        disk: Disk,
        paths: DataPaths,
        token: CollectorToken,
        client: Callable[[], HttpClient | None],
        hand_over: Callable[[Erasure], Awaitable[str]] | None = None,
    ) -> None:
        """`hand_over` gives a request to the exporter: "" when it was taken, else why not."""
        self._hand_over = hand_over
        self._disk = disk
        self._paths = paths
        self._token = token
        self._client = client
        self._woken = asyncio.Event()
        self.requests: list[Erasure] = []

    def wake(self) -> None:
        """A request was queued, or the endpoint or token has changed."""
        for request in self.requests:
            request.next_ms = min(request.next_ms, now_ms())
        self._woken.set()

    def load(self) -> None:
        """Reads the requests from disk."""
        try:
            mend_requests(self._disk, self._paths, LOGGER.warning)
        except OSError as error:
            LOGGER.warning("a damaged request cannot be mended: %s", error)
        self.requests = load_requests(self._disk, self._paths)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            await self._work_off()
            try:
                async with asyncio.timeout(self._delay_s()):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _delay_s(self) -> float | None:
        reachable = self._client() is not None
        due = [one.next_ms for one in self.requests if one.open and (reachable or _by_event(one))]
        if not due:
            return None
        return max(min(due) - now_ms(), 1_000) / 1_000

    async def _work_off(self) -> None:
        for request in self.requests:
            if request.open and _by_event(request) and request.next_ms <= now_ms():
                await self._by_exporter(request)
        await self._ask_collector()

    async def _by_exporter(self, request: Erasure) -> None:
        problem = "no exporter is set" if self._hand_over is None else ""
        if self._hand_over is not None:
            try:
                problem = await self._hand_over(request)
            except (SidespoolError, OSError) as error:
                problem = str(error)
        if problem:
            request.on_failed(problem, now_ms(), random.random())  # noqa: S311
        else:
            request.on_handed_over(now_ms())
        await asyncio.to_thread(save_request, self._disk, self._paths, request)

    async def _ask_collector(self) -> None:
        client = self._client()
        if client is None:
            return
        try:
            for request in self.requests:
                due = request.open and request.next_ms <= now_ms()
                if due and not _by_event(request):
                    await self._one(client, request)
        finally:
            await client.aclose()

    async def _one(self, client: HttpClient, request: Erasure) -> None:
        headers = {"Content-Type": "application/json"}
        if token := await self._token.value():
            headers["Authorization"] = f"Bearer {token}"
        if request.state == "queued":
            problem = await self._send(client, request, headers)
        else:
            problem = await self._follow(client, request, headers)
        if problem:
            request.on_failed(problem, now_ms(), random.random())  # noqa: S311
        await asyncio.to_thread(save_request, self._disk, self._paths, request)

    async def _send(self, client: HttpClient, request: Erasure, headers: dict[str, str]) -> str:
        body = self._paths.deletion / f"{request.request_id}.body"
        await asyncio.to_thread(self._write_body, body, request)
        headers["Idempotency-Key"] = request.request_id
        try:
            answer = await client.post(DELETION_PATH, headers, body, ANSWER_BYTES_MAX)
        finally:
            await asyncio.to_thread(self._disk.remove, body)
        if not isinstance(answer, RawAnswer):
            return getattr(answer, "detail", "no collector answered")
        taken = read_taken(answer.status, answer.body)
        if isinstance(taken, Taken):
            request.on_sent(taken.receipt, now_ms())
            return ""
        return taken

    def _write_body(self, path: Path, request: Erasure) -> None:
        self._disk.write_atomic(path, msgspec.json.encode({"user_ids": request.user_ids}))

    async def _follow(self, client: HttpClient, request: Erasure, headers: dict[str, str]) -> str:
        path = f"{DELETION_PATH}/{request.receipt}"
        answer = await client.get(path, headers, ANSWER_BYTES_MAX)
        if not isinstance(answer, RawAnswer):
            return getattr(answer, "detail", "no collector answered")
        progress = read_progress(answer.status, answer.body)
        if isinstance(progress, str):
            return progress
        request.on_followed(progress.state, progress.erased, now_ms())
        return ""


def _by_event(request: Erasure) -> bool:
    return request.way == "event"
