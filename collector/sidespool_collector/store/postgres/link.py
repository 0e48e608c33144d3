"""Connections, and what their failures mean: a database that is away is a reason to come again.

Every failure that time can heal (no connection, a server that starts or stops, a full disk, a
deadlock, a standby) becomes StoreBusyError, which the API answers with 503 and Retry-After.
Anything else is a mistake of ours and stays what it is.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from sidespool_collector.store.contract import StoreBusyError, StoreError

CONNECT_S = 5.0
ANSWER_S = 60.0
LOCK_RETRY_S = 0.02
READERS = 6
DISK_FULL = "53100"
_AWAY = ("08", "25", "40", "53", "55", "57", "58")  # classes of SQLSTATE


def busy(error: BaseException) -> StoreBusyError | None:
    """The error as one that passes, or None for one that does not."""
    if isinstance(error, StoreBusyError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        state = str(getattr(error, "sqlstate", "") or "")
        if state == DISK_FULL:
            return StoreBusyError("the database's disk is full", 60)
        if state[:2] in _AWAY:
            return StoreBusyError(f"the database cannot answer: {error}")
        return None
    if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError):
        return StoreBusyError(f"the connection to the database is gone: {error}")
    if isinstance(error, OSError | TimeoutError | asyncio.IncompleteReadError):
        return StoreBusyError(f"the database cannot be reached: {error or type(error).__name__}")
    return None


async def set_up(connection: Any) -> None:
    """Ids travel as their 16 bytes, without an object each."""
    await connection.set_type_codec(
        "uuid", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


async def connect(url: str) -> Any:
    """A connection of its own. Raises StoreBusyError or StoreError."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S, command_timeout=ANSWER_S)
        await set_up(connection)
    except Exception as error:
        away = busy(error)
        if away is not None:
            raise away from error
        raise StoreError(f"COLLECTOR_STORE: cannot be used: {error}: check the URL") from error
    return connection


class Link:
    """A pool for everything but appends."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool: Any = None

    async def open(self) -> None:
        """Makes the pool; its connections are opened when they are needed."""
        self._pool = await asyncpg.create_pool(
            self.url, min_size=0, max_size=READERS, init=set_up, timeout=CONNECT_S,
            command_timeout=ANSWER_S, max_inactive_connection_lifetime=60,
        )  # fmt: skip

    async def close(self) -> None:
        """Lets queries under way finish, for a while."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), 10)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Any]:
        """A connection for the time of a query; raises StoreBusyError."""
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield connection
        except Exception as error:
            away = busy(error)
            if away is None or away is error:
                raise
            raise away from error

    @asynccontextmanager
    async def transaction(self, isolation: str = "read_committed") -> AsyncIterator[Any]:
        """A connection inside a transaction."""
        async with self.lent() as connection, connection.transaction(isolation=isolation):
            yield connection

    @asynccontextmanager
    async def alone(self, lock: int, wait_s: float) -> AsyncIterator[Any]:
        """A connection while no other collector does the same work; None where one still does.

        The lock belongs to a connection: when its collector dies, the database lets it go.
        """
        async with self.lent() as connection:
            ends = asyncio.get_running_loop().time() + wait_s
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
                if asyncio.get_running_loop().time() >= ends:
                    yield None
                    return
                await asyncio.sleep(LOCK_RETRY_S)
            try:
                yield connection
            finally:
                if not connection.is_closed():
                    await connection.execute("SELECT pg_advisory_unlock($1)", lock)
