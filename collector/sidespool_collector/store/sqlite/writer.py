"""The one thread that writes: takes jobs, runs several in one transaction, then answers.

Group commit: whatever waits when a transaction begins goes into it, so that under load one
fsync serves many batches, and alone a batch waits for nobody. A caller's future is set after the
COMMIT has returned; where a job or the commit fails, the whole transaction is rolled back and
its jobs are run again one by one, so that one bad job cannot take others with it.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.sqlite.schema import connect

T = TypeVar("T")
JOBS_PER_COMMIT = 10
QUEUE_MAX = 512

Job = tuple[Callable[[sqlite3.Connection], Any], "Future[Any]"]


class Writer:
    """Owns the writing connection and its thread; `reload` lets caches be read anew."""

    def __init__(
        self,
        path: str,
        connection: sqlite3.Connection,
        reload: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._path = path
        self._connection = connection
        self._reload = reload
        self._data_version = -1
        self._jobs: queue.Queue[Job | None] = queue.Queue(QUEUE_MAX)
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._is_closing = False

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `job` in a transaction; returns after its commit. Raises StoreBusyError."""
        if self._is_closing:
            raise StoreBusyError("the collector is shutting down")
        done: Future[T] = Future()
        try:
            self._jobs.put_nowait((job, done))
        except queue.Full:
            raise StoreBusyError("the store has fallen behind", 2) from None
        return await asyncio.wrap_future(done)

    async def checkpoint(self) -> None:
        """Folds the log into the file, so that no old page stays behind in it."""
        await asyncio.to_thread(self._checkpoint)

    def _checkpoint(self) -> None:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(self._path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def waiting(self) -> int:
        """Jobs not yet begun."""
        return self._jobs.qsize()

    async def close(self) -> None:
        """Does every job that was accepted, then ends."""
        if self._is_closing:
            return
        self._is_closing = True
        await asyncio.to_thread(self._jobs.put, None)
        await asyncio.to_thread(self._thread.join)

    def close_connection(self) -> None:
        """After `close`: folds the log into the file and lets go of it."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group = [job]
            is_last = False
            while len(group) < JOBS_PER_COMMIT:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    is_last = True
                    break
                group.append(following)
            self._commit(group)
            if is_last:
                return

    def _commit(self, group: list[Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._notice_others()
            results = [job(self._connection) for job, _ in group]
            self._connection.execute("COMMIT")
        except BaseException as error:  # every waiting caller must hear of it
            self._roll_back()
            if len(group) > 1:
                for job in group:
                    self._commit([job])
                return
            _settle(group[0][1], error=_translated(error))
            return
        for (_, done), result in zip(group, results, strict=True):
            _settle(done, result)

    def _notice_others(self) -> None:
        """Another process (the CLI) wrote to the file: what is remembered may be wrong."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self._data_version = version
            self._reload(self._connection)

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._reload(self._connection)
        except sqlite3.Error:
            pass


def _settle(done: "Future[Any]", result: Any = None, error: BaseException | None = None) -> None:
    if not done.set_running_or_notify_cancel():
        return  # the caller went away; what it asked for is done all the same
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, sqlite3.OperationalError):
        is_full = "full" in str(error)
        return StoreBusyError(
            "the disk is full" if is_full else f"the store is busy: {error}", 60 if is_full else 5
        )
    return error
