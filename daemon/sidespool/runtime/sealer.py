"""Seals what has gathered, reports losses, evicts by age: all that happens by the clock.

No polling: the sealer sleeps until something was committed, then one flush interval.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sidespool.core.policy import AGE_CHECK_INTERVAL_S, CLIENT_REPORT_INTERVAL_S
from sidespool.core.tally import report_payload
from sidespool.runtime.ids import new_uuid, now_ms
from sidespool.runtime.intake import Intake
from sidespool.runtime.memory import release_memory
from sidespool.runtime.spooler import Spooler
from sidespool.wire.level import Level


class Sealer:
    """Runs as a task; `seal` is also called by `flush` and at the end."""

    def __init__(
        self, intake: Intake, spooler: Spooler, interval_s: float, level: Callable[[], Level]
    ) -> None:
        self._intake = intake
        self._spooler = spooler
        self._interval_s = interval_s
        self._level = level
        self._reported_ms = 0
        self.hold_uploads: Callable[[], bool] = lambda: True
        self.release_uploads: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._intake.dirty.wait()
            await asyncio.sleep(self._interval_s)
            await self.seal(report=self._report_is_due())
            await self._merge()
            await self._spooler.call_and_forget(release_memory)

    async def _merge(self) -> None:
        """A batch that is being sent must not be merged: its events would be sent again."""
        if self.hold_uploads():
            try:
                await self._spooler.call_and_forget(self._spooler.store.merger.merge_small)
            finally:
                self.release_uploads()

    async def run_age(self) -> None:
        """Evicts by age, once an hour of running."""
        while True:
            await asyncio.sleep(AGE_CHECK_INTERVAL_S)
            await self._spooler.call(lambda: self._spooler.store.evict_expired(now_ms()))

    def _report_is_due(self) -> bool:
        return now_ms() - self._reported_ms >= CLIENT_REPORT_INTERVAL_S * 1000

    async def seal(self, *, report: bool) -> int:
        """Reports losses where asked and there are any, then seals; the number of segments."""
        if report:
            await self.report_losses()
        self._intake.dirty.clear()
        sealed = await self._spooler.seal_now()
        if self._spooler.store.unsettled:  # the disk refused something: again in an interval
            self._intake.dirty.set()
        return sealed

    async def report_losses(self) -> None:
        """Puts a ClientReport into the spool: frozen on disk first, forgotten when durable."""
        tally = self._spooler.store.tally
        if self._level() < Level.USAGE or (tally.frozen is None and not tally.counts.losses):
            return
        store = self._spooler.store
        frozen = tally.freeze(tally.frozen.event_id if tally.frozen else new_uuid(), now_ms())
        if not await self._save_tally():
            return
        before_ms = await self._spooler.call(lambda: store.book.newest_ms(Level.USAGE))
        event: dict[str, Any] = {
            "event_type": "ClientReport",
            "event_id": frozen.event_id,
            "payload": report_payload(frozen),
        }
        accepted = await self._emit(event)
        if accepted:
            after_ms = await self._spooler.call(lambda: store.book.newest_ms(Level.USAGE))
            tally.on_reported((before_ms, after_ms))
            self._reported_ms = now_ms()
            await self._save_tally()

    async def _save_tally(self) -> bool:
        """False where the disk refuses: the report keeps its id and is tried again."""
        try:
            await self._spooler.call(self._spooler.store.save_tally)
        except OSError:
            return False
        return True

    def _emit(self, event: dict[str, Any]) -> Awaitable[int]:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        raw = msgspec.Raw(msgspec.json.encode(event))
        self._intake.emit_raw([raw], None, lambda accepted, _: done.set_result(accepted))
        return done
