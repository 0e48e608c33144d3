"""What lies beside the spool, on a disk that loses power: attachments, resets, deletion requests.

Laws: an attachment that was acknowledged waits, was delivered, or was given up with a count; what
was withdrawn is never readable again; a reset that was begun is finished, and every id that was
ever used is asked for until the collector says it is gone.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidespool.core.attachment import Attachment, digest_of
from sidespool.core.policy import ATTACHMENT_AGE_DAYS_MAX
from sidespool.runtime.attachment_store import AttachmentStore
from sidespool.runtime.forget import begin_forget, finish_forget, read_forget
from sidespool.runtime.identity import load_install, save_install
from sidespool.runtime.ids import now_ms
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.reset import (
    begin_reset,
    finish_reset,
    load_requests,
    read_unfinished,
    save_request,
)
from sidespool.runtime.vault_disk import VaultDisk
from sidespool.wire.event import uuid7
from sidespool.wire.level import Level
from support.power_loss import Crash, PowerLossDisk
from support.vault_world import KEY, CountedVault

CRASHES = st.one_of(st.none(), st.integers(0, 30))
DAY_MS = 86_400_000
MODEL = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


class Machine(RuleBasedStateMachine):
    """A data directory, cut off at any call; `start` is what a daemon does with it."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        self.data = data
        CountedVault.made = 0
        self.disk = PowerLossDisk()
        self.disk.make_dirs(Path("/home/user"))
        self.disk.settle()
        self.paths = DataPaths(Path("/home/user/data"))
        for folder in self.paths.directories():
            self.disk.make_dirs(folder)
        self.disk.settle()
        self.start()

    def start(self) -> None:
        raise NotImplementedError

    def step(self, act: Callable[[], object], crash: int | None) -> bool:
        """Whether it went through; else the machine has come up again, maybe at the second try."""
        self.disk.crash_after(crash)
        try:
            act()
        except Crash:
            for again in (self.data.draw(st.one_of(st.none(), st.integers(0, 15)), "again"), None):
                self._die()
                self.disk.crash_after(again)
                try:
                    self.start()
                    break
                except Crash:
                    continue
            self.disk.crash_after(None)
            return False
        self.disk.crash_after(None)
        return True

    def _die(self) -> None:
        if self.data.draw(st.booleans(), "power cut"):
            self.disk.lose_power(random.Random(self.data.draw(st.integers(0, 2**32), "dice")))
        self.disk.kill()


class AttachmentMachine(Machine):
    """Saved, delivered, refused, aged, withdrawn."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        self.contents: dict[str, bytes] = {}
        self.unsure: dict[str, bytes] = {}
        self.settled: set[str] = set()
        self.withdrawn: set[str] = set()
        self.made = 0
        super().begin(data)

    def start(self) -> None:
        vault = CountedVault()
        vault.open(KEY)
        disk = VaultDisk(self.disk, self.paths.spool, vault)
        begun = read_forget(disk, self.paths)
        if begun is not None:
            finish_forget(disk, self.paths, Level(begun.level), begun.with_history)
        self.store = AttachmentStore(disk, self.paths)
        self.store.load()

    @rule(size=st.integers(0, 3_000), crash=CRASHES)
    def save(self, size: int, crash: int | None) -> None:
        self.made += 1
        data = random.Random(self.made).randbytes(size)
        event_id = uuid7(1, 0, self.made)
        digest = digest_of(data)
        about = Attachment(event_id, "a.bin", "application/x-a", size, digest, now_ms())
        if self.step(lambda: self.store.save(about, data), crash):
            self.contents[event_id] = data
        else:
            self.unsure[event_id] = data

    def _waiting(self) -> list[Any]:
        return sorted(self.store.waiting.values(), key=lambda one: one.file_name)

    @precondition(lambda self: self.store.waiting)
    @rule(crash=CRASHES)
    def deliver(self, crash: int | None) -> None:
        one = self._waiting()[0]
        assert self.store.bytes_of(one) == {**self.unsure, **self.contents}[one.about.event_id]
        self.settled.add(one.about.event_id)
        self.step(lambda: self.store.delivered(one), crash)

    @precondition(lambda self: self.store.waiting)
    @rule(crash=CRASHES)
    def refuse(self, crash: int | None) -> None:
        one = self._waiting()[-1]
        self.settled.add(one.about.event_id)
        self.step(lambda: self.store.refused(one), crash)

    @rule(crash=CRASHES)
    def withdraw(self, crash: int | None) -> None:
        """The marker is durable first, so that a crash finishes it."""
        gone = {*self.contents, *self.unsure}
        disk, paths = self.store.disk, self.paths

        def act() -> None:
            begin_forget(disk, paths, Level.USAGE, False)
            self.withdrawn.update(gone)
            self.store.waiting.clear()
            finish_forget(disk, paths, Level.USAGE, False)

        self.step(act, crash)

    @rule()
    def grow_old(self) -> None:
        for one in self.store.waiting.values():
            one.about.created_ms -= (ATTACHMENT_AGE_DAYS_MAX + 1) * DAY_MS
            self.settled.add(one.about.event_id)
        before = sum(self.store.dropped.values())
        waiting = len(self.store.waiting)
        self.store.load()
        assert sum(self.store.dropped.values()) == before + waiting

    @invariant()
    def every_acknowledged_attachment_has_a_fate(self) -> None:
        waiting = {one.about.event_id for one in self.store.waiting.values()}
        assert self.contents.keys() <= waiting | self.settled | self.withdrawn

    @invariant()
    def nothing_withdrawn_can_be_read(self) -> None:
        waiting = {one.about.event_id for one in self.store.waiting.values()}
        assert not waiting & self.withdrawn
        assert not {name[:36] for name in self.disk.files(self.paths.attachments)} & self.withdrawn

    @invariant()
    def nothing_lies_there_in_the_clear(self) -> None:
        for raw in self.disk.files(self.paths.attachments).values():
            assert not raw or b"application/x-a" not in raw


class ResetMachine(Machine):
    """Ids are used, everything is reset, requests are delivered: cut off at any call."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        self.used: set[str] = set()
        self.erased: set[str] = set()
        self.told: set[str] = set()  # ids of which a reset was answered with "done"
        super().begin(data)

    def start(self) -> None:
        unfinished = read_unfinished(self.disk, self.paths)
        if unfinished is not None:
            finish_reset(self.disk, self.paths, unfinished, "http")
        self.install, _ = load_install(self.disk, self.paths.install_file)

    @rule(number=st.integers(0, 5), crash=CRASHES)
    def use(self, number: int, crash: int | None) -> None:
        """An id is remembered before it goes with the first event."""
        one = f"custom-{number}" if number else self.install.install_id

        def act() -> None:
            if one not in self.install.history:
                self.install.history.append(one)
                save_install(self.disk, self.paths.install_file, self.install)
            self.used.add(one)
            path = self.paths.history / "00000000000001-x.jsonl.gz"
            self.disk.write_atomic(path, one.encode())

        self.step(act, crash)

    @rule(crash=CRASHES)
    def reset(self, crash: int | None) -> None:
        ids = list(self.install.history)

        def act() -> None:
            begun = begin_reset(self.disk, self.paths, ids)
            self.install = finish_reset(self.disk, self.paths, begun, "http")
            self.told.update(ids)
            assert self.disk.files(self.paths.history) == {}

        self.step(act, crash)

    @rule(crash=CRASHES)
    def deliver(self, crash: int | None) -> None:
        queued = [one for one in load_requests(self.disk, self.paths) if one.state == "queued"]
        if queued:
            self.erased.update(queued[0].user_ids)
            queued[0].on_sent("r", 1)
            self.step(lambda: save_request(self.disk, self.paths, queued[0]), crash)

    @invariant()
    def every_id_is_known_or_asked_for(self) -> None:
        requests = load_requests(self.disk, self.paths)
        asked = {one for request in requests for one in request.user_ids}
        assert self.used <= {*self.install.history, *asked}
        assert self.told <= asked
        assert len({one.request_id for one in requests}) == len(requests)

    @invariant()
    def nothing_is_left_half_done(self) -> None:
        assert read_unfinished(self.disk, self.paths) is None


TestAttachmentMachine = AttachmentMachine.TestCase
TestAttachmentMachine.settings = MODEL
TestResetMachine = ResetMachine.TestCase
TestResetMachine.settings = MODEL
