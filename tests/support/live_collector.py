"""The real collector beside a test, behind a relay that keeps every byte of the wire."""

import asyncio
import sqlite3
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec

from sidespool_collector.auth.tokens import Role, TokenFile
from sidespool_collector.server import RunningCollector, start
from sidespool_collector.settings import load_settings
from support.in_thread import in_thread


class LiveCollector:
    """`env` points a daemon at it; `wire` holds what the daemon sent and was answered."""

    def __init__(self, folder: Path, store: str = "") -> None:
        self.folder = folder / "collector"
        self.store = store or f"sqlite:///{self.folder / 'collector.db'}"
        self.folder.mkdir()
        tokens = TokenFile(self.folder / "tokens.json")
        self.tokens = {role: tokens.create(str(role), role, 0) for role in Role}
        self.wire = bytearray()
        self.url = ""
        self.accepts = True
        self._lock = threading.Lock()
        self._life: AbstractContextManager[RunningCollector] | None = None

    @property
    def env(self) -> dict[str, str]:
        """What the daemon is started with."""
        return {"TELEMETRY_ENDPOINT": self.url, "TELEMETRY_TOKEN": self.tokens[Role.INGEST]}

    def __enter__(self) -> Self:
        self._life = in_thread(self._live())
        self._life.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._life is not None
        self._life.__exit__(None, None, None)

    @asynccontextmanager
    async def _live(self) -> AsyncIterator[RunningCollector]:
        settings = load_settings(
            store=self.store,
            listen="127.0.0.1:0",
            tokens_file=self.folder / "tokens.json",
            attachments_dir=self.folder / "attachments",
            retention_days=3650,
        )
        running = await start(settings)
        port = int(running.url.rpartition(":")[2])
        relay = await asyncio.start_server(lambda r, w: self._relay(r, w, port), "127.0.0.1", 0)
        self.direct = running.url
        self.url = f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}"
        try:
            yield running
        finally:
            relay.close()
            await running.close()

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        if not self.accepts:
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                with self._lock:
                    self.wire += chunk
                writer.write(chunk)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    def events(self) -> list[dict[str, Any]]:
        """Everything in the store, by its own export."""
        body = self.fetch("/api/v1/export?format=jsonl")
        return [msgspec.json.decode(line) for line in body.splitlines() if line.strip()]

    def fetch(self, path: str) -> bytes:
        """What the collector answers an administrator."""
        request = urllib.request.Request(
            self.direct + path, headers={"Authorization": f"Bearer {self.tokens[Role.ADMIN]}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def attachments(self) -> list[bytes]:
        """The files it keeps."""
        found = (self.folder / "attachments").rglob("*")
        return [one.read_bytes() for one in found if one.is_file() and one.name[0] != "."]

    def rows(self, table: str) -> int:
        """Rows of one table of the store."""
        with sqlite3.connect(self.folder / "collector.db") as db:
            count: int = db.execute(f"select count(*) from {table}").fetchone()[0]
        return count
