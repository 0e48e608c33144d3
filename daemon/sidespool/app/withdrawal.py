"""A lowering of the level, carried out on everything that lies on this machine.

Order: the uploads stop and what is on the wire is cut; the marker for all that lies beside the
spool; the spool (with its own marker); attachments, counts, history where asked; the key, where
nothing is left that needs it. What the collector had already answered is what it is, and is said.
"""

from typing import Any

from sidespool.app.attachments import Attachments
from sidespool.app.full_content import FullContent
from sidespool.app.outbound import Outbound
from sidespool.app.storage import Storage
from sidespool.core.record import parse_name
from sidespool.runtime.forget import (
    Forgotten,
    begin_forget,
    finish_forget,
    is_needed,
    read_forget,
)
from sidespool.runtime.ids import now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.rollup_keeper import RollupKeeper
from sidespool.wire.event import format_time
from sidespool.wire.level import Level

_IN_FLIGHT = {
    "nothing": "nothing was being sent",
    "aborted": "a batch that was being sent was cut off",
    "answered": "the collector had already answered a batch that was being sent",
}


class Withdrawal:
    """`last` tells `status`, and whoever asked, what the last one did."""

    def __init__(
        self,
        storage: Storage,
        outbound: Outbound,
        attachments: Attachments,
        rollup: RollupKeeper,
        full_content: FullContent,
    ) -> None:
        self.last: dict[str, Any] | None = None
        self._storage = storage
        self._outbound = outbound
        self._attachments = attachments
        self._rollup = rollup
        self._full_content = full_content
        self._history_asked = False
        self._in_flight = "nothing"

    def finish_at_start(self) -> None:
        """What a crash cut short, before anything is sent; blocks."""
        disk, paths = self._storage.disk, self._storage.paths
        begun = read_forget(disk, paths)
        if begun is not None:
            level = Level(begun.level) if begun.level in list(Level) else Level.OFF
            LOGGER.warning("an unfinished withdrawal is finished")
            self._storage.store.purge_above(level)
            finish_forget(disk, paths, level, begun.with_history)

    def hold_to(self, level: Level) -> None:
        """Nothing above the level outlives a start; blocks."""
        disk, paths = self._storage.disk, self._storage.paths
        names = [parse_name(name) for name in disk.listdir(paths.spool)]
        if any(name is not None and name.level > level for name in names):
            self._storage.store.purge_above(level)  # quarantined ones, too
        if is_needed(disk, paths, level, with_history=False):
            finish_forget(disk, paths, level, with_history=False)

    async def ask_history(self) -> None:
        """The history is to go, too: with the lowering that follows, or by `finish_history`."""
        self._history_asked = True
        disk, paths = self._storage.disk, self._storage.paths
        await self._storage.spooler.call(lambda: begin_forget(disk, paths, Level.FULL, True))

    async def finish_history(self) -> None:
        """Deletes the history where no lowering has done so."""
        if self._history_asked:
            self._history_asked = False
            disk, paths = self._storage.disk, self._storage.paths
            done = await self._storage.spooler.call(
                lambda: finish_forget(disk, paths, Level.FULL, True)
            )
            self._tell(None, 0, done)

    async def close_gate(self) -> None:
        """Returns when nothing is on the wire any more."""
        self._in_flight = await self._outbound.close_gate()
        await self._attachments.close_gate()

    async def purge_above(self, level: Level) -> int:
        """Deletes everything above a level; the number of events that waited."""
        with_history, self._history_asked = self._history_asked, False
        if level < Level.USAGE:
            for done in self._rollup.forget():
                done("")
        call = self._storage.spooler.call
        events, done_beside = await call(lambda: self._purge(level, with_history))
        self._tell(level, events, done_beside)
        if level < Level.FULL:
            await self._full_content.forget_key()
        return int(events)

    def _purge(self, level: Level, with_history: bool) -> tuple[int, Forgotten]:
        disk, paths = self._storage.disk, self._storage.paths
        beside = is_needed(disk, paths, level, with_history)
        if beside:
            begin_forget(disk, paths, level, with_history)
        events = self._storage.store.purge_above(level)
        if level < Level.FULL:
            self._attachments.store.waiting.clear()
        if not beside:
            return events, Forgotten()
        return events, finish_forget(disk, paths, level, with_history)

    def _tell(self, level: Level | None, events: int, beside: Forgotten) -> None:
        self.last = {
            "at": format_time(now_ms()),
            "level": None if level is None else level.label,
            "events": events,
            "attachments": beside.attachments,
            "history_files": beside.history,
            "in_flight": _IN_FLIGHT[self._in_flight],
        }
