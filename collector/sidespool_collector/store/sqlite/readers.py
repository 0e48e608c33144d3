"""A few reading connections, lent to worker threads so that no query waits for the writer."""

import asyncio
import contextlib
import queue
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TypeVar

from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.sqlite.schema import connect

T = TypeVar("T")
READERS = 4


class Readers:
    """At most `READERS` queries at once; another waits up to ten seconds for its turn."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._free: queue.Queue[sqlite3.Connection] = queue.Queue()

    def open(self) -> None:
        """Opens the connections; the file must exist."""
        for _ in range(READERS):
            self._free.put(connect(self._path, read_only=True))

    def close(self) -> None:
        """Closes those that are not lent."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait().close()

    @contextlib.contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """A connection for the time of one query; raises StoreBusyError."""
        try:
            db = self._free.get(timeout=10)
        except queue.Empty:
            raise StoreBusyError("too many queries at once") from None
        try:
            yield db
        except sqlite3.OperationalError as error:
            raise StoreBusyError(f"the store cannot answer: {error}") from error
        finally:
            self._free.put(db)

    async def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `query` on a worker thread."""

        def work() -> T:
            with self.lent() as db:
                return query(db)

        return await asyncio.to_thread(work)

    async def chunks(
        self, rows: Callable[[sqlite3.Connection], Iterator[T]], size: int
    ) -> AsyncGenerator[list[T], None]:
        """What `rows` yields, `size` at a time, on a connection of its own for as long as asked."""
        db = await asyncio.to_thread(connect, self._path, read_only=True)
        try:
            source = rows(db)
            while chunk := await asyncio.to_thread(_take, source, size):
                yield chunk
        finally:
            db.close()


def _take(source: Iterator[T], size: int) -> list[T]:
    taken: list[T] = []
    for item in source:
        taken.append(item)
        if len(taken) == size:
            break
    return taken
