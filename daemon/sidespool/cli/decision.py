"""Carries out a user's decision: through the running daemon, else in its data directory.

Without a daemon the record is written first and the spool emptied after it, both under the data
directory's lock. A crash in between is harmless: the next daemon reads the record and deletes
before it sends.
"""

import time
from typing import Any, Literal

import msgspec

from sidespool.cli.verdict import judge
from sidespool.config import Config
from sidespool.core.consent import ConsentBook, ConsentRecord
from sidespool.core.record import parse_name
from sidespool.core.spool import SpoolBook
from sidespool.errors import DaemonUnreachableError
from sidespool.runtime import record_file
from sidespool.runtime.control import DaemonControl
from sidespool.runtime.disk import Disk
from sidespool.runtime.doorstep import make_private_dirs, take_place
from sidespool.runtime.forget import begin_forget, finish_forget, is_needed
from sidespool.runtime.ids import BatchIds, now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.reset import finish_reset, forget_key, read_unfinished
from sidespool.runtime.spool_store import SpoolStore
from sidespool.runtime.vault import Vault
from sidespool.runtime.vault_disk import VaultDisk
from sidespool.wire.event import format_time
from sidespool.wire.level import Level

_BUSY_S = 12.0  # a daemon that starts or ends may hold the lock for its grace of 10 s


class Decision(msgspec.Struct, frozen=True):
    """What the user says; `settings` is what the app is told beside it, while it runs.

    `door` is what the record names as the way it came in.
    """

    decision: Literal["granted", "denied"]
    level: str = "full"
    policy_version: str | None = None
    settings: dict[str, Any] = {}
    door: str = "cli"


class Effect(msgspec.Struct, frozen=True):
    """What came of it; `deleted` counts events, None where the daemon did the deleting."""

    level: str
    decided_by: str
    because: str
    running: bool
    deleted: int | None = None


def carry_out(config: Config, paths: DataPaths, decision: Decision) -> Effect:
    """Raises DaemonUnreachableError where a daemon holds the directory and answers nobody."""
    limit = time.monotonic() + _BUSY_S
    while True:
        try:
            with DaemonControl.connect(paths, decision.door) as control:
                return _by_daemon(control, decision)
        except DaemonUnreachableError:
            effect = _by_hand(config, paths, decision)
        if effect is not None:
            return effect
        if time.monotonic() > limit:
            raise DaemonUnreachableError(
                "a daemon holds this data directory and does not answer",
                hint="Try again, or end it first",
            )
        time.sleep(0.1)


def _by_daemon(control: DaemonControl, decision: Decision) -> Effect:
    settings = control.ask("set")  # changes nothing; says which policy is in force
    version = decision.policy_version
    fields: dict[str, Any] = {
        "decision": decision.decision,
        "policy_version": settings.get("policy_version", "") if version is None else version,
    }
    if decision.decision == "granted":
        fields["level"] = decision.level
    control.ask("consent", **fields)
    after = control.ask("set", settings=decision.settings)
    return Effect(after["level"], after["decided_by"], after["because"], running=True)


def _by_hand(config: Config, paths: DataPaths, decision: Decision) -> Effect | None:
    """None where another process holds the lock."""
    make_private_dirs(paths)
    lock = take_place(paths)
    if lock is None:
        return None
    try:
        disk = Disk()
        unfinished = read_unfinished(disk, paths)
        if unfinished is not None:  # a reset that a crash cut short comes first
            finish_reset(disk, paths, unfinished, config.deletion)
        book = record_file.load_consent(disk, paths.consent_file, now_ms(), LOGGER.warning)
        # What an earlier no forbade goes before a yes is written: a yes must revive nothing.
        deleted = _empty(disk, config, paths, judge(config, paths, book).level)
        known = config.policy_version
        record = ConsentRecord(
            decision=decision.decision,
            at=format_time(now_ms()),
            level=decision.level if decision.decision == "granted" else "off",
            policy_version=known if decision.policy_version is None else decision.policy_version,
            door=decision.door,
        )
        book = ConsentBook([*book.records, record])
        record_file.save_consent(disk, paths.consent_file, book)
        verdict = judge(config, paths, book)
        deleted += _empty(disk, config, paths, verdict.level)
        return Effect(
            verdict.level.label, verdict.decided_by, verdict.because, running=False, deleted=deleted
        )
    finally:
        lock.release()


def _empty(disk: Disk, config: Config, paths: DataPaths, level: Level) -> int:
    """Deletes all that needs more than the level; returns how many events that were."""
    events = _empty_above(disk, config, paths, level)
    _empty_beside(disk, config, paths, level)
    return events


def _empty_above(disk: Disk, config: Config, paths: DataPaths, level: Level) -> int:
    """Deletes every event above the level; returns how many."""
    names = [parse_name(name) for name in disk.listdir(paths.spool)]
    if not any(name is not None and name.level > level for name in names):
        return 0
    disk = VaultDisk(disk, paths.spool, Vault())  # what goes need not be opened
    tally = record_file.load_tally(disk, paths.tally_file, now_ms(), LOGGER.warning)
    book = SpoolBook(config.spool_max_bytes, config.spool_max_age_days)
    store = SpoolStore(disk, paths, book, tally, BatchIds().new, LOGGER.info)
    store.recover()
    try:
        return store.purge_above(level)
    finally:
        store.close()


def _empty_beside(disk: Disk, config: Config, paths: DataPaths, level: Level) -> None:
    """Attachments, counts and the key for them, where the level allows them no more."""
    if is_needed(disk, paths, level, with_history=False):
        begin_forget(disk, paths, level, with_history=False)
        finish_forget(disk, paths, level, with_history=False)
    if level < Level.FULL and not disk.listdir(paths.history):
        forget_key(disk, paths, config.app_id, config.full_content_key)
