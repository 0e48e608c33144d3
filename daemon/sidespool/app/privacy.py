"""Everything that keeps what the user did not agree to from staying here, in one place.

Full content and its key, attachments, counts in place of events, withdrawals, error reports.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from sidespool.app.attachments import Attachments
from sidespool.app.full_content import FullContent
from sidespool.app.noisy import NoisyCounters
from sidespool.app.outbound import Outbound
from sidespool.app.reports import Reports
from sidespool.app.storage import Storage
from sidespool.app.withdrawal import Withdrawal
from sidespool.core.admission import Admission
from sidespool.core.rollup import summarised
from sidespool.runtime.governor import Governor
from sidespool.runtime.intake import Intake
from sidespool.runtime.rollup_keeper import RollupKeeper
from sidespool.wire.catalog import Catalog
from sidespool.wire.level import Level

Spawn = Callable[[Coroutine[Any, Any, None]], Any]


class Privacy:
    """Made once the storage is open; `begin` before the spool is offered to anybody."""

    def __init__(
        self,
        storage: Storage,
        outbound: Outbound,
        intake: Intake,
        governor: Governor,
        catalog: Catalog,
        spawn: Spawn,
    ) -> None:
        config = storage.config
        self._storage = storage
        self._outbound = outbound
        self._admission: Admission = intake.admission
        self._governor = governor
        self._catalog = catalog
        self.full_content = FullContent(storage.disk, storage.paths, config)
        self.attachments = Attachments(storage, outbound, lambda: self._admission.level)
        self.noisy = NoisyCounters(catalog)
        self.rollup = RollupKeeper(
            storage.disk,
            storage.paths,
            storage.spooler.call,
            spawn,
            intake.emit_own,
            lambda: storage.install.key_bytes,
            self.noisy.tell,
        )
        self.withdrawal = Withdrawal(
            storage, outbound, self.attachments, self.rollup, self.full_content
        )
        self.reports = Reports(storage, intake, config.app_version, self._agreed_policy)
        intake.keep_counted = self.rollup.keep
        intake.spill = self.attachments.spill

    def _agreed_policy(self) -> str:
        record = self._governor.book.current
        return record.policy_version if record and record.decision == "granted" else ""

    async def begin(self) -> None:
        """Finds the key, recovers the spool, and finishes or repeats what must be gone by now."""
        if self._governor.verdict.consented is Level.FULL:
            await self._governor.on_vault(await self.full_content.unlock())
        level = self._governor.verdict.consented
        self._storage.store.recover()
        self.withdrawal.finish_at_start()
        self.withdrawal.hold_to(level)
        if level < Level.FULL:
            await self.full_content.forget_key()
        elif self.full_content.vault.is_open:
            self.attachments.store.load()
        self.rollup.load()
        self.summarise(self._governor.live.usage)
        wake, sealed_changed = self.attachments.sender.wake, self._storage.spooler.on_change

        def on_change() -> None:
            sealed_changed()
            wake()

        self._storage.spooler.on_change = on_change

    def start(self, spawn: Spawn) -> list[Any]:
        """The tasks that run until the end."""
        return [spawn(self.attachments.run(spawn)), spawn(self.rollup.run())]

    def summarise(self, usage: str) -> None:
        """Counts usage from now on, or records it."""
        self._admission.count_only(summarised(self._catalog, usage == "summary"))

    async def unlock(self) -> str:
        """See FullContent; what waits for its key is read again."""
        problem = await self.full_content.unlock()
        if not problem:
            await self.attachments.on_unlocked()
        return problem

    def open_gate(self) -> None:
        """What is left may be sent."""
        self._outbound.set_gate(self._governor.level)
        self.attachments.set_gate(self._governor.level)
        if self.noisy.counters and self._governor.level >= Level.USAGE:
            self.rollup.begin()

    async def erase(self) -> None:
        """A reset: nothing is on the wire, everything goes, the key with it."""
        await self.withdrawal.close_gate()
        for done in self.rollup.forget():
            done("")
        await self._storage.spooler.call(self._storage.erase)
        self.attachments.store.waiting.clear()
        await self.full_content.forget_key()

    def describe(self) -> dict[str, Any]:
        """For `status`."""
        return {
            "full_content": self.full_content.describe(),
            "attachments": self.attachments.describe(),
            "rollup": self.rollup.describe(),
            "noise": self.noisy.describe(),
            "withdrawal": self.withdrawal.last,
        }
