"""The SQLite store: gives each promise of the contract to the part that keeps it."""

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from sidespool_collector.event import Batch, Receipt, Refused
from sidespool_collector.store.contract import (
    Act,
    Attachment,
    Erasure,
    ErrorGroup,
    EventQuery,
    Fact,
    FactQuery,
    Holding,
    InstallCount,
    Intake,
    StoredEvent,
    StoreError,
)  # fmt: skip
from sidespool_collector.store.sqlite import attached, erase, figures, groups, parts, rollup
from sidespool_collector.store.sqlite.append import Appender, is_known
from sidespool_collector.store.sqlite.export import read_events
from sidespool_collector.store.sqlite.readers import Readers
from sidespool_collector.store.sqlite.schema import connect, prepare
from sidespool_collector.store.sqlite.writer import Writer
from sidespool_collector.store.statement import SQLITE, sql_of

EXPORT_CHUNK = 1000
ERASE_CHUNK = 5000
FILE_CHUNK = 20  # a bucket may be far away, and batches wait meanwhile
ROLL_ALL_S = 3600.0


class SqliteStore:
    """One file; see store/contract.py for what each method promises."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readers = Readers(str(path))
        self._writer: Writer | None = None
        self._appender = Appender(b"")
        self._rolling = asyncio.Lock()

    async def open(self) -> None:
        """Opens, migrates, and starts the writer."""
        db = await asyncio.to_thread(self._open)
        self._writer = Writer(str(self._path), db, self._appender.load)
        self._writer.start()
        await asyncio.to_thread(self._readers.open)

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = connect(str(self._path))
            prepare(db)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(self._path, error) from error
        with contextlib.suppress(OSError):  # a file of another owner: readable all the same
            self._path.chmod(0o600)
        found = db.execute("SELECT value FROM meta WHERE key = 'tombstone_key'").fetchone()
        key = found[0] if found else secrets.token_bytes(32)
        if not found:
            db.execute("INSERT INTO meta (key, value) VALUES ('tombstone_key', ?)", (key,))
        self._appender = Appender(key)
        self._appender.load(db)
        return db

    async def close(self) -> None:
        """Commits what was accepted, folds the WAL into the file, closes."""
        if self._writer is None:
            return
        await self._writer.close()
        await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.close_connection)

    @property
    def _write(self) -> Writer:
        if self._writer is None:
            raise StoreError("the store is not open")
        return self._writer

    async def append(self, batch: Batch) -> Receipt:
        """See Store."""
        return await self._write.run(lambda db: self._appender.append(db, batch))

    async def seen(self, key: str) -> bool:
        """See Store."""
        return await self._readers.run(lambda db: is_known(db, key))

    async def export(self, query: EventQuery) -> AsyncIterator[list[StoredEvent]]:
        """See Store. An erasure that is asked for meanwhile holds for what is yet to come."""
        chunks = self._readers.chunks(lambda db: read_events(db, query), EXPORT_CHUNK)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                yield [e for e in chunk if not self._appender.is_erased(e.user_id)]

    async def facts(self, query: FactQuery) -> list[Fact]:
        """See Store."""
        return await self._readers.run(lambda db: rollup.read_facts(db, query))

    async def refresh(self, budget_s: float) -> bool:
        """Brings the rollups up to date, newest first, for about `budget_s`; whether all are."""
        async with self._rolling:
            return await rollup.roll_up(self._write, self._readers, budget_s)

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """See Store."""
        return await self._readers.run(lambda db: rollup.read_installs(db, query))

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """See Store."""
        return await self._readers.run(lambda db: groups.read_groups(db, query, limit))

    async def set_error_status(self, group: str, status: str, now_ms: int) -> bool:
        """See Store."""
        return await self._write.run(lambda db: groups.set_status(db, group, status, now_ms))

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """See Store."""
        return await self._readers.run(lambda db: figures.intake(db, since_ms, until_ms))

    async def holding(self) -> Holding:
        """See Store."""
        return await self._readers.run(figures.holding)

    async def rejected(self, limit: int) -> list[tuple[int, Refused]]:
        """See Store."""
        return await self._readers.run(lambda db: figures.rejected(db, limit))

    async def versions_and_systems(self) -> tuple[list[str], list[str]]:
        """See Store."""
        return await self._readers.run(figures.versions_and_systems)

    async def request_erasure(self, user_ids: list[str], receipt: str, now_ms: int) -> None:
        """See Store."""
        appender = self._appender
        await self._write.run(lambda db: erase.request(db, appender, user_ids, receipt, now_ms))

    async def erase_pending(self, now_ms: int, unlink: Callable[[str], None]) -> int:
        """See Store. `erased` is said last, when neither file, rollup nor log holds a trace."""
        receipts = await erase.erase_rows(self._write, ERASE_CHUNK)
        if not receipts:
            return 0
        await self.release_files(unlink)
        await self.refresh(ROLL_ALL_S)
        await self._write.run(lambda db: erase.forget_names(db, receipts))
        await self._write.checkpoint()
        await self._write.run(lambda db: erase.finish(db, receipts, now_ms))
        return len(receipts)

    async def release_files(self, unlink: Callable[[str], None]) -> int:
        """See Store."""
        total = 0
        while n := await self._write.run(lambda db: attached.release(db, unlink, FILE_CHUNK)):
            total += n
        return total

    async def erasure(self, receipt: str) -> Erasure | None:
        """See Store."""
        return await self._readers.run(lambda db: erase.state_of(db, receipt))

    async def scan(self, user_id: str) -> int:
        """See Store."""
        return await self._readers.run(lambda db: erase.scan(db, user_id))

    async def purge(
        self, cutoffs: dict[str, int], default_ms: int, *, dry_run: bool
    ) -> dict[str, int]:
        """See Store."""
        if dry_run:
            return await self._readers.run(lambda db: erase.count_expired(db, cutoffs, default_ms))
        return await erase.purge(self._write, self._appender, cutoffs, default_ms, ERASE_CHUNK)

    async def release_file(self, digest: str, unlink: Callable[[str], None]) -> None:
        """See Store."""
        await self._write.run(lambda db: attached.release_one(db, digest, unlink))

    async def attach(
        self, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
    ) -> str:
        """See Store."""
        return await self._write.run(lambda db: attached.attach(db, attachment, max_files, exists))

    async def attachments(self, event_id: str) -> list[Attachment]:
        """See Store."""
        return await self._readers.run(lambda db: attached.of_event(db, event_id))

    async def note(self, acts: Iterable[Act]) -> None:
        """See Store."""
        rows = [(act.at_ms, act.who, act.act, act.detail) for act in acts]
        await self._write.run(lambda db: figures.note(db, rows))

    async def audit(self, limit: int) -> list[Act]:
        """See Store."""
        return await self._readers.run(lambda db: figures.audit(db, limit))

    async def memo(self, key: str) -> bytes | None:
        """See Store."""
        return await self._readers.run(lambda db: parts.memo(db, key))

    async def set_memo(self, key: str, value: bytes) -> None:
        """See Store."""
        await self._write.run(lambda db: parts.set_memo(db, key, value))

    async def dump(self, part: str, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
        """See Store."""
        return await self._readers.run(lambda db: parts.dump(db, part, after, limit))

    async def load(self, part: str, rows: list[tuple[Any, ...]]) -> None:
        """See Store."""
        await self._write.run(lambda db: parts.load(db, part, rows))
        await self._write.run(self._appender.load)

    def sql(self, measure: str) -> str:
        """See Store."""
        return sql_of(measure, SQLITE)


def _unusable(path: Path, error: Exception) -> StoreError:
    reason = getattr(error, "strerror", None) or str(error)
    if "not a database" in reason:
        todo = "name another file, or restore a backup"
    elif "readonly" in reason:
        todo = "let the collector's user write the file and its directory"
    else:
        todo = "check that its directory exists and can be written, and that the disk has room"
    return StoreError(f"COLLECTOR_STORE: cannot open {path} ({reason}): {todo}")
