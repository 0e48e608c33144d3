"""Group commit: whatever batches wait when a transaction begins go into it together.

Under load one commit serves many batches, alone a batch waits for nobody. A caller hears of its
batch after the COMMIT has returned. Where a group fails for a reason in the data, its batches are
tried one by one, so that one bad batch cannot take others with it. Where the database is away,
all callers hear so at once (503), and the next group tries a new connection: a batch of which the
COMMIT's answer was lost is sent again by its daemon and found by its key and its events' ids.
"""

import asyncio
from typing import Any

import asyncpg

from sidespool_collector.event import Batch, Receipt
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.postgres.append import INCOMING, Appender
from sidespool_collector.store.postgres.link import busy, connect

BATCHES_PER_COMMIT = 10
ROWS_PER_COMMIT = 20_000
QUEUE_MAX = 512
TRIES = 4  # a deadlock or a meeting over one session is gone at the next try
_AGAIN = (asyncpg.TransactionRollbackError,)

Job = tuple[Batch, "asyncio.Future[Receipt]"]


class Writer:
    """Owns the connection that appends."""

    def __init__(self, url: str, appender: Appender) -> None:
        self._url = url
        self._appender = appender
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue(QUEUE_MAX)
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None
        self._is_closing = False

    def start(self) -> None:
        """Begins to work; the task is owned and awaited by `close`."""
        self._task = asyncio.get_running_loop().create_task(self._work(), name="store-writer")

    async def append(self, batch: Batch) -> Receipt:
        """Returns after the commit. Raises StoreBusyError."""
        if self._is_closing:
            raise StoreBusyError("the collector is shutting down")
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        try:
            self._jobs.put_nowait((batch, done))
        except asyncio.QueueFull:
            raise StoreBusyError("the store has fallen behind", 2) from None
        return await done

    async def close(self) -> None:
        """Commits what was accepted, then lets go."""
        self._is_closing = True
        if self._task is None:
            return
        await self._jobs.put(None)
        await self._task
        await self._drop_connection()

    async def _work(self) -> None:
        while (job := await self._jobs.get()) is not None:
            group, rows = [job], len(job[0].rows)
            while len(group) < BATCHES_PER_COMMIT and rows < ROWS_PER_COMMIT:
                try:
                    following = self._jobs.get_nowait()
                except asyncio.QueueEmpty:
                    break
                if following is None:
                    await self._jobs.put(None)
                    break
                group.append(following)
                rows += len(following[0].rows)
            await self._commit(group)

    async def _commit(self, group: list[Job]) -> None:
        try:
            receipts = await self._append([batch for batch, _ in group])
        except Exception as error:  # every waiting caller must hear of it
            self._appender.forget()
            away = busy(error)
            if away is None and len(group) > 1:
                for job in group:
                    await self._commit([job])
                return
            for _, done in group:
                if not done.done():
                    done.set_exception(away or error)
            return
        for (_, done), receipt in zip(group, receipts, strict=True):
            if not done.done():  # else the caller went away; its batch is kept all the same
                done.set_result(receipt)

    async def _append(self, batches: list[Batch]) -> list[Receipt]:
        for attempt in range(TRIES):
            try:
                return await self._appender.append(await self._connected(), batches)
            except (StoreBusyError, *_AGAIN) as error:
                self._appender.forget()
                if isinstance(error, StoreBusyError) and error.retry_after_s > 1:
                    raise
                if attempt == TRIES - 1:
                    raise
            except Exception as error:
                if busy(error) is not None:
                    await self._drop_connection()
                raise
        raise AssertionError("the last try returns or raises")

    async def _connected(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._url)
            try:
                await connection.execute(INCOMING)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
