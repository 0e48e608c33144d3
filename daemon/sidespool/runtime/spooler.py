"""The writer's thread: all disk work of the spool, one thing after the other, off the loop.

Commits that wait together are written and synced together (group commit): while one sync runs,
the next group gathers, so throughput does not depend on how slow a sync is. The thread sleeps in
`SimpleQueue.get` when there is nothing to do: no wake-ups.

From the loop, `commit` queues and returns; the callback runs in the loop when the events are on
stable storage, or were not kept. Everything else (`call`) queues behind what was queued before
it, so a withdrawal sees every commit that was admitted before it.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from sidespool.core.admission import Chunk
from sidespool.core.policy import INFLIGHT_BYTES_HIGH, INFLIGHT_BYTES_LOW
from sidespool.core.record import SEALED, segment_name
from sidespool.core.spool import Segment
from sidespool.errors import DiskError
from sidespool.runtime.spool_store import SpoolStore
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.level import Level
from sidespool.wire.upload import UploadAnswer

T = TypeVar("T")


class Commit(msgspec.Struct):
    """Lines to make durable; `done` runs in the loop, with what failed, by level."""

    chunks: list[Chunk]
    size_bytes: int
    done: Callable[[dict[Level, str]], None]


class _Call(msgspec.Struct):
    """Any other work for the thread."""

    function: Callable[[], Any]
    future: "asyncio.Future[Any]"


class Spooler:
    """Owns the store's thread; also the uploader's source of batches."""

    def __init__(self, store: SpoolStore, loop: asyncio.AbstractEventLoop) -> None:
        self.store = store
        self.inflight_bytes = 0
        self.last_error = ""
        self.on_change: Callable[[], None] = lambda: None
        self.opener: Callable[[Path], BinaryIO] | None = None  # of encrypted segments
        self._loop = loop
        self._queue: queue.SimpleQueue[Commit | _Call | None] = queue.SimpleQueue()
        self._waiting: list[Callable[[], None]] = []
        self._sealed: list[SealedBatch] = []
        self._told_changes = -1
        self._told: dict[str, SealedBatch] = {}  # sealed segments do not change: made once each
        self._thread = threading.Thread(target=self._run, name="sidespool-writer", daemon=True)

    def start(self) -> None:
        """Starts the thread; the store must have been recovered."""
        self._sealed = self._news() or []
        self._thread.start()

    # -- loop side -----------------------------------------------------------------------------

    def commit(self, chunks: list[Chunk], done: Callable[[dict[Level, str]], None]) -> None:
        """Queues lines; never waits. `done` gets the levels that were not kept, and why."""
        size = sum(len(chunk.lines) for chunk in chunks)
        self.inflight_bytes += size
        self._queue.put(Commit(chunks, size, done))

    def before_commit(self, function: Callable[[], object]) -> None:
        """Queues work ahead of the next commit; nobody waits for it."""
        self._queue.put(_Call(function, self._loop.create_future()))

    @property
    def pressed(self) -> bool:
        """Whether doors should stop reading until `when_relieved` calls them."""
        return self.inflight_bytes >= INFLIGHT_BYTES_HIGH

    def when_relieved(self, resume: Callable[[], None]) -> None:
        """Calls back once when enough of what waits has become durable."""
        self._waiting.append(resume)

    async def call(self, function: Callable[[], T]) -> T:
        """Runs blocking work in the writer's thread, after all that was queued before."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Call(function, future))
        return await future

    async def call_and_forget(self, function: Callable[[], object]) -> None:
        """The same; a disk that refuses is noted and nothing more."""
        try:
            await self.call(function)
        except OSError as error:
            self.last_error = f"the disk refused a write: {error.strerror or error}"

    async def stop(self) -> None:
        """Ends the thread after everything queued is done, and closes the files."""
        await self.call(self.store.close)
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def purge_above(self, level: Level) -> int:
        """Deletes every event above a level; returns how many."""
        return await self.call(lambda: self.store.purge_above(level))

    # -- the uploader's source -----------------------------------------------------------------

    def sealed(self) -> list[SealedBatch]:
        """Sealed batches in the order in which they should go."""
        return self._sealed

    async def seal_now(self) -> int:
        """Seals what is active; returns the number of segments."""
        return await self.call(self.store.seal_all)

    async def acknowledged(self, batch_id: str, answer: UploadAnswer) -> None:
        """The collector has the batch."""
        delivered, rejected = answer.accepted + answer.duplicates, len(answer.rejected)
        await self.call(lambda: self.store.acknowledged(batch_id, delivered, rejected))

    async def quarantine(self, batch_id: str, reason: str, detail: str) -> None:
        """The batch cannot be delivered; what is whole of a damaged one is kept."""
        await self.call(lambda: self.store.set_aside(batch_id, reason, detail))

    async def inspect(self, batch_id: str) -> bool:
        """Whether the batch is whole on disk."""
        return await self.call(lambda: self.store.inspect(batch_id))

    async def halve(self, batch_id: str) -> None:
        """Two batches replace this one."""
        await self.call(lambda: self.store.halve(batch_id))

    # -- thread side ---------------------------------------------------------------------------

    def _run(self) -> None:
        item = self._queue.get()
        while item is not None:
            if isinstance(item, Commit):
                item = self._gather(item)
            else:
                self._execute(item)
                item = self._queue.get()

    def _gather(self, first: Commit) -> Commit | _Call | None:
        """Commits all that waits in a row; returns the next item, blocking for it."""
        group = [first]
        following: Commit | _Call | None
        while True:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                self._write(group)
                return self._queue.get()
            if not isinstance(following, Commit):
                self._write(group)
                return following
            group.append(following)

    def _write(self, group: list[Commit]) -> None:
        by_level: dict[Level, list[Chunk]] = {}
        for commit in group:
            for chunk in commit.chunks:
                by_level.setdefault(chunk.level, []).append(chunk)
        errors: dict[Level, str] = {}
        # The most important first: room is made for it before anything else of the group is
        # written, and nothing that is written but not synced is ever evicted.
        for level in sorted(by_level):
            chunks = by_level[level]
            lines = b"".join([chunk.lines for chunk in chunks])
            try:
                self.store.append(level, lines, sum(chunk.events for chunk in chunks))
            except DiskError as error:
                errors[level] = error.message
            except Exception as error:  # the thread must live, whatever it is
                errors[level] = f"unexpected {type(error).__name__}: {error}"
        try:
            for level in self.store.sync():
                errors[level] = "the disk did not confirm a write"
        except Exception as error:
            errors |= dict.fromkeys(by_level, f"unexpected {type(error).__name__}: {error}")
        self._tell(self._delivered, group, errors, self._news())

    def _execute(self, call: _Call) -> None:
        result: Any = None
        problem: BaseException | None = None
        try:
            result = call.function()
        except Exception as error:
            problem = error
        self._tell(self._finished, call.future, result, problem, self._news())

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the loop is closed: nobody waits for an answer any more
            return

    def _news(self) -> list[SealedBatch] | None:
        """The sealed batches, where they have changed since they were last told."""
        if self.store.book.changes == self._told_changes:
            return None
        self._told_changes = self.store.book.changes
        known, self._told = self._told, {}
        for one in self.store.book.sealed():
            self._told[one.batch_id] = known.get(one.batch_id) or self._batch(one)
        return list(self._told.values())

    def _batch(self, segment: Segment) -> SealedBatch:
        return SealedBatch(
            batch_id=segment.batch_id,
            level=segment.level,
            path=self.store.paths.spool / segment_name(segment.batch_id, SEALED),
            size_bytes=segment.size_bytes,
            events=segment.events,
            opener=self.opener if segment.level is Level.FULL else None,
        )

    # -- back in the loop ----------------------------------------------------------------------

    def _delivered(
        self, group: list[Commit], errors: dict[Level, str], news: list[SealedBatch] | None
    ) -> None:
        self._learn(news)
        self.last_error = next(iter(errors.values()), "")
        for commit in group:
            self.inflight_bytes -= commit.size_bytes
            mine = (chunk.level for chunk in commit.chunks) if errors else ()
            commit.done({level: errors[level] for level in mine if level in errors})
        if self._waiting and self.inflight_bytes <= INFLIGHT_BYTES_LOW:
            waiting, self._waiting = self._waiting, []
            for resume in waiting:
                resume()

    def _finished(
        self,
        future: "asyncio.Future[Any]",
        result: Any,
        problem: BaseException | None,
        news: list[SealedBatch] | None,
    ) -> None:
        self._learn(news)
        if not future.done():
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)

    def _learn(self, news: list[SealedBatch] | None) -> None:
        if news is not None:
            self._sealed = news
            self.on_change()
