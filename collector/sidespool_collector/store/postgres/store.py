"""The PostgreSQL store: gives each promise of the contract to the part that keeps it."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
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
    StoreBusyError,
    StoredEvent,
    StoreError,
)  # fmt: skip
from sidespool_collector.store.postgres import (
    attached,
    erase,
    figures,
    groups,
    parts,
    purge,
    rollup,
)  # fmt: skip
from sidespool_collector.store.postgres.append import Appender
from sidespool_collector.store.postgres.export import read_events
from sidespool_collector.store.postgres.link import Link, connect
from sidespool_collector.store.postgres.partition import Days
from sidespool_collector.store.postgres.schema import LOCK_JOBS, prepare, set_meta
from sidespool_collector.store.postgres.writer import Writer
from sidespool_collector.store.statement import POSTGRES, sql_of

EXPORT_CHUNK = 1000
DELETE_CHUNK = 5000
ROLL_ALL_S = 3600.0


class PostgresStore:
    """One database, which several collectors may share; see store/contract.py for the promises."""

    name = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url
        self._link = Link(url)
        self._appender = Appender(b"", Days(self._link), 0)
        self._writer = Writer(url, self._appender)

    async def open(self) -> None:
        """Connects, migrates, and starts the writer."""
        try:
            connection = await connect(self._url)
        except StoreBusyError as error:
            raise StoreError(
                f"COLLECTOR_STORE: {error}: check that the server runs and what the URL names"
            ) from error
        try:
            key = await prepare(connection, secrets.token_bytes(32))
        finally:
            await connection.close()
        await self._link.open()
        self._appender = Appender(key, Days(self._link), secrets.randbits(62))
        self._writer = Writer(self._url, self._appender)
        self._writer.start()

    async def close(self) -> None:
        """Commits what was accepted, then lets go."""
        await self._writer.close()
        await self._link.close()

    async def append(self, batch: Batch) -> Receipt:
        """See Store."""
        return await self._writer.append(batch)

    async def seen(self, key: str) -> bool:
        """See Store."""
        async with self._link.lent() as db:
            found = await db.fetchval("SELECT 1 FROM batch WHERE key = $1", key)
        return found is not None

    async def export(self, query: EventQuery) -> AsyncIterator[list[StoredEvent]]:
        """See Store. An erasure that is asked for meanwhile holds for what is yet to come."""
        chunks = read_events(self._link, query, self._appender.mark_of, EXPORT_CHUNK)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def facts(self, query: FactQuery) -> list[Fact]:
        """See Store."""
        async with self._link.lent() as db:
            return await rollup.read_facts(db, query)

    async def refresh(self, budget_s: float) -> bool:
        """See Store."""
        return await rollup.roll_up(self._link, budget_s)

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """See Store."""
        async with self._link.lent() as db:
            return await rollup.read_installs(db, query)

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """See Store."""
        async with self._link.lent() as db:
            return await groups.read_groups(db, query, limit)

    async def set_error_status(self, group: str, status: str, now_ms: int) -> bool:
        """See Store."""
        async with self._link.lent() as db:
            return await groups.set_status(db, group, status, now_ms)

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """See Store."""
        async with self._link.lent() as db:
            return await figures.intake(db, since_ms, until_ms)

    async def holding(self) -> Holding:
        """See Store."""
        async with self._link.lent() as db:
            return await figures.holding(db)

    async def rejected(self, limit: int) -> list[tuple[int, Refused]]:
        """See Store."""
        async with self._link.lent() as db:
            return await figures.rejected(db, limit)

    async def versions_and_systems(self) -> tuple[list[str], list[str]]:
        """See Store."""
        async with self._link.lent() as db:
            return await figures.versions_and_systems(db)

    async def request_erasure(self, user_ids: list[str], receipt: str, now_ms: int) -> None:
        """See Store."""
        async with self._link.transaction() as db:
            await erase.request(db, self._appender.mark_of, user_ids, receipt, now_ms)

    async def erase_pending(self, now_ms: int, unlink: Callable[[str], None]) -> int:
        """See Store. `erased` is said last; where another collector is at it, it goes on there."""
        async with self._link.alone(LOCK_JOBS, 10) as db:
            if db is None:
                return 0
            receipts, tables = await erase.erase_rows(db, DELETE_CHUNK)
            if not receipts:
                return 0
            await self.release_files(unlink)
            if not await self.refresh(ROLL_ALL_S):
                raise StoreBusyError("the rollups are not up to date yet")
            await erase.finish(db, receipts, tables, now_ms)
            return len(receipts)

    async def erasure(self, receipt: str) -> Erasure | None:
        """See Store."""
        async with self._link.lent() as db:
            return await erase.state_of(db, receipt)

    async def scan(self, user_id: str) -> int:
        """See Store."""
        async with self._link.lent() as db:
            return await erase.scan(db, user_id)

    async def purge(
        self, cutoffs: dict[str, int], default_ms: int, *, dry_run: bool
    ) -> dict[str, int]:
        """See Store."""
        if dry_run:
            async with self._link.lent() as db:
                return await purge.count_expired(db, cutoffs, default_ms)
        return await purge.purge(self._link, cutoffs, default_ms, DELETE_CHUNK)

    async def release_files(self, unlink: Callable[[str], None]) -> int:
        """See Store."""
        async with self._link.transaction() as db:
            return await attached.release(db, unlink)

    async def release_file(self, digest: str, unlink: Callable[[str], None]) -> None:
        """See Store."""
        async with self._link.transaction() as db:
            await attached.release_one(db, digest, unlink)

    async def attach(
        self, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
    ) -> str:
        """See Store."""
        async with self._link.transaction() as db:
            return await attached.attach(db, attachment, max_files, exists)

    async def attachments(self, event_id: str) -> list[Attachment]:
        """See Store."""
        async with self._link.lent() as db:
            return await attached.of_event(db, event_id)

    async def note(self, acts: Iterable[Act]) -> None:
        """See Store."""
        async with self._link.lent() as db:
            await figures.note(db, acts)

    async def audit(self, limit: int) -> list[Act]:
        """See Store."""
        async with self._link.lent() as db:
            return await figures.audit(db, limit)

    async def memo(self, key: str) -> bytes | None:
        """See Store."""
        async with self._link.lent() as db:
            return await parts.memo(db, key)

    async def set_memo(self, key: str, value: bytes) -> None:
        """See Store."""
        async with self._link.lent() as db:
            await set_meta(db, key, value)

    async def dump(self, part: str, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
        """See Store."""
        async with self._link.lent() as db:
            return await parts.dump(db, part, after, limit)

    async def load(self, part: str, rows: list[tuple[Any, ...]]) -> None:
        """See Store."""
        async with self._link.transaction() as db:
            await parts.load(db, part, rows)

    def sql(self, measure: str) -> str:
        """See Store."""
        return sql_of(measure, POSTGRES)
