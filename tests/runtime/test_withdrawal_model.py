"""Consent, spool and uploads together: what was withdrawn never leaves, and never comes back.

The consent decision is `core/consent`'s, the spool is the real one, encrypted where it must be, on
a disk that can lose power at any call. An upload has two steps (sent, answered), so that a
withdrawal can come between them.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidespool.core.consent import AppSettings, ConsentRecord, Inputs, decide
from sidespool.wire.level import Level
from support.power_loss import Crash
from support.spool_world import event_id
from support.vault_world import CountedVault, VaultWorld

LEVELS = st.sampled_from([Level.CRASH, Level.ERROR, Level.USAGE, Level.FULL])
CRASHES = st.one_of(st.none(), st.integers(0, 40))


class ConsentMachine(RuleBasedStateMachine):
    """`inputs` is what is durable of the user's and the app's word."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        self.data = data
        CountedVault.made = 0
        self.world = VaultWorld(bytes_max=1_000_000)
        self.inputs = Inputs(app=AppSettings(full_content=True))
        self.level_of: dict[str, Level] = {}
        self.withdrawn: set[str] = set()
        self.in_flight: tuple[str, list[str]] | None = None
        self.sent_late: set[str] = set()

    @property
    def level(self) -> Level:
        return decide(self.inputs).level

    def _step(self, act: Callable[[], object], crash: int | None) -> bool:
        """Whether it went through; else the machine has come up again."""
        self.world.disk.crash_after(crash)
        try:
            act()
        except Crash:
            if self.data.draw(st.booleans(), "power cut"):
                dice = random.Random(self.data.draw(st.integers(0, 2**32), "dice"))
                self.world.disk.lose_power(dice)
            self.world.disk.kill()
            self.in_flight = None
            self.world.level = self.level
            self.world.start()
            return False
        self.world.disk.crash_after(None)
        return True

    @rule(level=LEVELS, count=st.integers(1, 3), crash=CRASHES)
    def emit(self, level: Level, count: int, crash: int | None) -> None:
        if level > self.level:
            return  # admission refuses
        events = self.world.make_events(count)
        self.level_of.update(dict.fromkeys(events, level))
        self._step(lambda: self.world.group({level: events}), crash)

    @rule(crash=CRASHES)
    def seal(self, crash: int | None) -> None:
        self._step(self.world.store.seal_all, crash)

    @precondition(lambda self: self.in_flight is None and self.world.store.book.sealed())
    @rule()
    def send(self) -> None:
        batch = self.world.store.book.sealed()[0]
        ids = [event_id(line) for line in self.world.store.lines_of(batch.batch_id)]
        self.sent_late |= self.withdrawn.intersection(ids)
        self.in_flight = (batch.batch_id, ids)

    @precondition(lambda self: self.in_flight is not None)
    @rule(crash=CRASHES)
    def answer(self, crash: int | None) -> None:
        assert self.in_flight is not None
        batch_id, ids = self.in_flight
        self.in_flight = None
        self._step(lambda: self.world.store.acknowledged(batch_id, len(ids), 0), crash)

    @rule(
        decision=st.sampled_from(["granted", "denied"]),
        covers=st.sampled_from(["crash", "error", "usage", "full"]),
        crash=CRASHES,
    )
    def consent(self, decision: Any, covers: str, crash: int | None) -> None:
        record = ConsentRecord(decision, "2026-01-01T00:00:00.000Z", covers)
        self._change(msgspec.structs.replace(self.inputs, record=record), crash)

    @rule(full=st.sampled_from([None, True, False]), enabled=st.booleans(), crash=CRASHES)
    def app_settings(self, full: bool | None, enabled: bool, crash: int | None) -> None:
        app = AppSettings(enabled=enabled, full_content=full)
        self._change(msgspec.structs.replace(self.inputs, app=app), crash)

    def _change(self, inputs: Inputs, crash: int | None) -> None:
        """As the governor does it: durable word, uploads cut, deletion, then what is left."""
        before, self.inputs = self.level, inputs
        level = self.world.level = self.level
        if level >= before:
            return
        kept = set(self.world.spooled())
        gone = {one for one, needs in self.level_of.items() if needs > level}
        self.withdrawn |= gone
        self.in_flight = None  # aborted, or already answered: either way not sent any more
        self._step(lambda: self.world.store.purge_above(level), crash)
        assert set(self.world.spooled()) == kept - gone

    @rule()
    def restart(self) -> None:
        self.world.disk.kill()
        self.in_flight = None
        self.world.level = self.level
        self.world.start()

    @invariant()
    def nothing_withdrawn_is_sent(self) -> None:
        assert not self.sent_late

    @invariant()
    def consent_granted_again_revives_nothing(self) -> None:
        assert not self.withdrawn & set(self.world.spooled())
        assert not self.withdrawn & self.world.readable().keys()

    @invariant()
    def nothing_above_the_level_waits(self) -> None:
        assert not self.world.store.book.above(self.level)


TestConsentMachine = ConsentMachine.TestCase
TestConsentMachine.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
