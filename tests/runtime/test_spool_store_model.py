"""The spool under everything at once: every operation, cut off at any call of the disk.

The laws are the invariants at the end. A failure prints the steps; every die is drawn by
hypothesis, so that they can be repeated.
"""

import errno
import os
import random
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sidespool.core.policy import EVICTION_ORDER
from sidespool.core.spool import Segment
from sidespool.core.tally import Counts, Frozen, report_payload
from sidespool.errors import DiskError
from sidespool.wire.level import Level
from support.power_loss import Crash
from support.spool_world import World, event_id

LEVELS = st.sampled_from([Level.CRASH, Level.ERROR, Level.USAGE, Level.FULL])
CRASHES = st.one_of(st.none(), st.integers(0, 40))
GROUPS = st.dictionaries(LEVELS, st.integers(1, 4), min_size=1, max_size=3)
DAY_MS = 86_400_000


def report_line(frozen: Frozen) -> bytes:
    kept = {"event_id": frozen.event_id, "event_type": "ClientReport"}
    return msgspec.json.encode({**kept, "payload": report_payload(frozen)})


def losses(counts: Counts) -> int:
    return sum(counts.dropped.values())


class SpoolMachine(RuleBasedStateMachine):
    """What was promised, what the collector has, what was withdrawn, and how it ended."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        self.data = data
        self.world = World()
        self.acknowledged: set[str] = set()
        self.never_promised: set[str] = set()
        self.collected: set[str] = set()
        self.refused_there: set[str] = set()
        self.limbo: set[str] = set()  # collected, and the daemon does not know it yet
        self.withdrawn: set[str] = set()
        self.uncounted: set[str] = set()  # withdrawn while the disk took no count of it
        self.refused_by_disk: set[str] = set()  # a sync failed: a restart may see them, once
        self.reports: dict[str, Counts] = {}
        self.copied: set[str] = set()  # reports of which a crash made two
        self.vague: set[str] = set()  # reports that lay on a disk which did not let us read
        self.told_again = 0  # copies of reports, each of which may have a fate of its own
        self.trouble = False
        self.owed: dict[str, Callable[[], object]] = {}

    # -- how a step runs, and ends -------------------------------------------------------------

    def _step(self, act: Callable[[], object], crash: int | None, batch_id: str = "") -> None:
        """With a batch: the uploader repeats it until the disk lets it through."""
        disk = self.world.disk
        disk.crash_after(crash)
        try:
            act()
        except (OSError, DiskError):
            assert self.trouble, "only a disk that refuses may make an operation fail"
            self.owed |= {batch_id: act} if batch_id else {}
        except Crash:
            self._restart()
        disk.crash_after(None)

    def _restart(self) -> None:
        """The machine comes up again, at times only to go down in the middle of recovery."""
        disk = self.world.disk
        if self.trouble:
            self.refused_by_disk |= self.never_promised
        self._end_trouble()
        self.owed.clear()
        for again in self.data.draw(st.lists(st.integers(0, 40), max_size=2), "crash again"):
            self._die()
            disk.crash_after(again)
            try:
                self.world.start()
            except Crash:
                continue
            disk.crash_after(None)
        self._die()
        self.world.start()
        self._recovering_twice_is_recovering_once()
        for one in set(self.world.spooled()) & self.never_promised - self.refused_by_disk:
            self.never_promised.discard(one)
            self.acknowledged.add(one)  # it is durable after all: from here on it counts

    def _die(self) -> None:
        disk = self.world.disk
        if self.data.draw(st.booleans(), "power cut"):
            disk.lose_power(random.Random(self.data.draw(st.integers(0, 2**32), "dice")))
        else:
            disk.kill()

    def _recovering_twice_is_recovering_once(self) -> None:
        world = self.world
        files, book = world.disk.files(world.paths.spool), world.store.book.segments
        again = world.opened()
        again.recover()
        assert world.disk.files(world.paths.spool) == files
        assert again.book.segments == book
        assert again.tally.all_time == world.store.tally.all_time

    def _end_trouble(self) -> None:
        self.world.disk.fault = lambda _: 0
        self.trouble = False

    # -- operations ----------------------------------------------------------------------------

    @rule(counts=GROUPS, size=st.sampled_from([20, 300, 900]), crash=CRASHES)
    def emit(self, counts: dict[Level, int], size: int, crash: int | None) -> None:
        allowed = {level: n for level, n in counts.items() if level <= self.world.level}
        group = {level: self.world.make_events(n, size) for level, n in allowed.items()}
        self.never_promised.update(one for events in group.values() for one in events)
        book = self.world.store.book.segments
        before = {one.batch_id for one in book.values() if one.events}

        def act() -> None:
            done = self.world.group(group)
            self.acknowledged |= done
            self.never_promised -= done
            self._nothing_important_went_first(before)

        if group:
            self._step(act, crash)
        if self.trouble:
            self.refused_by_disk |= self.never_promised

    def _nothing_important_went_first(self, before: set[str]) -> None:
        left = [one for one in self.world.store.book.segments if one in before]
        gone = before.difference(left)
        rank = {str(int(level)): place for place, level in enumerate(EVICTION_ORDER)}
        order = {one: (rank[one[15]], one) for one in before}
        if gone and left:
            assert max(order[one] for one in gone) < min(order[one] for one in left)

    @rule(crash=CRASHES)
    def seal(self, crash: int | None) -> None:
        self._step(self.world.store.seal_all, crash)

    @precondition(lambda self: not self.owed and self.world.store.book.mergeable())
    @rule(crash=CRASHES)
    def merge(self, crash: int | None) -> None:
        before = sorted(self.world.spooled())

        def act() -> None:
            self.world.store.merger.merge_small()
            assert sorted(self.world.spooled()) == before

        self._step(act, crash)

    @rule(days=st.sampled_from([1, 15, 31]), crash=CRASHES)
    def let_time_pass(self, days: int, crash: int | None) -> None:
        self.world.clock.now_ms += days * DAY_MS
        self._step(lambda: self.world.store.evict_expired(self.world.clock.now_ms), crash)

    @rule(level=st.sampled_from([Level.OFF, Level.CRASH, Level.ERROR, Level.USAGE]), crash=CRASHES)
    def withdraw(self, level: Level, crash: int | None) -> None:
        if level >= self.world.level:
            return
        above = {one for one, at in self.world.readable().items() if at > level}
        self.withdrawn |= above
        self.uncounted |= above if self.trouble else set()
        self.world.level = level
        self._step(lambda: self.world.store.purge_above(level), crash)

    @precondition(lambda self: not self.trouble and not self.world.store.unsettled)
    @rule(level=LEVELS)
    def grant(self, level: Level) -> None:
        self.world.level = max(self.world.level, level)

    def _sendable(self) -> list[Segment]:
        return [one for one in self.world.store.book.sealed() if one.batch_id not in self.owed]

    @precondition(lambda self: self._sendable())
    @rule(refused=st.integers(0, 2), crash=CRASHES, pick=st.integers(0, 5))
    def upload(self, refused: int, crash: int | None, pick: int) -> None:
        store = self.world.store
        sealed = self._sendable()
        batch = sealed[pick % len(sealed)]
        ids = [event_id(line) for line in store.lines_of(batch.batch_id)]
        if len(ids) != batch.events:
            assert self.refused_by_disk, "only what a failed sync left can be damaged here"
            self._refuse(batch.batch_id, crash)
            return
        bad = set(ids[:refused])
        self.refused_there |= bad
        self.collected.update(set(ids) - bad)
        self.limbo.update(ids)

        def act() -> None:
            known = batch.batch_id in store.book.segments
            store.acknowledged(batch.batch_id, len(ids) - len(bad), len(bad))
            self.limbo.difference_update(ids if known else ())

        self._step(act, crash, batch.batch_id)

    @precondition(lambda self: self._sendable())
    @rule(crash=CRASHES)
    def refuse(self, crash: int | None) -> None:
        self._refuse(self._sendable()[0].batch_id, crash)

    def _refuse(self, batch_id: str, crash: int | None) -> None:
        def act() -> None:
            self.world.store.set_aside(batch_id, "refused", "400")

        self._step(act, crash, batch_id)

    @precondition(lambda self: self._sendable())
    @rule(crash=CRASHES)
    def halve(self, crash: int | None) -> None:
        batch = max(self._sendable(), key=lambda one: one.events)
        self._step(lambda: self.world.store.halve(batch.batch_id), crash, batch.batch_id)

    @precondition(lambda self: self.world.level >= Level.USAGE)
    @rule(crash=CRASHES)
    def report(self, crash: int | None) -> None:
        tally = self.world.store.tally
        if tally.frozen is None and not tally.counts.losses:
            return

        def act() -> None:
            frozen = tally.freeze(self.world.clock.event_id(), self.world.clock.now_ms)
            self.world.store.save_tally()
            self.copied |= {frozen.event_id} & self.reports.keys()
            known = self.reports.setdefault(frozen.event_id, frozen.counts)
            assert known.dropped == report_payload(frozen)["dropped"], "one id, one content"
            line = report_line(frozen)
            before_ms = self.world.store.book.newest_ms(Level.USAGE)
            self.vague |= {frozen.event_id} if self.trouble else set()
            self.told_again += frozen.event_id in self.acknowledged
            self.never_promised.add(frozen.event_id)
            self.withdrawn.discard(frozen.event_id)  # told anew, with the new consent
            done = self.world.group({Level.USAGE: {frozen.event_id: line}})
            self.acknowledged |= done
            self.never_promised -= done
            if done:
                after_ms = self.world.store.book.newest_ms(Level.USAGE)
                tally.on_reported((before_ms, after_ms))
                self.world.store.save_tally()

        self._step(act, crash)

    @rule()
    def die(self) -> None:
        self._restart()

    # -- a disk that refuses -------------------------------------------------------------------

    @rule(what=st.sampled_from(["full", "sync", "all"]), calls=st.integers(0, 12))
    def begin_trouble(self, what: str, calls: int) -> None:
        """From some call on: full, failing to sync, or read-only."""
        left = [calls]
        changing = {"create", "write_at", "truncate", "rename", "remove", "sync", "open_for_repair"}
        hit = {"full": {"create", "write_at"}, "sync": {"sync", "sync_dir"}, "all": changing}[what]
        code = {"full": errno.ENOSPC, "sync": errno.EIO, "all": errno.EROFS}[what]

        def fault(call: str) -> int:
            left[0] -= call in hit
            return code if call in hit and left[0] < 0 else 0

        self.world.disk.fault = fault
        self.trouble = True
        self.vague |= self.reports.keys()

    @precondition(lambda self: self.trouble)
    @rule()
    def heal(self) -> None:
        self._end_trouble()
        for act in self.owed.values():
            act()
        self.owed.clear()
        self.world.store.seal_all()
        assert not self.world.store.unsettled, "what the disk refused is done once it lets us"

    # -- laws ----------------------------------------------------------------------------------

    @invariant()
    def every_acknowledged_event_has_a_fate(self) -> None:
        if not self.trouble and not self.world.store.unsettled:
            in_spool = set(self.world.spooled())
            gone = self.acknowledged - in_spool - self.collected - self.refused_there
            counted = sum(n for why, n in self.world.dropped().items() if why != "rejected")
            unsure = (self.never_promised | self.limbo) - in_spool
            most = len(gone) + len(unsure) + self.told_again
            assert len(gone - self.uncounted) <= counted <= most

    @invariant()
    def every_loss_is_reported_once(self) -> None:
        """By a report that is there or on its way, or by the next: never by one that is gone."""
        tally, frozen = self.world.store.tally, self.world.store.tally.frozen
        alive = {*self.world.spooled(), *self.collected, *self.refused_there}
        alive |= {frozen.event_id} if frozen is not None else set()
        told = {one: losses(counts) for one, counts in self.reports.items()}
        if frozen is not None:
            told[frozen.event_id] = losses(frozen.counts)
        total = sum(n for one, n in told.items() if one in alive) + losses(tally.counts)
        unsure = (self.limbo | self.copied | self.vague) & told.keys()
        slack = sum(told[one] for one in unsure)
        assert abs(total - losses(tally.all_time)) <= slack

    @invariant()
    def nothing_withdrawn_can_be_read(self) -> None:
        if not self.trouble and not self.world.store.unsettled:
            assert not self.withdrawn & self.world.readable().keys()
        assert not self.withdrawn & set(self.world.spooled())

    @invariant()
    def no_event_lies_twice_in_the_spool(self) -> None:
        found = [one for one in self.world.spooled() if one not in self.reports]
        assert len(found) == len(set(found))

    @invariant()
    def the_book_is_what_lies_on_disk(self) -> None:
        store, disk = self.world.store, self.world.disk
        book = store.book
        assert book.total_bytes == sum(one.size_bytes for one in book.segments.values())
        if self.trouble or store.unsettled:
            return
        files = disk.files(self.world.paths.spool)
        sizes = {
            name[:36]: len(raw)
            for name, raw in files.items()
            if name.endswith((".active", ".sealed"))
        }
        assert sizes == {one.batch_id: one.size_bytes for one in book.segments.values()}
        assert not [name for name in files if name.endswith(".tmp")]

    @invariant()
    def the_sums_are_right(self) -> None:
        counts = self.world.store.tally.all_time
        known = counts.delivered + sum(counts.dropped.values()) + self.world.store.book.events
        if not self.world.store.unsettled:
            assert counts.accepted == known

    def teardown(self) -> None:
        """Whatever state this run ended in: one start more, and nothing asks for a person."""
        if hasattr(self, "world"):
            self._end_trouble()
            self.world.disk.kill()
            self.world.start()
            self.world.store.seal_all()
            assert not self.world.store.unsettled
            assert self.world.disk.open_files() == 0


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=int(os.environ.get("SIDESPOOL_MODEL_RUNS", "60")),
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
