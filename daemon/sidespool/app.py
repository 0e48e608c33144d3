"""Wires the daemon together and runs it from the ready line to the exit code.

Start (numbers are the order): 1 configuration, 2 directories and lock, 3 listening sockets,
4 runtime file and ready line, 5 the spool is recovered and what may no longer be sent is
deleted, 6 doors accept, 7 uploads begin.

End: 1 doors close, 2 what was admitted becomes durable, 3 losses are reported and everything is
sealed, 4 uploads go on for at most the grace, 5 counts and numbers are saved, 6 the writer
stops, 7 runtime file and lock go.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sidespool.config import Config, unknown_names
from sidespool.core.admission import Admission
from sidespool.core.consent import ConsentRecord
from sidespool.core.schedule import UploadSchedule
from sidespool.core.scrub import Scrubber
from sidespool.core.settings import LiveSettings
from sidespool.core.spool import SpoolBook
from sidespool.errors import SidespoolError
from sidespool.runtime import record_file
from sidespool.runtime.clock import SystemClock
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.disk import Disk
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.serving import Doors
from sidespool.runtime.doors.shows import Shows
from sidespool.runtime.doors.stdio import StandardInput, StandardOutput
from sidespool.runtime.doorstep import Doorstep
from sidespool.runtime.eraser import Eraser
from sidespool.runtime.exporters.factory import (
    ExportSettings,
    http_endpoint,
    needs_endpoint,
    open_exporter,
)
from sidespool.runtime.exporters.http_client import HttpClient
from sidespool.runtime.governor import Effects, Governor
from sidespool.runtime.identity import load_install, save_install, user_id
from sidespool.runtime.ids import BatchIds, new_uuid, now_ms
from sidespool.runtime.intake import Intake
from sidespool.runtime.log import LOGGER
from sidespool.runtime.operations import Hands, Operations
from sidespool.runtime.policy_file import read_policy
from sidespool.runtime.reset import begin_reset, finish_reset, read_unfinished
from sidespool.runtime.sealer import Sealer
from sidespool.runtime.settings_watch import read_settings, watch
from sidespool.runtime.spool_store import SpoolStore
from sidespool.runtime.spooler import Spooler
from sidespool.runtime.status import DaemonStatus, os_family, scrub_context
from sidespool.runtime.uploader import Uploader
from sidespool.wire import frame as wire
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
        self._doorstep = doorstep
        self.paths = doorstep.paths
        self._policy = policy
        self._catalog = catalog
        self._stdio = stdio
        self._disk = Disk()
        self._stopping = asyncio.Event()
        self._output = StandardOutput()
        self.settings_file = Path(config.settings_file).absolute()
        self.started = time.monotonic()

    async def run(self, *, watch_stdin: bool) -> None:
        """From the ready line to the end of the grace."""
        self._assemble()
        stdin = StandardInput(asyncio.get_running_loop(), self.stop) if watch_stdin else None
        try:
            async with asyncio.TaskGroup() as self._tasks:
                background = await self._begin(stdin)
                await self._stopping.wait()
                await self._end(background)
        finally:
            self._output.close(timeout_s=0.5)

    def stop(self) -> None:
        """Begins to end; safe to call twice."""
        self._stopping.set()

    # -- assembly ------------------------------------------------------------------------------

    def _assemble(self) -> None:
        disk, paths, config = self._disk, self.paths, self.config
        log = LOGGER.warning
        unfinished = read_unfinished(disk, paths)
        if unfinished is not None:
            finish_reset(disk, paths, unfinished, config.deletion)
        self.install, _ = load_install(disk, paths.install_file)
        consent = record_file.load_consent(disk, paths.consent_file, now_ms(), log)
        self.governor = Governor(config, consent, read_policy(self._policy))
        tally = record_file.load_tally(disk, paths.tally_file, now_ms(), log)
        book = SpoolBook(config.spool_max_bytes, config.spool_max_age_days)
        self.store = SpoolStore(disk, paths, book, tally, BatchIds().new, log)
        self.admission = Admission(
            Validator(self._catalog),
            Scrubber(scrub_context()),
            self.install.key_bytes,
            record_file.reserve_seq(disk, paths.state_file, log),
        )
        self.spooler = Spooler(self.store, asyncio.get_running_loop())
        self.intake = Intake(self.admission, self.spooler, tally, new_uuid(), self._save_seq_later)
        self.sealer = Sealer(
            self.intake, self.spooler, config.flush_interval_s, lambda: self.governor.level
        )
        self.token = CollectorToken(
            configured=config.token or None, read_keychain=lambda: _keychain(config.app_id)
        )
        self.uploader = Uploader(
            source=self.spooler,
            exporter=open_exporter(self._export_settings(config.endpoint)),
            schedule=UploadSchedule(),
            clock=SystemClock(),
            token=self.token,
        )
        self.eraser = Eraser(disk, paths, self.token, self._deletion_client)
        self.eraser.load()
        self.operations = Operations(self.governor, self._hands())
        self.reception = Reception(self.intake, self.operations, self._spawn)
        self.endpoint = config.endpoint
        self.status = DaemonStatus(self)

    def _hands(self) -> Hands:
        return Hands(
            status=self._status,
            flush=self.flush,
            reset=self._reset,
            attach=self._attach,
            save_consent=self._save_consent,
            set_secret=self._set_secret,
            shutdown=self.stop,
        )

    def _export_settings(self, endpoint: str) -> ExportSettings:
        config = self.config
        names = config.exporter
        if not endpoint and needs_endpoint(names):
            names = tuple(name for name in names if name != "http") or ("none",)
        return ExportSettings(
            names=names,
            endpoint=endpoint or None,
            data_dir=self.paths.root,
            token=self.token,
            allow_insecure=config.allow_insecure,
            proxy=config.proxy or None,
            ca_file=Path(config.ca_file) if config.ca_file else None,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._tasks.create_task(work)

    # -- beginning -----------------------------------------------------------------------------

    async def _begin(self, stdin: StandardInput | None) -> list["asyncio.Task[None]"]:
        level = self.governor.level
        self._set_identity(self.config.user_id)
        self.store.recover()
        if self.store.book.above(level):
            self.store.purge_above(level)
        self.spooler.on_change = self.uploader.wake
        self.spooler.start()
        self.admission.level = level
        self.governor.connect(self._effects())
        await self._read_settings_file()
        self._open_gate()
        self.doors = Doors(self._doorstep, self.reception, self._origins(), self._shows())
        await self.doors.open(self._spawn)
        if stdin is not None:
            if self._stdio:
                stdin.open(self.reception, self._output)
            stdin.start()
        for name, near in unknown_names(_environ()):
            LOGGER.warning("unknown setting %s%s", name, f", did you mean {near}?" if near else "")
        self._watching = asyncio.Event()
        return [
            self._spawn(self.uploader.run()),
            self._spawn(self.eraser.run()),
            self._spawn(self.sealer.run()),
            self._spawn(self.sealer.run_age()),
            self._spawn(self._watch()),
        ]

    def _effects(self) -> Effects:
        return Effects(
            admit=self._admit,
            close_gate=self._close_gate,
            open_gate=self._open_gate,
            purge_above=self.spooler.purge_above,
            on_settings=self._on_settings,
            broadcast=self.reception.broadcast,
        )

    def _admit(self, level: Level) -> None:
        self.admission.level = level

    async def _close_gate(self) -> None:
        self.uploader.set_gate(False)
        await self.uploader.abort_in_flight()

    @property
    def may_send(self) -> bool:
        """Whether anything may leave: not off, not local only, and somewhere to send it."""
        has_place = bool(self.endpoint) or not needs_endpoint(self.config.exporter)
        return self.governor.level > Level.OFF and not self.config.local and has_place

    def _open_gate(self) -> None:
        self.uploader.set_gate(self.may_send)

    def _shows(self) -> Shows:
        return Shows(self.store, self.spooler.call)

    def _origins(self) -> tuple[str, ...]:
        return self.config.origins

    # -- settings ------------------------------------------------------------------------------

    async def _read_settings_file(self) -> None:
        if not self.config.settings_file:
            return
        content = await read_settings(self.settings_file)
        if content is not None:
            await self.governor.on_file(content)

    async def _read_policy_file(self) -> None:
        await self.governor.on_administrator(read_policy(self._policy))

    async def _watch(self) -> None:
        paths: dict[Path, Any] = {}
        if self.config.settings_file:
            paths[self.settings_file] = self._read_settings_file
            if self._policy.parent.is_dir():
                paths[self._policy] = self._read_policy_file
            await watch(paths, self._watching)

    def _on_settings(self, live: LiveSettings) -> None:
        self._set_identity(live.user_id)
        if live.endpoint != self.endpoint:
            self._spawn(self._change_endpoint(live.endpoint))

    async def _change_endpoint(self, endpoint: str) -> None:
        """A bad address keeps everything here, and `status` says why."""
        try:
            exporter = open_exporter(self._export_settings(endpoint))
        except SidespoolError as error:
            self.status.endpoint_problem = str(error)
            self.endpoint = ""
        else:
            self.status.endpoint_problem = ""
            self.endpoint = endpoint
            await self.uploader.replace_exporter(exporter)
        self.eraser.wake()
        self._open_gate()

    def _set_identity(self, custom: str) -> None:
        config = self.config
        current = user_id(self.install, config.identity, custom)
        if current not in self.install.history:
            self.install.history.append(current)
            save_install(self._disk, self.paths.install_file, self.install)
        self.admission.on_identity(current, config.app_id, config.app_version[:64], os_family())
        self.user_id = current

    def _set_secret(self, name: str, value: str | None) -> None:
        if name == "collector_token" and self.token.hand_over(value):
            self.uploader.token_changed()
            self.eraser.wake()

    # -- operations ----------------------------------------------------------------------------

    async def _status(self) -> dict[str, Any]:
        return self.status.describe()

    async def flush(self, deadline_s: float = FLUSH_DEADLINE_S) -> dict[str, Any]:
        """Seals and tries at once; counts are batches."""
        sealed = await self.sealer.seal(report=True)
        done = await self.uploader.flush(deadline_s)
        answer: dict[str, Any] = {
            "sealed": sealed + done.sealed,
            "uploaded": done.uploaded,
            "pending": done.pending,
        }
        error = done.error or (None if self.may_send else self.status.why_not_sent())
        if error and (done.pending or not self.may_send):
            answer["error"] = error
        return answer

    async def _save_consent(self, record: ConsentRecord) -> None:
        def save() -> None:
            book = type(self.governor.book)([*self.governor.book.records, record])
            record_file.save_consent(self._disk, self.paths.consent_file, book)

        await self.spooler.call(save)

    def _save_seq_later(self, next_seq: int) -> None:
        self._spawn(
            self.spooler.call_and_forget(
                lambda: record_file.save_seq(self._disk, self.paths.state_file, next_seq)
            )
        )

    async def _reset(self) -> dict[str, Any]:
        """Everything here goes, and the request to delete the rest is queued; safe to repeat."""
        record = self.governor.book.current
        untouched = not self.store.tally.all_time.accepted
        if record is not None and record.door == "reset" and untouched and self.eraser.requests:
            return {"level": self.governor.level.label, "deletion": self.eraser.requests}
        self.admission.level = Level.OFF
        await self._close_gate()
        await self.spooler.call(self._erase)
        self.eraser.load()
        self.eraser.wake()
        self.admission.on_key(self.install.key_bytes)
        self._set_identity(self.governor.live.user_id)
        await self.governor.on_book(
            record_file.load_consent(self._disk, self.paths.consent_file, now_ms(), LOGGER.warning)
        )
        return {"level": self.governor.level.label, "deletion": self.eraser.requests}

    def _erase(self) -> None:
        begun = begin_reset(self._disk, self.paths, self.install.history)
        self.store.forget_all()
        self.install = finish_reset(self._disk, self.paths, begun, self.config.deletion)
        self.store.save_tally()

    def _deletion_client(self) -> HttpClient | None:
        if not self.endpoint or self.config.local:
            return None
        settings = self._export_settings(self.endpoint)
        return HttpClient(http_endpoint(settings), proxy=settings.proxy, ca_file=settings.ca_file)

    async def _attach(self, frame: wire.Attach) -> dict[str, Any]:
        raise NotImplementedError

    # -- end -----------------------------------------------------------------------------------

    async def _end(self, background: list["asyncio.Task[None]"]) -> None:
        grace_s = self.config.shutdown_grace_s
        self._watching.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s + 0.5):
                await self.doors.close()
                await self.sealer.seal(report=True)
                if self.may_send and grace_s > 0 and self.spooler.sealed():
                    await self.uploader.flush(max(grace_s - 0.5, 0.1))
        for task in background:
            task.cancel()
        self.reception.close()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1.0):
                await self.spooler.call(self._save_counts)
                await self.spooler.stop()

    def _save_counts(self) -> None:
        self.store.save_tally()
        record_file.save_seq(self._disk, self.paths.state_file, self.admission.seq)


def _keychain(app_id: str) -> str | None:
    from sidespool.runtime.keychain import read_secret

    return read_secret(app_id)


def _environ() -> dict[str, str]:
    import os

    return dict(os.environ)
