"""The ClickHouse store: gives each promise of the contract to the part that keeps it."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from sidespool_collector.event import Batch, Receipt, Refused
from sidespool_collector.store.clickhouse import erase, figures, parts, purge, read
from sidespool_collector.store.clickhouse.append import Appender, known_keys, now_ms
from sidespool_collector.store.clickhouse.attached import Files
from sidespool_collector.store.clickhouse.company import Company
from sidespool_collector.store.clickhouse.export import read_events
from sidespool_collector.store.clickhouse.link import ClickHouseError, Link
from sidespool_collector.store.clickhouse.place import place_of
from sidespool_collector.store.clickhouse.rollup import Roller
from sidespool_collector.store.clickhouse.schema import meta, new_version, prepare, set_meta
from sidespool_collector.store.clickhouse.writer import Writer
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
from sidespool_collector.store.statement import CLICKHOUSE, sql_of

EXPORT_CHUNK = 1000
ROLL_ALL_S = 3600.0


class ClickHouseStore:
    """A database that several collectors may share; see store/contract.py for the promises.

    `link` replaces the connection, `quiet_s` how long an erasure waits for other collectors.
    """

    name = "clickhouse"

    def __init__(self, url: str, link: Link | None = None, quiet_s: float = erase.QUIET_S) -> None:
        self._link = link or Link(place_of(url))
        self._quiet_s = quiet_s
        self._appender = Appender(self._link, b"", now_ms)
        self._writer = Writer(self._appender)
        self._files = Files(self._link)
        self._roller = Roller(self._link)
        self._company = Company(self._link)
        self._erasing = asyncio.Lock()

    async def open(self) -> None:
        """Connects, migrates, and starts the writer."""
        await self._link.open()
        try:
            key = await prepare(self._link, secrets.token_bytes(32))
            await self._company.join()
        except (StoreBusyError, ClickHouseError) as error:
            await self._link.close()
            raise StoreError(
                f"COLLECTOR_STORE: {error}: check that the server runs and what the URL names"
            ) from error
        except BaseException:
            await self._link.close()
            raise
        self._appender = Appender(self._link, key, now_ms)
        self._writer = Writer(self._appender)
        self._writer.start()

    async def close(self) -> None:
        """Inserts what was accepted, then lets go."""
        await self._writer.close()
        await self._company.leave()
        await self._link.close()

    async def append(self, batch: Batch) -> Receipt:
        """See Store."""
        return await self._writer.append(batch)

    async def seen(self, key: str) -> bool:
        """See Store."""
        return bool(await known_keys(self._link, {key}))

    async def export(self, query: EventQuery) -> AsyncIterator[list[StoredEvent]]:
        """See Store. An erasure that is asked for meanwhile holds for what is yet to come."""
        chunks = read_events(self._link, query, self._appender.mark_of, EXPORT_CHUNK)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def facts(self, query: FactQuery) -> list[Fact]:
        """See Store."""
        return await read.read_facts(self._link, query)

    async def refresh(self, budget_s: float) -> bool:
        """See Store."""
        return await self._roller.roll_up(budget_s)

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """See Store."""
        return await read.read_installs(self._link, query)

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """See Store."""
        return await read.read_groups(self._link, query, limit)

    async def set_error_status(self, group: str, status: str, now_ms: int) -> bool:
        """See Store."""
        return await read.set_status(self._link, group, status, now_ms)

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """See Store."""
        return await figures.intake(self._link, since_ms, until_ms)

    async def holding(self) -> Holding:
        """See Store."""
        return await figures.holding(self._link)

    async def rejected(self, limit: int) -> list[tuple[int, Refused]]:
        """See Store."""
        return await figures.rejected(self._link, limit)

    async def versions_and_systems(self) -> tuple[list[str], list[str]]:
        """See Store."""
        return await read.versions_and_systems(self._link)

    async def request_erasure(self, user_ids: list[str], receipt: str, now_ms: int) -> None:
        """See Store."""
        async with self._writer.paused():
            await erase.request(self._link, self._appender.mark_of, user_ids, receipt, now_ms)

    async def erase_pending(self, now_ms: int, unlink: Callable[[str], None]) -> int:
        """See Store. `erased` is said last."""
        async with self._erasing:
            requests = await erase.open_requests(self._link)
            if not requests:
                return 0
            hours = await self._erase(requests)
            if await self._company.is_shared():
                await asyncio.sleep(self._quiet_s)
                hours |= await self._erase(requests)
            await self._files.release(unlink)
            ver = new_version()
            if not await self.refresh(ROLL_ALL_S):
                raise StoreBusyError("the rollups are not up to date yet")
            await erase.clean(self._link, hours, ver)
            await erase.finish(self._link, requests, now_ms)
            return len(requests)

    async def _erase(self, requests: list[Erasure]) -> set[int]:
        return await erase.erase_rows(self._link, self._files, requests, now_ms())

    async def erasure(self, receipt: str) -> Erasure | None:
        """See Store."""
        return await erase.state_of(self._link, receipt)

    async def scan(self, user_id: str) -> int:
        """See Store."""
        return await erase.scan(self._link, user_id)

    async def purge(
        self, cutoffs: dict[str, int], default_ms: int, *, dry_run: bool
    ) -> dict[str, int]:
        """See Store."""
        return await purge.purge(
            self._link, self._files, cutoffs, default_ms, now_ms(), dry_run=dry_run
        )

    async def release_files(self, unlink: Callable[[str], None]) -> int:
        """See Store."""
        return await self._files.release(unlink)

    async def release_file(self, digest: str, unlink: Callable[[str], None]) -> None:
        """See Store."""
        await self._files.release_one(digest, unlink)

    async def attach(
        self, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
    ) -> str:
        """See Store."""
        return await self._files.attach(attachment, max_files, exists)

    async def attachments(self, event_id: str) -> list[Attachment]:
        """See Store."""
        return await self._files.of_event(event_id)

    async def note(self, acts: Iterable[Act]) -> None:
        """See Store."""
        await figures.note(self._link, acts)

    async def audit(self, limit: int) -> list[Act]:
        """See Store."""
        return await figures.audit(self._link, limit)

    async def memo(self, key: str) -> bytes | None:
        """See Store."""
        return await meta(self._link, key)

    async def set_memo(self, key: str, value: bytes) -> None:
        """See Store."""
        await set_meta(self._link, key, value)

    async def dump(self, part: str, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
        """See Store."""
        return await parts.dump(self._link, part, after, limit)

    async def load(self, part: str, rows: list[tuple[Any, ...]]) -> None:
        """See Store."""
        await parts.load(self._link, part, rows)

    def sql(self, measure: str) -> str:
        """See Store."""
        return sql_of(measure, CLICKHOUSE)
