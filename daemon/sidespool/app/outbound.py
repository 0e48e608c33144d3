"""What may leave this machine: endpoint, token, exporters, uploads, deletion requests, the gate."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from sidespool.app.storage import Storage
from sidespool.config import Config
from sidespool.core.erasure import Erasure, request_events
from sidespool.core.record import encode_sealed
from sidespool.core.schedule import UploadSchedule
from sidespool.errors import SidespoolError
from sidespool.runtime.clock import SystemClock
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.eraser import Eraser
from sidespool.runtime.exporters.factory import (
    ExportSettings,
    http_endpoint,
    needs_endpoint,
    open_exporter,
    without_endpoint,
)
from sidespool.runtime.exporters.http_client import HttpClient
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.runtime.uploader import Uploader
from sidespool.wire.level import Level
from sidespool.wire.upload import Delivered

COLLECTOR_TOKEN = "collector_token"  # noqa: S105  # the secret's name on standard input


class Outbound:
    """Everything between the spool and the network. `problem` says why an endpoint is not used."""

    def __init__(self, config: Config, storage: Storage) -> None:
        self.config = config
        self.endpoint = config.endpoint
        self.problem = ""
        self._storage = storage
        self.token = CollectorToken(
            configured=config.token or None, read_keychain=lambda: _keychain(config.app_id)
        )
        self.uploader = Uploader(
            source=storage.spooler,
            exporter=open_exporter(self._settings(config.endpoint)),
            schedule=UploadSchedule(),
            clock=SystemClock(),
            token=self.token,
        )
        self.eraser = Eraser(
            storage.disk, storage.paths, self.token, self.collector_client, self._hand_over
        )
        self.eraser.load()
        storage.spooler.on_change = self.uploader.wake

    def start(self, spawn: Callable[[Coroutine[Any, Any, None]], Any]) -> list[Any]:
        """Begins to send; the tasks that do."""
        return [spawn(self.uploader.run()), spawn(self.eraser.run())]

    def may_send(self, level: Level) -> bool:
        """Whether events may leave: not off, not local only, and somewhere to send them."""
        has_place = bool(self.endpoint) or not needs_endpoint(self.config.exporter)
        return level > Level.OFF and not self.config.local and has_place

    def set_gate(self, level: Level) -> None:
        """Opens or closes as the level and the settings demand."""
        self.uploader.set_gate(self.may_send(level))

    async def close_gate(self) -> str:
        """Returns when nothing is on the wire any more: `nothing`, `aborted` or `answered`."""
        self.uploader.set_gate(False)
        return await self.uploader.abort_in_flight()

    def set_secret(self, name: str, value: str | None) -> None:
        """A secret from the parent process."""
        if name == COLLECTOR_TOKEN and self.token.hand_over(value):
            self.uploader.token_changed()
            self.eraser.wake()

    async def change_endpoint(self, endpoint: str, level: Level) -> None:
        """A bad address keeps everything here, and `status` says why."""
        if endpoint == self.endpoint and not self.problem:
            return
        try:
            exporter = open_exporter(self._settings(endpoint))
        except SidespoolError as error:
            self.problem, self.endpoint = str(error), ""
        else:
            self.problem, self.endpoint = "", endpoint
            await self.uploader.replace_exporter(exporter)
        self.eraser.wake()
        self.set_gate(level)

    async def _hand_over(self, request: Erasure) -> str:
        """A deletion request through the exporter; why it was not taken, or ""."""
        names = [name for name in self.config.exporter if name != "none"]
        if self.config.local or not names or (needs_endpoint(tuple(names)) and not self.endpoint):
            return "there is no place to send it to yet"
        lines = request_events(request, self.config.app_id)
        disk, body = self._storage.disk, self._storage.paths.deletion / f"{request.request_id}.body"
        data = encode_sealed(lines)
        await asyncio.to_thread(disk.write_atomic, body, data)
        exporter = open_exporter(self._settings(self.endpoint))
        try:
            batch = SealedBatch(request.request_id, Level.CRASH, body, len(data), len(lines))
            answer = await exporter.send(batch)
        finally:
            await exporter.aclose()
            await asyncio.to_thread(disk.remove, body)
        if not isinstance(answer, Delivered):
            return str(getattr(answer, "detail", "it was not taken"))
        if answer.answer.rejected:
            return "the receiver does not know deletion events: set TELEMETRY_DELETION=http"
        return ""

    def _settings(self, endpoint: str) -> ExportSettings:
        config = self.config
        names = config.exporter
        if not endpoint and needs_endpoint(names):
            names = without_endpoint(names)
        return ExportSettings(
            names=names,
            endpoint=endpoint or None,
            data_dir=self._storage.paths.root,
            token=self.token,
            allow_insecure=config.allow_insecure,
            proxy=config.proxy or None,
            ca_file=Path(config.ca_file) if config.ca_file else None,
        )

    def collector_client(self) -> HttpClient | None:
        """A client of the present endpoint, for the caller to close; None where there is none."""
        if not self.endpoint or self.config.local:
            return None
        settings = self._settings(self.endpoint)
        return HttpClient(http_endpoint(settings), proxy=settings.proxy, ca_file=settings.ca_file)


def _keychain(app_id: str) -> str | None:
    from sidespool.runtime.keychain import read_secret

    return read_secret(app_id)
