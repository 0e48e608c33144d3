"""The daemon's own parts on a disk in memory that dies at any call: made, killed, started again.

Everything that decides and deletes is the product's, wired by the product; only threads, doors
and the network are left out: disk work is done at once, in the order in which it is asked for.
"""

import asyncio
import copy
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from sidespool.app.daemon import Daemon
from sidespool.config import Config
from sidespool.core.record import QUARANTINED, parse_name
from sidespool.core.rollup import RollUp, encode_rollup
from sidespool.runtime.doorstep import Doorstep
from sidespool.runtime.paths import DataPaths
from sidespool.wire import frame as wire
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog
from sidespool.wire.event import uuid7
from sidespool.wire.level import Level
from support.power_loss import Crash, PowerLossDisk

T = TypeVar("T")
START_MS = 1_760_000_000_000
EVENTS = {Level.CRASH: 2, Level.ERROR: 2, Level.USAGE: 2, Level.FULL: 2}
# Nothing is emitted: one event is enough, and makes a start cheap.
CATALOG = Catalog({"ChatTurn": builtin_catalog().events["ChatTurn"]})
Act = Callable[[Daemon], Awaitable[Any]]


class KillWorld:
    """One data directory of an installation whose level is `full`, with something everywhere."""

    def __init__(self) -> None:
        self.disk = PowerLossDisk()
        self.disk.make_dirs(Path("/home/user"))
        self.disk.settle()
        self.paths = DataPaths(Path("/home/user/data/app"))
        self.config = Config(
            full_content=True, level=Level.FULL, full_content_key="file", data_dir="/home/user"
        )
        self.user_id = asyncio.run(self._fill())
        self.disk.settle()

    async def _fill(self) -> str:
        daemon = await self._started()
        store = daemon.storage.store
        for again in range(2):
            for level in EVENTS:
                event_id = uuid7(START_MS, int(level), again)
                store.append(level, b'{"event_id":"%s"}\n' % event_id.encode(), 1)
            assert not store.sync()
            if again == 0:
                store.seal_all()
        aside = next(one for one in store.book.sealed() if one.level is Level.ERROR)
        store.set_aside(aside.batch_id, "test", "so that one lies there, too")
        disk, paths = daemon.storage.disk, self.paths
        disk.write_atomic(paths.attachments / f"{uuid7(START_MS, 9, 9)}-a.attached", b"attached")
        disk.write_atomic(paths.history / "00000000000001-x.jsonl.gz", b"sent once")
        disk.write_atomic(paths.rollup_file, encode_rollup(RollUp(START_MS, {"ChatTurn": 3})))
        disk.write_atomic(paths.reports_file, b"[]")
        store.close()
        return daemon.storage.user_id or daemon.storage.install.install_id

    async def _started(self) -> Daemon:
        """What the daemon does at its start, up to where anything could be sent."""
        for folder in self.paths.directories():
            self.disk.make_dirs(folder)
        doorstep = Doorstep(self.paths, cast(Any, None), cast(Any, None))
        daemon = Daemon(self.config, doorstep, CATALOG, Path("/nonexistent/x"), stdio=False)
        daemon._assemble(self.disk)
        vars(daemon.storage.spooler)["call"] = _at_once
        daemon._identify("")
        await daemon.privacy.begin()
        daemon.admission.level = daemon.governor.level
        daemon.governor.connect(daemon._effects())
        return daemon

    def copy(self) -> Self:
        """Another with the same disk."""
        other = copy.copy(self)
        other.disk = copy.deepcopy(self.disk)
        return other

    def run(self, act: Act, crash_at: int | None) -> bool:
        """Starts, acts and dies at that call of the act (None: never); whether it was done."""

        async def live() -> None:
            daemon = await self._started()
            self.disk.crash_after(crash_at)
            async with asyncio.TaskGroup() as daemon._tasks:
                await act(daemon)

        try:
            asyncio.run(live())
        except BaseException as fault:
            if not _is_crash(fault):
                raise
            return False
        self.disk.crash_after(None)
        return True

    def restart(self, crash_at: int | None = None) -> bool:
        """Starts, or dies at that call of the start; whether it stood."""

        async def live() -> None:
            self.disk.crash_after(crash_at)
            await self._started()

        try:
            asyncio.run(live())
        except BaseException as fault:
            if not _is_crash(fault):
                raise
            return False
        self.disk.crash_after(None)
        return True

    def die(self, dice: random.Random | None) -> None:
        """The process alone, or with dice the machine."""
        if dice is None:
            self.disk.kill()
        else:
            self.disk.lose_power(dice)

    # -- what is there -------------------------------------------------------------------------

    def has(self, path: Path) -> bool:
        return path.name in self.disk.files(path.parent)

    def read(self, path: Path) -> bytes:
        return self.disk.files(path.parent).get(path.name, b"")

    def in_folder(self, path: Path) -> list[str]:
        return list(self.disk.files(path))

    def events(self) -> dict[Level, int]:
        """Segments that hold events, quarantined ones too, by level."""
        found = dict.fromkeys(EVENTS, 0)
        for name in self.in_folder(self.paths.spool):
            parsed = parse_name(name)
            if parsed is not None:
                found[parsed.level] += 1
        return found

    def quarantined(self) -> list[str]:
        names = self.in_folder(self.paths.spool)
        return [one for one in names if one.endswith(QUARANTINED) or "reason" in one]


async def _at_once(function: Callable[[], T]) -> T:
    return function()


def _is_crash(fault: BaseException) -> bool:
    if isinstance(fault, BaseExceptionGroup):
        return all(_is_crash(one) for one in fault.exceptions)
    return isinstance(fault, Crash)


async def deny(daemon: Daemon) -> None:
    """A no, history included, as any door carries it out."""
    frame = wire.Consent("denied", with_history=True)
    await daemon.operations.answer(frame, "test")


async def lower(daemon: Daemon) -> None:
    """From full to usage by the app's switch, which is not written here."""
    frame = wire.Set(settings=wire.Settings(full_content=False, level="usage"))
    await daemon.operations.answer(frame, "test")


async def reset(daemon: Daemon) -> None:
    """Everything goes."""
    await daemon.reset()


async def grant(daemon: Daemon) -> None:
    """A yes after it all."""
    await daemon.operations.answer(wire.Consent("granted"), "test")
