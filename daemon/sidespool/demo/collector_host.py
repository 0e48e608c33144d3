"""Runs a real collector inside the demo, and can take it away and bring it back."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from sidespool.errors import PortTakenError, SidespoolError
from sidespool.wire.upload import CONTENT_TYPE_NDJSON, EVENTS_PATH, UploadAnswer, decode_answer


class CollectorHost:
    """A collector on loopback with SQLite in a folder; the dashboard is open to this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._running: Any = None
        self._http: aiohttp.ClientSession | None = None
        self.ingest_token = ""
        self._read_token = ""

    @property
    def url(self) -> str:
        """Where it listens, also while it is away."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listens, on the same port every time; raises SidespoolError where it cannot."""
        try:
            from sidespool_collector.server import start
            from sidespool_collector.settings import load_settings
        except ModuleNotFoundError as error:
            raise SidespoolError(
                f"the demo needs {error.name}, which is not installed",
                hint="Run: pip install 'sidespool[collector]'",
            ) from error
        for name in [name for name in os.environ if name.startswith("COLLECTOR_")]:
            del os.environ[name]  # an operator's settings are not meant for a demo
        store = f"sqlite:///{self._folder / 'collector.db'}"
        settings = load_settings(store=store, listen=f"127.0.0.1:{self._port}", open_dashboard=True)
        try:
            self._running = await start(settings)
        except PortTakenError as error:
            raise SidespoolError(
                f"port {self._port} on 127.0.0.1 is taken", hint="Choose another --port"
            ) from error
        self._port = int(self._running.url.rpartition(":")[2])
        if self._running.fresh is not None:
            self.ingest_token = self._running.fresh.ingest
            self._read_token = self._running.fresh.read

    async def stop(self) -> None:
        """Gone, as for a daemon on a train in a tunnel; what it accepted is on its disk."""
        running, self._running = self._running, None
        http, self._http = self._http, None
        if http is not None:
            await http.close()
        if running is not None:
            await running.close()

    async def post(self, batch_id: str, body: bytes) -> UploadAnswer:
        """One sealed segment by the upload protocol, as a daemon would send it."""
        headers = {
            "Authorization": f"Bearer {self.ingest_token}",
            "Content-Encoding": "gzip",
            "Content-Type": CONTENT_TYPE_NDJSON,
            "Idempotency-Key": batch_id,
        }
        async with self._client().post(self.url + EVENTS_PATH, data=body, headers=headers) as said:
            answer = decode_answer(await said.read())
        if answer is None:
            raise SidespoolError(f"the demo's collector answered {said.status}")
        return answer

    async def stored_ids(self) -> list[str]:
        """The id of every event in its database, by the export API."""
        headers = {"Authorization": f"Bearer {self._read_token}"}
        url = f"{self.url}/api/v1/export?format=jsonl"
        async with self._client().get(url, headers=headers) as said:
            if said.status != 200:
                raise SidespoolError(f"the demo's collector answered {said.status} to an export")
            lines = (await said.read()).splitlines()
        return list(await asyncio.to_thread(lambda: list(_ids(lines))))

    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(trust_env=False)
        return self._http


class _Known(msgspec.Struct):
    event_id: str


def _ids(lines: Iterable[bytes]) -> Iterable[str]:
    decoder = msgspec.json.Decoder(_Known)
    return (decoder.decode(line).event_id for line in lines)
