"""Today's ClickHouse in this process, behind the store's own connection: the dialect, no server.

chdb (PyPI) holds one database directory a process. Lists that go along with a query become tables
of their own for its time; blocks go through a file.
"""

import asyncio
import atexit
import functools
import importlib
import importlib.util
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sidespool_collector.store.clickhouse.link import (
    ANSWER_S,
    ClickHouseError,
    Link,
    Tables,
    code_of,
)  # fmt: skip
from sidespool_collector.store.clickhouse.place import Place
from sidespool_collector.store.clickhouse.store import ClickHouseStore
from support.clickhouse import room

_NUMBERS = itertools.count()


@functools.cache
def missing() -> str:
    """What is missing, or nothing."""
    found = importlib.util.find_spec("chdb")
    return "" if found else "chdb is not installed (pip install chdb)"


@functools.cache
def _session() -> Any:
    place = tempfile.mkdtemp(prefix="sidespool-chdb-", dir=room())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    engine: Any = importlib.import_module("chdb.session")
    return engine.Session(place)


def chdb_store() -> Callable[[], ClickHouseStore]:
    """Opens a store of its own, each time the same."""
    name = f"test_{next(_NUMBERS)}"
    return lambda: ClickHouseStore("clickhouse://nowhere/test", ChdbLink(name))


class ChdbLink(Link):
    """Statements to the engine in this process."""

    def __init__(self, database: str) -> None:
        super().__init__(Place((), database))
        self._folder = tempfile.TemporaryDirectory(prefix="sidespool-blocks-", dir=room())
        self._files = Path(self._folder.name)

    async def open(self) -> None:
        """The engine starts with the first one that asks."""
        await asyncio.to_thread(_session)

    async def close(self) -> None:
        """The engine stays until the process ends."""

    async def run(
        self, statement: str, body: bytes | None = None, *, tables: Tables | None = None,
        settings: dict[str, Any] | None = None, patience_s: float = ANSWER_S,
        is_once: bool = False,
    ) -> bytes:  # fmt: skip
        """See Link."""
        return self._run(statement, body, tables or {})

    def _run(self, statement: str, body: bytes | None, tables: Tables) -> bytes:
        if not statement.startswith(("CREATE DATABASE", "SELECT version()")):
            self._send(f"USE {self.database}")
        with self._beside(tables) as names:
            for name, table in names.items():
                statement = statement.replace(f"IN {name}", f"IN {table}")
            if body is None:
                statement, _, kind = statement.partition(" FORMAT ")
                return self._send(statement, kind or "TSV")
            path = self._files / f"{next(_NUMBERS)}.native"
            path.write_bytes(body)
            into = statement.removesuffix(" FORMAT Native")
            self._send(f"{into} SELECT * FROM file('{path}', 'Native')")
            path.unlink()
            return b""

    @contextmanager
    def _beside(self, tables: Tables) -> Iterator[dict[str, str]]:
        made = {}
        for name, (structure, content) in tables.items():
            table = made[name] = f"beside_{next(_NUMBERS)}"
            path = self._files / table
            path.write_bytes(content)
            self._send(f"CREATE TABLE {table} ({structure}) ENGINE = Memory")
            self._send(
                f"INSERT INTO {table} SELECT * FROM file('{path}', 'RowBinary', '{structure}')"
            )
        try:
            yield made
        finally:
            for table in made.values():
                self._send(f"DROP TABLE {table}")

    def _send(self, statement: str, kind: str = "TSV") -> bytes:
        try:
            answer = _session().query(statement, kind)
        except Exception as error:  # chdb's own kind
            message = str(error)
            raise ClickHouseError(code_of(message), message[:1000]) from None
        return bytes(answer.bytes())

    async def stream(self, statement: str) -> AsyncIterator[bytes]:
        """See Link."""
        for line in (await self.run(statement)).split(b"\n"):
            yield line

    async def everywhere(
        self, query: str, *, patience_s: float = ANSWER_S
    ) -> list[list[list[Any]]]:
        """See Link."""
        return [await self.rows(query)]
