"""The SQL console of the PostgreSQL store: a role that may read one view, and a short leash.

What a statement may read and call is decided by the server, by what it has granted to the role,
and by nothing we parse: functions that reach files, settings or other sessions are for other
roles. A role that may read more than the view is refused, for then the grants are not as meant.
Rows travel as JSON text, cut by the server, so that no answer can fill the collector's memory.
"""

import asyncio
from typing import Any

import asyncpg
import msgspec

from sidespool_collector.store.console import (
    ConsoleAnswer,
    ConsoleError,
    ConsoleLimits,
    ConsoleOffError,
)  # fmt: skip
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.postgres.link import CONNECT_S, busy

AT_ONCE = 2
WAIT_S = 10.0
ROW_BYTES = 1_000_000
_AWAY = ("08", "53", "57P0")  # SQLSTATEs of a server that is not there or not well
_CHECK = (
    "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR "
    "EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname !~ '^pg_' AND n.nspname != 'information_schema' "
    "AND c.relkind IN ('r', 'p', 'm', 'f', 'v') AND c.relname != 'events' AND "
    "(has_table_privilege(c.oid, 'SELECT') OR has_table_privilege(c.oid, 'INSERT') OR "
    "has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE'))) OR "
    "EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) "
    "FROM pg_roles r WHERE rolname = session_user"
)
_WRAP = (
    "SELECT CASE WHEN octet_length(line) <= {size} THEN line END FROM "
    "(SELECT row_to_json(q)::text AS line FROM (\n{sql}\n) AS q LIMIT {rows}) AS lines"
)


class PostgresConsole:
    """A connection for each statement, as the role of the URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def run(self, sql: str, limits: ConsoleLimits) -> ConsoleAnswer:
        """See Console."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise StoreBusyError("too many statements at once") from None
        try:
            return await self._run(sql.strip().rstrip(";"), limits)
        except (
            asyncpg.QueryCanceledError,
            asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
        ):
            raise ConsoleError(
                f"the statement took longer than {limits.seconds:g} s: choose less"
            ) from None
        except asyncpg.PostgresError as error:
            if str(error.sqlstate)[:4] in _AWAY or str(error.sqlstate)[:2] in _AWAY:
                raise StoreBusyError(f"the database cannot answer: {error}") from error
            raise ConsoleError(str(error)) from None
        except Exception as error:
            away = busy(error)
            if away is None:
                raise
            raise away from error
        finally:
            self._turn.release()

    async def _run(self, sql: str, limits: ConsoleLimits) -> ConsoleAnswer:
        ms = int(limits.seconds * 1000)
        connection = await asyncpg.connect(
            self._url, timeout=CONNECT_S, command_timeout=limits.seconds + 5,
            server_settings={
                "default_transaction_read_only": "on", "statement_timeout": str(ms),
                "lock_timeout": "1000", "idle_in_transaction_session_timeout": str(2 * ms),
                "work_mem": "32MB", "max_parallel_workers_per_gather": "0",
            },
        )  # fmt: skip
        try:
            if await connection.fetchval(_CHECK):
                raise ConsoleOffError(
                    "the role of COLLECTOR_SQL_STORE may do more than read the view events"
                )
            return await _read(connection, sql, limits)
        finally:
            connection.terminate()


async def _read(connection: Any, sql: str, limits: ConsoleLimits) -> ConsoleAnswer:
    async with connection.transaction(readonly=True):
        columns = [str(a.name) for a in (await connection.prepare(sql)).get_attributes()]
        if not columns:
            raise ConsoleError("only a SELECT gives something to show")
        wrapped = _WRAP.format(sql=sql, rows=limits.rows + 1, size=ROW_BYTES)
        rows: list[list[Any]] = []
        size = 0
        async for (line,) in connection.cursor(wrapped, prefetch=50):
            if line is None:
                raise ConsoleError(f"a row has more than {ROW_BYTES:,} bytes: choose less")
            size += len(line)
            if len(rows) >= limits.rows or size > limits.answer_bytes:
                return ConsoleAnswer(columns, rows, is_cut=True)
            found = msgspec.json.decode(line)
            rows.append([found.get(name) for name in columns])
        return ConsoleAnswer(columns, rows)
