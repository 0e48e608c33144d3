# ruff: noqa: S608  (names of our own tables)
"""Which collectors share a store: each says from time to time that it is there.

An erasure waits for appends of the others. One that was killed counts for a while as being there,
which costs an erasure that while and nothing else.
"""

import asyncio
import logging
import secrets
from contextlib import suppress

from sidespool_collector.store.clickhouse.link import Link
from sidespool_collector.store.clickhouse.schema import VERSION_BITS, add, new_version
from sidespool_collector.store.clickhouse.text import quoted
from sidespool_collector.store.contract import StoreBusyError

SAY_EVERY_S = 30.0
GONE_AFTER_MS = 100_000
log = logging.getLogger("sidespool_collector")


class Company:
    """This collector among the others."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._id = secrets.token_hex(8)
        self._task: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Says that it is there; the task that goes on saying so is awaited by `leave`."""
        await self._say(is_closed=False)
        self._task = asyncio.get_running_loop().create_task(self._stay(), name="store-company")

    async def leave(self) -> None:
        """Says that it is not, where the store still listens."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        with suppress(StoreBusyError):
            await self._say(is_closed=True)

    async def is_shared(self) -> bool:
        """Whether another collector may be appending."""
        since = (new_version() >> VERSION_BITS) - GONE_AFTER_MS
        n: int = await self._link.value(
            "SELECT count() FROM (SELECT id, argMax(closed, ver) AS is_closed, max(ver) AS last "
            f"FROM collector WHERE id != {quoted(self._id)} GROUP BY id) "
            f"WHERE NOT is_closed AND bitShiftRight(last, {VERSION_BITS}) > {since}"
        )
        return n > 0

    async def _say(self, *, is_closed: bool) -> None:
        await add(self._link, "collector", [(self._id, int(is_closed), new_version())])

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(SAY_EVERY_S)
            try:
                await self._say(is_closed=False)
            except StoreBusyError as error:
                log.warning("the store is away: %s", error)
