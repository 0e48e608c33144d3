"""Group commit: whatever batches wait when an insert begins go into it together.

Every insert makes a part that ClickHouse must merge later, so inserts are few and large: one at a
time, begun at least `gather_s` after the one before. Alone a batch waits for nobody; under load it
waits that long at most. A caller hears of its batch after the insert has been answered. Where a
group fails for a reason in the data, its batches are tried one by one. Where the database is away,
all callers hear so at once (503).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sidespool_collector.event import Batch, Receipt
from sidespool_collector.store.clickhouse.append import Appender
from sidespool_collector.store.contract import StoreBusyError

BATCHES_PER_INSERT = 64
ROWS_PER_INSERT = 20_000
QUEUE_MAX = 1024
GATHER_S = 0.03

Job = tuple[Batch, "asyncio.Future[Receipt]"]


class Writer:
    """The one who appends, of this collector."""

    def __init__(self, appender: Appender, gather_s: float = GATHER_S) -> None:
        self._appender = appender
        self._gather_s = gather_s
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue(QUEUE_MAX)
        self._task: asyncio.Task[None] | None = None
        self._alone = asyncio.Lock()
        self._began = 0.0
        self._is_closing = False

    def start(self) -> None:
        """Begins to work; the task is owned and awaited by `close`."""
        self._task = asyncio.get_running_loop().create_task(self._work(), name="store-writer")

    async def append(self, batch: Batch) -> Receipt:
        """Returns after the insert. Raises StoreBusyError."""
        if self._is_closing:
            raise StoreBusyError("the collector is shutting down")
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        try:
            self._jobs.put_nowait((batch, done))
        except asyncio.QueueFull:
            raise StoreBusyError("the store has fallen behind", 2) from None
        return await done

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Between two groups: the one before has ended, the next sees what is done meanwhile."""
        async with self._alone:
            yield

    async def close(self) -> None:
        """Inserts what was accepted, then lets go."""
        self._is_closing = True
        if self._task is not None:
            await self._jobs.put(None)
            await self._task
            self._task = None

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while (job := await self._jobs.get()) is not None:
            if not self._is_closing:
                await asyncio.sleep(max(0.0, self._began + self._gather_s - loop.time()))
            self._began = loop.time()
            group, rows = [job], len(job[0].rows)
            while len(group) < BATCHES_PER_INSERT and rows < ROWS_PER_INSERT:
                try:
                    following = self._jobs.get_nowait()
                except asyncio.QueueEmpty:
                    break
                if following is None:
                    await self._jobs.put(None)
                    break
                group.append(following)
                rows += len(following[0].rows)
            async with self._alone:
                await self._insert(group)

    async def _insert(self, group: list[Job]) -> None:
        try:
            receipts = await self._appender.append([batch for batch, _ in group])
        except Exception as error:  # every waiting caller must hear of it
            if not isinstance(error, StoreBusyError) and len(group) > 1:
                for job in group:
                    await self._insert([job])
                return
            for _, done in group:
                if not done.done():
                    done.set_exception(error)
            return
        for (_, done), receipt in zip(group, receipts, strict=True):
            if not done.done():  # else the caller went away; its batch is kept all the same
                done.set_result(receipt)
