"""What charts ask of a store, and a way to ask each thing once for a whole page."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol

from sidespool_collector.store.contract import ErrorGroup, Fact, FactQuery, InstallCount, Intake


class Reading(Protocol):
    """The part of a store that charts read; see store/contract.py."""

    async def facts(self, query: FactQuery) -> list[Fact]:
        """Facts of one measure."""

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """Sessions and installs."""

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """Error groups."""

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """What came in."""

    def sql(self, measure: str) -> str:
        """The statement behind a chart."""


class OnceReading:
    """A reading that asks its store for each thing once, however many charts want it.

    Lives as long as one page takes; its tasks belong to the caller's group.
    """

    def __init__(self, store: Reading, group: asyncio.TaskGroup) -> None:
        self._store = store
        self._group = group
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    async def facts(self, query: FactQuery) -> list[Fact]:
        """See Reading."""
        return list(await self._once(self._store.facts, query))

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """See Reading."""
        return list(await self._once(self._store.installs, query))

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """See Reading."""
        return list(await self._once(self._store.error_groups, query, limit))

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """See Reading."""
        found: Intake = await self._once(self._store.intake, since_ms, until_ms)
        return found

    def sql(self, measure: str) -> str:
        """See Reading."""
        return self._store.sql(measure)

    async def _once(self, ask: Callable[..., Awaitable[Any]], *what: Hashable) -> Any:
        key = (ask.__name__, *what)
        if key not in self._asked:

            async def work() -> Any:
                return await ask(*what)

            self._asked[key] = self._group.create_task(work())
        return await self._asked[key]
