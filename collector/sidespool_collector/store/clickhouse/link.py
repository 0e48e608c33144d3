"""Statements over HTTP, and what their failures mean.

Every failure that time can heal (no connection, a server that starts, a replica without its
keeper, a full disk, too many parts) becomes StoreBusyError, which the API answers with 503 and
Retry-After. Anything else is a mistake of ours and stays what it is.

A statement goes to the host that answered last. Where that one fails, the next is greeted and
tried: greeting waits until the replica holds every tombstone that its peers have, so that a node
that comes back cannot let in what was refused. All statements that write are idempotent, so one
whose answer was lost may run again elsewhere.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from sidespool_collector.store.clickhouse.place import Place
from sidespool_collector.store.contract import StoreBusyError

CONNECT_S = 3.0
ANSWER_S = 30.0  # an append is over by then, one way or the other
PATIENT_S = 3600.0
GREETING_S, SYNC_S = 10, 2
LEAST_S = 0.5
CONNECTIONS = 24
KEEP_ALIVE_S = 2.0  # the servers' own default is 3
QUERY_BYTES = 16 * 1024 * 1024
DISK_FULL = 243
# Names and numbers: ClickHouse, src/Common/ErrorCodes.cpp
_AWAY = frozenset({
    159, 160, 164, 202, 203, 209, 210, 225, 241, 242, 252, 279, 285, 286, 287, 288, 289, 319, 341,
    394, 415, 425, 439, 999,
})  # fmt: skip
_BARE = ("CREATE DATABASE", "SYSTEM", "SELECT version()")  # the database may not be there yet
_NOT_YET = (36, 60, 81)  # no such table or database: nothing to wait for
_CODE = re.compile(r"Code: (\d+)")
_LOST = (aiohttp.ClientError, OSError, TimeoutError)
Tables = dict[str, tuple[str, bytes]]
"""Lists that go along with a query: name → its column's `name type`, and RowBinary."""


class ClickHouseError(Exception):
    """A statement was refused, with the server's code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _ElsewhereError(Exception):
    """This host cannot do it now; another may."""

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Rows(msgspec.Struct):
    """The part of JSONCompact that is read."""

    data: list[list[Any]]


_ROWS = msgspec.json.Decoder(Rows)


class Link:
    """Connections to the hosts of a place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.database = place.database
        self._client: aiohttp.ClientSession | None = None
        self._now = 0
        self._greeted: set[str] = set()

    @property
    def is_cluster(self) -> bool:
        """Whether tables are replicated."""
        return bool(self.place.cluster)

    async def open(self) -> None:
        """Nothing is connected yet; the first statement does that."""
        login = f"{self.place.user}:{self.place.password}".encode()
        self._client = aiohttp.ClientSession(
            headers={"Authorization": "Basic " + base64.b64encode(login).decode()},
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
        )

    async def close(self) -> None:
        """Lets go."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def run(
        self, statement: str, body: bytes | None = None, *, tables: Tables | None = None,
        settings: dict[str, Any] | None = None, patience_s: float = ANSWER_S,
        is_once: bool = False,
    ) -> bytes:  # fmt: skip
        """The answer of the first host that gives one, within `patience_s` in all.

        `is_once`: tried once only, for what must not run twice. Raises StoreBusyError and
        ClickHouseError.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + patience_s
        failure: _ElsewhereError | None = None
        for attempt in range(1 if is_once else max(2, len(self.place.hosts) + 1)):
            host = self.place.hosts[self._now]
            left = ends - loop.time()
            if failure is not None and left < LEAST_S:
                break
            try:
                await self._greet(host)
                return await self.ask(
                    host, statement, body, tables=tables, settings=settings, patience_s=left
                )
            except _ElsewhereError as error:
                failure = error
                self._leave(host, is_sure=attempt > 0 or loop.time() > ends - left / 2)
        assert failure is not None
        raise StoreBusyError(str(failure), failure.retry_after_s)

    def _leave(self, host: str, *, is_sure: bool) -> None:
        """A connection that was only stale is worth one more try on the same host."""
        self._greeted.discard(host)
        hosts = self.place.hosts
        if hosts[self._now] == host and is_sure:
            self._now = (self._now + 1) % len(hosts)

    async def _greet(self, host: str) -> None:
        if self.is_cluster and host not in self._greeted:
            try:
                await self._wait_for(host, "tombstone", GREETING_S)
            except ClickHouseError as error:
                if error.code not in _NOT_YET:
                    raise
            self._greeted.add(host)

    async def _wait_for(self, host: str, table: str, limit_s: int) -> None:
        """Until a replica holds what its peers were given so far."""
        statement = f"SYSTEM SYNC REPLICA {self.database}.{table}"
        settings = {"receive_timeout": limit_s}
        await self.ask(host, statement, settings=settings, patience_s=limit_s + CONNECT_S)

    async def ask(
        self, host: str, statement: str, body: bytes | None = None, *,
        tables: Tables | None = None, settings: dict[str, Any] | None = None,
        patience_s: float = ANSWER_S,
    ) -> bytes:  # fmt: skip
        """One host's answer."""
        async with await self._post(host, statement, body, tables, settings, patience_s) as answer:
            try:
                content = await answer.read()
            except _LOST as error:
                raise _ElsewhereError(
                    f"{host} broke off: {error or type(error).__name__}"
                ) from None
        if answer.status != 200:
            raise self._refusal(content)
        return content

    async def _post(
        self, host: str, statement: str, body: bytes | None, tables: Tables | None,
        settings: dict[str, Any] | None, patience_s: float,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        assert self._client is not None, "the store is not open"
        target: dict[str, str] = {
            "output_format_json_quote_64bit_integers": "0",
            "max_query_size": str(QUERY_BYTES),
            **{name: str(value) for name, value in (settings or {}).items()},
        }
        if not statement.startswith(_BARE):
            target["database"] = self.database
        data: Any = statement.encode()
        if body is not None or tables:
            target["query"] = statement
            data = body if body is not None else _form(tables or {}, target)
        timeout = aiohttp.ClientTimeout(total=patience_s, sock_connect=CONNECT_S)
        try:
            return await self._client.post(host, params=target, data=data, timeout=timeout)
        except _LOST as error:
            said = error or type(error).__name__
            raise _ElsewhereError(f"ClickHouse cannot be reached: {said}") from None

    def _refusal(self, content: bytes) -> Exception:
        message = content.decode(errors="replace").strip()
        code = code_of(message)
        if code == DISK_FULL:
            return _ElsewhereError("ClickHouse's disk is full", 60)
        if code in _AWAY or not code:
            return _ElsewhereError(f"ClickHouse cannot answer: {message[:300]}")
        return ClickHouseError(code, message[:1000])

    async def stream(self, statement: str) -> AsyncIterator[bytes]:
        """Lines of an answer, as they come; raises StoreBusyError where it breaks off."""
        host = self.place.hosts[self._now]
        rest = b""
        try:
            await self._greet(host)
            async with await self._post(host, statement, None, None, None, PATIENT_S) as answer:
                if answer.status != 200:
                    raise self._refusal(await answer.read())
                async for piece in answer.content.iter_any():
                    lines = (rest + piece).split(b"\n")
                    rest = lines.pop()
                    for line in lines:
                        yield line
        except (*_LOST, _ElsewhereError) as error:
            self._leave(host, is_sure=True)
            raise StoreBusyError(f"ClickHouse broke off: {error or type(error).__name__}") from None

    async def rows(
        self, query: str, tables: Tables | None = None, *, patience_s: float = ANSWER_S
    ) -> list[list[Any]]:
        """Rows of a query."""
        answer = await self.run(query + " FORMAT JSONCompact", tables=tables, patience_s=patience_s)
        return _ROWS.decode(answer).data

    async def value(self, query: str, *, patience_s: float = ANSWER_S) -> Any:
        """The first value of the first row, or None."""
        rows = await self.rows(query, patience_s=patience_s)
        return rows[0][0] if rows else None

    async def insert(
        self, table: str, block: bytes, settings: dict[str, Any] | None = None
    ) -> None:
        """Adds a block of block.py."""
        await self.run(f"INSERT INTO {table} FORMAT Native", block, settings=settings)

    async def sync(self, *tables: str) -> bool:
        """Whether the host in use holds what all replicas were given; waits a little for it.

        It cannot while a node is away that had taken in something and not passed it on.
        """
        if not self.is_cluster:
            return True
        try:
            for table in tables:
                await self._wait_for(self.place.hosts[self._now], table, SYNC_S)
        except _ElsewhereError:
            return False
        return True

    async def tell(self, table: str) -> None:
        """Waits until every host that answers holds what this one was given."""
        if not self.is_cluster:
            return

        async def one(host: str) -> None:
            try:
                await self._wait_for(host, table, GREETING_S)
            except _ElsewhereError:
                self._greeted.discard(host)

        await asyncio.gather(*(one(host) for host in self.place.hosts))

    async def everywhere(
        self, query: str, *, patience_s: float = ANSWER_S
    ) -> list[list[list[Any]]]:
        """Rows of a query by host; raises StoreBusyError while one is away."""
        found = []
        for host in self.place.hosts:
            try:
                answer = await self.ask(host, query + " FORMAT JSONCompact", patience_s=patience_s)
            except _ElsewhereError as error:
                raise StoreBusyError(f"a replica is away: {error}") from None
            found.append(_ROWS.decode(answer).data)
        return found


def code_of(message: str) -> int:
    """The code in a server's refusal, or 0."""
    match = _CODE.search(message)
    return int(match[1]) if match else 0


def _form(tables: Tables, target: dict[str, str]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, (structure, content) in tables.items():
        target[f"{name}_structure"] = structure
        target[f"{name}_format"] = "RowBinary"
        form.add_field(name, content, filename=name, content_type="application/octet-stream")
    return form
