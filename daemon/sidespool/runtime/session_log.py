"""Remembers the app's open session on disk, and emits its end where the app did not."""

import asyncio
from typing import Any

import msgspec

from sidespool.core.session import OpenSession, crashed_events, decode_session, lost_events
from sidespool.runtime.ids import new_uuid, now_ms
from sidespool.runtime.intake import Intake
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.record_file import load_file
from sidespool.runtime.spooler import Spooler


class SessionLog:
    """The session that the app has open, if any."""

    def __init__(self, paths: DataPaths, intake: Intake, spooler: Spooler) -> None:
        self._path = paths.session_file
        self._intake = intake
        self._spooler = spooler
        self._open: OpenSession | None = None

    async def on_noted(self, event_type: str, session_id: str) -> None:
        """A SessionStart or SessionEnd is durable."""
        if event_type == "SessionStart":
            self._open = OpenSession(session_id, now_ms(), new_uuid(), new_uuid())
            content = msgspec.json.encode(self._open)
            disk = self._spooler.store.disk
            await self._spooler.call_and_forget(lambda: disk.write_atomic(self._path, content))
        elif self._open is not None and self._open.session_id == session_id:
            await self.close()

    async def recover(self) -> None:
        """At start: a session of a run before ended with its daemon."""
        disk, path = self._spooler.store.disk, self._path
        session, _ = await self._spooler.call(
            lambda: load_file(disk, path, decode_session, LOGGER.warning)
        )
        if session is not None:
            await self._emit(lost_events(session))
            await self.close()

    async def parent_vanished(self) -> None:
        """Standard input ended; an open session was not ended by the app."""
        if self._open is not None:
            await self._emit(crashed_events(self._open, now_ms()))
            await self.close()

    async def close(self) -> None:
        """The session is over, or the app ended the daemon on purpose."""
        self._open = None
        await self._spooler.call_and_forget(lambda: self._spooler.store.disk.remove(self._path))

    async def _emit(self, events: list[dict[str, Any]]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        raw = [msgspec.Raw(msgspec.json.encode(event)) for event in events]
        self._intake.emit_raw(raw, None, lambda *_: done.set_result(None))
        await done
