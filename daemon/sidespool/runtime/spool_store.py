"""Carries out what core/spool decides, on the disk, in the writer's thread.

Every method blocks and is called from one thread only. The order of steps is what makes a crash
between any two of them harmless: count a loss, then delete (`settlement`); write the successor,
delete the predecessor, then offer the successor (`core/succession`); sync, then acknowledge.

A disk that refuses is a state, not the end: what could not be sealed, repaired, moved or deleted
is tried again at each sealing (`unsettled` says whether there is such a thing).
"""

from collections.abc import Callable, Collection
from contextlib import suppress

from sidespool.core.record import (
    ACTIVE,
    SEALED,
    SegmentName,
    is_whole,
    read_lines,
    segment_name,
)
from sidespool.core.spool import Full, Segment, SpoolBook
from sidespool.core.tally import Tally
from sidespool.errors import DiskError
from sidespool.runtime.disk import Disk
from sidespool.runtime.ids import now_ms
from sidespool.runtime.merger import Merger
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.quarantine import Quarantine
from sidespool.runtime.segment_file import SegmentFile
from sidespool.runtime.settlement import Note, Settlement
from sidespool.runtime.spool_recovery import Found, recover_one, recover_spool
from sidespool.runtime.spool_withdrawal import (
    batches_above,
    delete_files,
    read_marker,
    write_marker,
)
from sidespool.runtime.successor import halve, save_whole
from sidespool.runtime.told_reports import ToldReports
from sidespool.wire.level import Level
from sidespool.wire.outcome import DropReason


class SpoolStore:
    """The spool folder, its book and the tally of losses."""

    def __init__(
        self,
        disk: Disk,
        paths: DataPaths,
        book: SpoolBook,
        tally: Tally,
        new_batch_id: Callable[[Level], str],
        log: Callable[[str], None],
    ) -> None:
        self.disk = disk
        self.paths = paths
        self.book = book
        self.tally = tally
        self.quarantine = Quarantine(disk, paths, book.bytes_max, log)
        self.left_alone: list[str] = []
        self._new_batch_id = new_batch_id
        self._log = log
        self._reports = ToldReports(tally, self.lines_of)
        self._settlement = Settlement(disk, paths, tally, self._reports, log)
        self.merger = Merger(disk, paths, book, self._settlement, self._reports, self._forget)
        self._active: dict[Level, SegmentFile] = {}
        self._stale: list[SegmentFile] = []
        self._dirty: set[Level] = set()
        self._refused: list[str] = []

    @property
    def quarantined(self) -> dict[str, int]:
        """Batches that were set aside, with the number of events lost in each."""
        return self.quarantine.events

    @property
    def unsettled(self) -> bool:
        """Whether the disk refused something that `seal_all` will try again."""
        return bool(self._stale or self._refused or self.tally.settling or self.merger.undone)

    # -- start ---------------------------------------------------------------------------------

    def recover(self) -> None:
        """Puts the folder in order and fills the book; raises OSError where it cannot be listed."""
        self._sync_found()
        self._settlement.finish()
        self._finish_withdrawal()
        merged = self.tally.settling_as("merged")
        found = recover_spool(self.disk, self.paths.spool, merged, self._log)
        self.quarantine.learn(found.quarantined)
        self._learn(found)
        self.left_alone = found.left_alone
        self.quarantine.bound()

    def _sync_found(self) -> None:
        """Nothing is built on names that a power cut could still take back.

        The parents matter once, at the first start ever, which made the folders.
        """
        root = self.paths.root
        for folder in (self.paths.spool, root, *root.parents[:3]):
            try:
                self.disk.sync_dir(folder)
            except OSError as error:
                self._log(f"a folder could not be synced: {error.strerror or error}")

    def _learn(self, found: Found) -> None:
        for segment in found.segments:
            if segment.batch_id not in self.tally.settling:
                self.book.on_opened(segment)
        self._refused = found.refused
        for name in found.damaged:
            try:
                self._save_whole(name)
            except OSError as error:
                self._log(f"{name.batch_id} is damaged: {error.strerror or error}")
                self._refused.append(segment_name(name.batch_id, name.state))
        self.tally.on_recovered(self.book.events)

    def _retry_refused(self) -> None:
        if self._refused:
            found = Found()
            for name in self._refused:
                recover_one(self.disk, self.paths.spool, name, found, lambda _: None)
            self._learn(found)

    def save_tally(self) -> None:
        """Writes the counts; raises OSError."""
        self._settlement.save()

    # -- taking in -----------------------------------------------------------------------------

    def append(self, level: Level, lines: bytes, events: int) -> None:
        """Writes a commit to the level's active segment; DiskError where it cannot be kept.

        At most one commit a level between two calls of `sync`: recovery relies on it.
        """
        self._make_room(level, len(lines) // 4 + 64)
        try:
            segment = self._active.get(level) or self._open(level)
            self._dirty.add(level)
            segment.append(lines, events)
        except OSError as error:
            self._set_aside(level)
            raise DiskError(f"the disk refused a write: {error.strerror or error}") from error
        except Exception:
            self._set_aside(level)  # the encoder may be ahead of the file
            raise

    def _make_room(self, level: Level, incoming_bytes: int) -> None:
        unsynced = [self._active[one].batch_id for one in self._dirty if one in self._active]
        room = self.book.make_room(level, incoming_bytes, unsynced)
        if isinstance(room, Full):
            raise DiskError("the spool is full of more important events")
        if room.batch_ids:
            try:
                self._evict(room.batch_ids, DropReason.SPOOL_QUOTA)
            except OSError as error:
                why = error.strerror or error
                raise DiskError(f"the spool is full and cannot be tidied: {why}") from error

    def sync(self) -> set[Level]:
        """Makes all appended commits durable; returns the levels for which that failed."""
        failed: set[Level] = set()
        for level in tuple(self._dirty):
            segment = self._active.get(level)
            try:
                if segment is not None:
                    size, raw_bytes, events = segment.sync()
                    self.book.on_grown(segment.batch_id, size, raw_bytes, events)
                    self.tally.on_accepted(events)
            except OSError as error:
                self._log(f"sync failed: {error.strerror or error}")
                self._set_aside(level)
                failed.add(level)
        self._dirty.clear()
        for level, segment in tuple(self._active.items()):
            if self.book.must_seal(segment.batch_id):
                self._seal(level)
        return failed

    def _open(self, level: Level) -> SegmentFile:
        segment = SegmentFile(self.disk, self.paths.spool, self._new_batch_id(level), level)
        self._active[level] = segment
        self.book.on_opened(Segment(segment.batch_id, level))
        return segment

    def _set_aside(self, level: Level) -> None:
        """A write failed: what is durable is kept and sealed later, the rest was never promised."""
        segment = self._active.pop(level, None)
        if segment is None:
            return
        self._dirty.discard(level)
        self._stale.append(segment)
        self._settle_stale()

    def _settle_stale(self) -> None:
        """Seals segments that a failed write left open, as soon as the disk lets it."""
        for segment in tuple(self._stale):
            try:
                if segment.durable_bytes == 0:
                    segment.discard()
                    self.book.on_gone(segment.batch_id)
                else:
                    self.book.on_sealed(segment.batch_id, segment.seal())
            except OSError:
                continue
            self._stale.remove(segment)

    # -- sealing -------------------------------------------------------------------------------

    def seal_all(self) -> int:
        """Seals every active segment; returns how many. Tries again what the disk had refused."""
        self._settlement.finish()
        with suppress(OSError):
            self.merger.settle()
        self._settle_stale()
        self._retry_refused()
        levels = [level for level in self._active if level not in self._dirty]
        return sum(self._seal(level) for level in levels)

    def _seal(self, level: Level) -> bool:
        segment = self._active.pop(level)
        try:
            self.book.on_sealed(segment.batch_id, segment.seal())
        except OSError as error:
            self._log(f"sealing failed: {error.strerror or error}")
            self._stale.append(segment)
            return False
        return True

    # -- giving up -----------------------------------------------------------------------------

    def _evict(self, batch_ids: Collection[str], reason: DropReason) -> None:
        events = sum(self.book.segments[batch_id].events for batch_id in batch_ids)
        self._settlement.begin("delete", batch_ids, reason, events)
        self._forget(batch_ids)
        self._settlement.finish()
        self._log(f"evicted {len(batch_ids)} segments: {reason}")

    def evict_expired(self, now_ms: int) -> int:
        """Deletes what is past its age; the number of segments, 0 where the disk refuses."""
        expired = self.book.expired(now_ms)
        try:
            if expired:
                self._evict(expired, DropReason.SPOOL_AGE)
        except OSError as error:
            self._log(f"eviction by age is put off: {error.strerror or error}")
            return 0
        return len(expired)

    def purge_above(self, level: Level) -> int:
        """Withdrawal: deletes everything above a level; returns the number of events.

        The marker makes it complete: the next start deletes what it names before anything else.
        Where the disk refuses, the segments are out of the book all the same, so they are not
        sent, and their deletion is tried again.
        """
        doomed = batches_above(self.disk, self.paths.spool, level)
        doomed.update(self.book.above(level))
        if not doomed:
            return 0
        events = sum(self.book.segments[one].events for one in doomed if one in self.book.segments)
        try:
            write_marker(self.disk, self.paths.withdrawal_file, level, doomed)
        except OSError as error:
            self._log(f"the withdrawal could not be noted: {error.strerror or error}")
        self._withdraw(doomed, events)
        return events

    def _withdraw(self, batch_ids: Collection[str], events: int) -> None:
        self._settlement.begin_withdrawal(batch_ids, events)
        self._forget(batch_ids)
        self._refused = [name for name in self._refused if name[:36] not in batch_ids]
        for batch_id in batch_ids:
            self.quarantine.discard(batch_id)
        try:
            delete_files(self.disk, self.paths.spool, batch_ids)
            if not self._settlement.finish():
                return
            self.save_tally()
            self.disk.remove(self.paths.withdrawal_file)
        except OSError as error:
            self._log(f"the withdrawal's marker stays: {error.strerror or error}")

    def _finish_withdrawal(self) -> None:
        unfinished = read_marker(self.disk, self.paths.withdrawal_file, self.paths.spool)
        if unfinished is not None:
            self._log(f"an unfinished withdrawal is finished: {len(unfinished[0])} segments")
            self._withdraw(*unfinished)

    def forget_all(self) -> None:
        """Closes what is open and empties the book and the counts; the files are a reset's."""
        self._forget(tuple(self.book.segments))
        self.quarantine.clear()
        self._refused = []
        self.tally.clear(now_ms())

    def _forget(self, batch_ids: Collection[str]) -> None:
        """Nothing in memory knows these segments any more; their files are another matter."""
        known = [*self._active.values(), *self._stale]
        self._close([one for one in known if one.batch_id in batch_ids])
        self._stale = [one for one in self._stale if one.batch_id not in batch_ids]
        gone = {level for level, one in self._active.items() if one.batch_id in batch_ids}
        self._active = {level: one for level, one in self._active.items() if level not in gone}
        self._dirty -= gone
        for batch_id in batch_ids:
            self.book.on_gone(batch_id)

    # -- after the upload ----------------------------------------------------------------------

    def acknowledged(self, batch_id: str, delivered: int, rejected: int) -> None:
        """The collector has the batch: it becomes history. Raises OSError; safe to repeat."""
        segment = self.book.segments.get(batch_id)
        if segment is None:
            return
        self._settlement.end_doubt()
        self._reports.on_delivered(batch_id)
        if rejected:
            self._settlement.begin("history", (batch_id,), DropReason.REJECTED, rejected)
        else:
            self._settlement.to_history(batch_id, segment.size_bytes)
        self.tally.on_delivered(delivered)
        self._forget((batch_id,))
        self._settlement.finish()
        try:
            self.disk.sync_dir(self.paths.spool)
        except OSError as error:  # were the file to come back, the collector knows its batch id
            self._log(f"the spool folder could not be synced: {error.strerror or error}")

    def set_aside(self, batch_id: str, reason: str, detail: str) -> None:
        """Quarantines a batch that cannot be delivered. Raises OSError; safe to repeat."""
        if not self.inspect(batch_id):  # damaged on disk, it is not the collector's to judge
            return
        note = Note(batch_id, reason, detail, self.book.segments[batch_id].events)
        self._settlement.quarantine(note, DropReason.REFUSED)
        self._put_away(note)

    def inspect(self, batch_id: str) -> bool:
        """Whether a sealed batch is whole; of a damaged one the whole commits are sealed anew.

        What is not whole is counted and quarantined. Raises OSError; safe to repeat.
        """
        segment = self.book.segments.get(batch_id)
        if segment is None:
            return False
        if is_whole(self.disk.read(self.paths.spool / segment_name(batch_id, SEALED)) or b""):
            return True
        self._save_whole(SegmentName(batch_id, segment.level, 1, SEALED), segment.events)
        return False

    def _save_whole(self, name: SegmentName, events: int | None = None) -> None:
        saved, note = save_whole(self.disk, self.paths.spool, self._settlement, name, events)
        self._put_away(note)
        if saved is not None:
            self.book.on_opened(saved)
        self._log(f"segment {note.batch_id} is {note.detail}, {note.events} lost")

    def _put_away(self, note: Note) -> None:
        self._forget((note.batch_id,))
        self.quarantine.add(note.batch_id, note.events)
        self.quarantine.bound()

    def halve(self, batch_id: str) -> list[str]:
        """Replaces a batch by two of half its events, gives their ids; OSError, safe to repeat."""
        segment = self.book.segments.get(batch_id)
        if segment is None:
            return []
        halves = halve(self.disk, self.paths.spool, batch_id, segment.level)
        if halves is None:
            self.set_aside(batch_id, "too_large", "the collector refuses even a single event")
            return []
        self.book.on_gone(batch_id)
        for half in halves:
            self.book.on_opened(half)
        return [half.batch_id for half in halves]

    def lines_of(self, batch_id: str) -> list[bytes]:
        """The events of one segment, sealed or active, as JSON lines."""
        for state in (SEALED, ACTIVE):
            raw = self.disk.read(self.paths.spool / segment_name(batch_id, state))
            if raw is not None:
                return read_lines(raw)
        return []

    def close(self) -> None:
        """Closes what is open; files stay as they are."""
        self._close([*self._active.values(), *self._stale])

    def _close(self, segments: Collection[SegmentFile]) -> None:
        for segment in segments:
            try:
                segment.close()
            except OSError as error:
                self._log(f"a segment did not close: {error.strerror or error}")
