"""The daemon from the ready line to the exit.

Start (numbers are the order): 1 configuration, 2 directories and lock, 3 listening sockets,
4 runtime file and ready line, 5 the spool is recovered and what may no longer be sent is
deleted, 6 doors accept, 7 uploads begin.

End: 1 doors close, 2 what was admitted becomes durable, 3 losses are reported and everything is
sealed, 4 uploads go on for at most the grace, 5 counts and numbers are saved, 6 the writer
stops, 7 runtime file and lock go.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from sidespool.app.machine import os_family, scrub_context
from sidespool.app.outbound import Outbound
from sidespool.app.privacy import Privacy
from sidespool.app.status import DaemonStatus
from sidespool.app.storage import Storage
from sidespool.config import Config, unknown_names
from sidespool.core.admission import Admission
from sidespool.core.consent import ConsentRecord
from sidespool.core.erasure import mail_of
from sidespool.core.scrub import Scrubber
from sidespool.core.settings import LiveSettings
from sidespool.runtime.disk import Disk
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.serving import Doors
from sidespool.runtime.doors.shows import Shows
from sidespool.runtime.doors.stdio import StandardInput, StandardOutput
from sidespool.runtime.doors.viewer import Viewer
from sidespool.runtime.doorstep import Doorstep
from sidespool.runtime.governor import Effects, Governor
from sidespool.runtime.ids import new_uuid
from sidespool.runtime.intake import Intake
from sidespool.runtime.log import LOGGER
from sidespool.runtime.operations import Hands, Operations
from sidespool.runtime.policy_file import read_policy
from sidespool.runtime.sealer import Sealer
from sidespool.runtime.session_log import SessionLog
from sidespool.runtime.settings_watch import read_settings, watch
from sidespool.wire.catalog import Catalog
from sidespool.wire.level import Level
from sidespool.wire.validate import Validator

FLUSH_DEADLINE_S = 30.0


class Daemon:
    """Everything that lives between the ready line and the exit."""

    def __init__(
        self, config: Config, doorstep: Doorstep, catalog: Catalog, policy: Path, *, stdio: bool
    ) -> None:
        self.config = config
        self.paths = doorstep.paths
        self.started = time.monotonic()
        self._doorstep = doorstep
        self._policy = policy
        self._catalog = catalog
        self._stdio = stdio
        self.on_stop: Callable[[], None] = lambda: None
        self._stopping = asyncio.Event()
        self._vanished = False
        self._watching = asyncio.Event()
        self._output = StandardOutput()
        self._settings_file = Path(config.settings_file).absolute()

    async def run(self, *, watch_stdin: bool, disk: Disk | None = None) -> None:
        """From the ready line to the end of the grace."""
        self._assemble(disk or Disk())
        loop = asyncio.get_running_loop()
        stdin = StandardInput(loop, self._parent_vanished) if watch_stdin else None
        try:
            async with asyncio.TaskGroup() as self._tasks:
                background = await self._begin(stdin)
                await self._stopping.wait()
                await self._end(background)
        finally:
            self._output.close(timeout_s=0.2)

    def stop(self) -> None:
        """Begins to end; safe to call twice."""
        if not self._stopping.is_set():
            self._stopping.set()
            self.on_stop()

    def _parent_vanished(self) -> None:
        self._vanished = True
        self.stop()

    def _on_noted(self, event_type: str, session_id: str) -> None:
        self._spawn(self.sessions.on_noted(event_type, session_id))

    def _assemble(self, disk: Disk) -> None:
        config = self.config
        self.storage = storage = Storage(disk, self.paths, config)
        self.governor = Governor(config, storage.consent(), read_policy(self._policy))
        self.outbound = Outbound(config, storage)
        self.admission = Admission(
            Validator(self._catalog),
            Scrubber(scrub_context()),
            storage.install.key_bytes,
            storage.first_seq,
        )
        self.intake = Intake(
            self.admission,
            storage.spooler,
            storage.tally,
            new_uuid(),
            self._save_seq,
        )
        self.sessions = SessionLog(self.paths, self.intake, storage.spooler)
        self.intake.on_noted = self._on_noted
        self.sealer = Sealer(
            self.intake, storage.spooler, config.flush_interval_s, lambda: self.governor.level
        )
        self.sealer.hold_uploads = self.outbound.uploader.hold
        self.sealer.release_uploads = self.outbound.uploader.release
        self.privacy = Privacy(
            storage, self.outbound, self.intake, self.governor, self._catalog, self._spawn
        )
        hands = Hands(
            status=self._status,
            flush=self.flush,
            reset=self.reset,
            view=self._view,
            attach=self.privacy.attachments.attach,
            count_lost=storage.tally.on_rejected,
            report=self.privacy.reports.report,
            list_reports=self.privacy.reports.listed,
            withdrawal=self.privacy.withdrawal,
            save_consent=self._save_consent,
            set_secret=self.outbound.set_secret,
            shutdown=self.stop,
        )
        self.operations = Operations(self.governor, hands)
        self.reception = Reception(self.intake, self.operations, self._spawn)
        self.status = DaemonStatus(self)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._tasks.create_task(work)

    # -- beginning -----------------------------------------------------------------------------

    async def _begin(self, stdin: StandardInput | None) -> list["asyncio.Task[None]"]:
        store = self.storage.store
        self._identify(self.config.user_id)
        await self.privacy.begin()
        self.storage.spooler.start()
        self.admission.level = self.governor.level
        self.governor.connect(self._effects())
        await self._read_settings_file()
        await self.sessions.recover()
        self.privacy.open_gate()
        shows = Shows(store, self.storage.spooler.call)
        viewer = Viewer(self.status.describe, shows, self._catalog)
        self.doors = Doors(self._doorstep, self.reception, self.config.origins, shows, viewer)
        await self.doors.open(self._spawn)
        if stdin is not None:
            if self._stdio:
                stdin.open(self.reception, self._output)
            stdin.start()
        for name, near in unknown_names(os.environ):
            LOGGER.warning("unknown setting %s%s", name, f", did you mean {near}?" if near else "")
        return [
            *self.outbound.start(self._spawn),
            *self.privacy.start(self._spawn),
            self._spawn(self.sealer.run()),
            self._spawn(self.sealer.run_age()),
            self._spawn(self._watch()),
        ]

    def _effects(self) -> Effects:
        return Effects(
            admit=self._admit,
            close_gate=self.privacy.withdrawal.close_gate,
            open_gate=self.privacy.open_gate,
            purge_above=self.privacy.withdrawal.purge_above,
            unlock=self.privacy.unlock,
            on_settings=self._on_settings,
            broadcast=self.reception.broadcast,
        )

    def _admit(self, level: Level) -> None:
        if level < self.admission.level:
            self.admission.forget()
        self.admission.level = level

    # -- settings ------------------------------------------------------------------------------

    async def _read_settings_file(self) -> None:
        if not self.config.settings_file:
            return
        content = await read_settings(self._settings_file)
        if content is not None:
            await self.governor.on_file(content)

    async def _read_policy_file(self) -> None:
        await self.governor.on_administrator(read_policy(self._policy))

    async def _watch(self) -> None:
        wanted: dict[Path, Callable[[], Awaitable[None]]] = {}
        if self.config.settings_file:
            wanted[self._settings_file] = self._read_settings_file
        if self._policy.parent.is_dir():
            wanted[self._policy] = self._read_policy_file
        if wanted:
            await watch(wanted, self._watching)

    def _on_settings(self, live: LiveSettings) -> None:
        self._identify(live.user_id)
        self.privacy.summarise(live.usage)
        self._spawn(self.outbound.change_endpoint(live.endpoint, self.governor.level))

    def _identify(self, custom: str) -> None:
        config = self.config
        current = self.storage.identify(custom)
        self.admission.on_identity(current, config.app_id, config.app_version[:64], os_family())

    # -- operations ----------------------------------------------------------------------------

    async def _status(self) -> dict[str, Any]:
        return self.status.describe()

    async def flush(self, deadline_s: float = FLUSH_DEADLINE_S) -> dict[str, Any]:
        """Seals and tries at once; counts are batches."""
        since = time.monotonic()
        sealed = await self.sealer.seal(report=True)
        done = await self.outbound.uploader.flush(deadline_s, since)
        answer: dict[str, Any] = {
            "sealed": sealed + done.sealed,
            "uploaded": done.uploaded,
            "pending": done.pending,
        }
        if not self.outbound.may_send(self.governor.level):
            answer["error"] = self.status.why_not_sent()
        elif done.pending:
            answer["error"] = done.error or "some batches wait for their next attempt"
        return answer

    def _view(self) -> dict[str, Any]:
        """A link that opens the viewer once, within a minute."""
        key = self.reception.links.new()
        return {"url": f"http://127.0.0.1:{self._doorstep.port}/viewer/?key={key}"}

    def _save_seq(self, next_seq: int) -> None:
        self._spawn(self.storage.save_seq(next_seq))

    async def _save_consent(self, record: ConsentRecord) -> None:
        await self.storage.add_consent(self.governor.book, record)

    async def reset(self) -> dict[str, Any]:
        """Everything here goes, and the request to delete the rest is queued; safe to repeat."""
        eraser, record = self.outbound.eraser, self.governor.book.current
        untouched = not self.storage.tally.all_time.accepted
        if not (record and record.door == "reset" and untouched and eraser.requests):
            self.admission.level = Level.OFF
            await self.privacy.erase()
            eraser.load()
            eraser.wake()
            self.admission.on_key(self.storage.install.key_bytes)
            self._identify(self.governor.live.user_id)
            await self.governor.on_book(self.storage.consent())
        links = [mail_of(one, self.config.app_id) for one in eraser.requests]
        told = {"level": self.governor.level.label, "deletion": eraser.requests}
        return {**told, "mailto": [link for link in links if link]}

    # -- end -----------------------------------------------------------------------------------

    async def _end(self, background: list["asyncio.Task[None]"]) -> None:
        grace_s, loop = self.config.shutdown_grace_s, asyncio.get_running_loop()
        ends_at = loop.time() + grace_s
        self._watching.set()
        self._doorstep.withdraw()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at + 0.3):
                await self.doors.close()
                if self._vanished:
                    await self.sessions.parent_vanished()
                else:
                    await self.sessions.close()
                await self.sealer.seal(report=True)
                sending = self.outbound.may_send(self.governor.level)
                if sending and grace_s > 0 and self.storage.spooler.sealed():
                    await self.outbound.uploader.flush(max(ends_at - loop.time() - 0.3, 0.1))
        for task in background:
            task.cancel()
        self.reception.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(max(ends_at, loop.time()) + 0.3):
                await self.storage.close(self.admission.seq)
