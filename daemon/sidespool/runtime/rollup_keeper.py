"""Keeps the roll-up on disk, closes its periods, and puts the summaries into the spool.

Counts are durable before they are acknowledged: what arrives while the file is being written is
written with the next one (group commit). A summary is first closed on disk with its event id,
then emitted, then forgotten; a crash between any two steps repeats the same event.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from sidespool.core.minimise import keyed_hash
from sidespool.core.rollup import (
    PERIOD_MS,
    Counted,
    RollUp,
    Summary,
    TellNoisy,
    decode_rollup,
    encode_rollup,
)
from sidespool.runtime.disk import Disk
from sidespool.runtime.ids import now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DAMAGED_SUFFIX, DataPaths
from sidespool.wire.event import format_time, uuid7

LONGEST_SLEEP_S = 3_600.0  # the wall clock may be set meanwhile
Done = Callable[[str], None]


class RollupKeeper:
    """`emit(event)` gives how many were accepted; `key()` is the installation's secret."""

    def __init__(
        self,
        disk: Disk,
        paths: DataPaths,
        call: Callable[[Callable[[], Any]], Awaitable[Any]],
        spawn: Callable[[Coroutine[Any, Any, None]], Any],
        emit: Callable[[dict[str, Any]], Awaitable[int]],
        key: Callable[[], bytes],
        tell_noisy: TellNoisy,
    ) -> None:
        self._disk = disk
        self._path = paths.rollup_file
        self._call = call
        self._spawn = spawn
        self._emit = emit
        self._key = key
        self._tell_noisy = tell_noisy
        self._pending: list[tuple[list[Counted], Done]] = []
        self._saving = False
        self._began = asyncio.Event()
        self._generation = 0
        self.state: RollUp | None = None

    def load(self) -> None:
        """Reads the state; a damaged one is set aside. Blocks."""
        raw = self._disk.read(self._path)
        if raw is None:
            return
        self.state = decode_rollup(raw)
        if self.state is None:
            LOGGER.warning("rollup.json was damaged and set aside")
            self._disk.rename(self._path, self._path.with_name(self._path.name + DAMAGED_SUFFIX))
        else:
            self._began.set()

    def keep(self, counted: list[Counted], done: Done) -> None:
        """Calls back with "" when these counts are on stable storage, else with the reason."""
        self._pending.append((counted, done))
        if not self._saving:
            self._saving = True
            self._spawn(self._save_pending())

    def begin(self) -> None:
        """Begins a period though nothing was counted yet; noise hides use among those."""
        if self.state is None:
            self.keep([], lambda _problem: None)

    async def _save_pending(self) -> None:
        try:
            while self._pending:
                group, self._pending = self._pending, []
                problem = await self._save_group([one for counted, _ in group for one in counted])
                for _, done in group:
                    done(problem)
        finally:
            self._saving = False

    async def _save_group(self, counted: list[Counted]) -> str:
        state = self._copy() or RollUp(now_ms())
        self._close(state)
        state.add_new(counted)
        return await self._save(state)

    def _copy(self) -> RollUp | None:
        return decode_rollup(encode_rollup(self.state)) if self.state else None

    async def _save(self, state: RollUp) -> str:
        generation, data = self._generation, encode_rollup(state)
        try:
            await self._call(lambda: self._disk.write_atomic(self._path, data))
        except OSError as error:
            return f"the disk refused a write: {error.strerror or error}"
        if generation == self._generation:
            self.state = state
            self._began.set()
        return ""

    def _close(self, state: RollUp) -> bool:
        return state.close(now_ms(), self._id, self._tell_noisy)

    def _id(self, start_ms: int, end_ms: int) -> str:
        """The same period of the same installation has the same id."""
        digest = int(keyed_hash(self._key(), "summary", f"{start_ms}-{end_ms}"), 16)
        return uuid7(end_ms, digest >> 62, digest)

    # -- periods -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled; sleeps for good where nothing is counted."""
        while True:
            await self._began.wait()
            await self.settle()
            state = self.state
            if state is None:
                self._began.clear()
                continue
            left_s = (state.period_start_ms + PERIOD_MS - now_ms()) / 1_000
            await asyncio.sleep(min(max(left_s, 1.0), LONGEST_SLEEP_S))

    async def settle(self) -> None:
        """Closes what is over and emits what is closed."""
        state = self._copy()
        if state is None or self._saving:
            return
        if self._close(state) and await self._save(state):
            return
        while (known := self.state) is not None and known.ready and not self._saving:
            if not await self._emit(_event(known.ready[0])):
                return
            shorter = self._copy()
            if shorter is None or not shorter.ready:
                return
            del shorter.ready[0]
            if await self._save(shorter):
                return

    # -- withdrawal ----------------------------------------------------------------------------

    def forget(self) -> list[Done]:
        """Forgets all counts, in memory at once; the file is the caller's to delete.

        Returns who still waits for an answer, for counts that no longer matter.
        """
        self._generation += 1
        self.state = None
        waiting, self._pending = [done for _, done in self._pending], []
        return waiting

    def describe(self) -> dict[str, Any] | None:
        """For `status`: the period and what was counted in it; None where nothing is counted."""
        if self.state is None:
            return None
        return {
            "period_start": format_time(self.state.period_start_ms),
            "events": dict(self.state.events),
            "waiting": len(self.state.ready),
        }


def _event(summary: Summary) -> dict[str, Any]:
    return {
        "event_type": "UsageSummary",
        "event_id": summary.event_id,
        "timestamp": format_time(summary.end_ms),
        "payload": msgspec.to_builtins(summary.payload),
    }
