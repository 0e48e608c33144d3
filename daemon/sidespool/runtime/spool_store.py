"""Carries out what core/spool decides, on the disk, in the writer's thread.

Every method blocks and is called from one thread only. The order of steps is what makes a crash
between any two of them harmless: count a loss, then delete; write the successor, then delete the
predecessor; sync, then acknowledge.
"""

import time
from collections.abc import Callable

import msgspec

from sidespool.core.record import (
    QUARANTINED,
    SEALED,
    encode_sealed,
    is_whole,
    level_of,
    read_lines,
    segment_name,
)
from sidespool.core.spool import Full, Segment, SpoolBook
from sidespool.core.tally import Tally, encode_tally
from sidespool.errors import DiskError
from sidespool.runtime.disk import Disk
from sidespool.runtime.history import history_name, prune_history
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.segment_file import SegmentFile
from sidespool.runtime.spool_recovery import quarantine, recover_spool
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
        self.quarantined: dict[str, int] = {}
        self._new_batch_id = new_batch_id
        self._log = log
        self._active: dict[Level, SegmentFile] = {}
        self._stale: list[SegmentFile] = []
        self._dirty: set[Level] = set()

    def recover(self) -> None:
        """Reads the folder; finishes a withdrawal and evictions that a crash cut short."""
        raw = self.disk.read(self.paths.withdrawal_file)
        found = recover_spool(self.disk, self.paths.spool, self._log)
        for segment in found.segments:
            self.book.on_opened(segment)
        self.quarantined = found.quarantined
        for batch_id in self.tally.evicting:
            self._delete(batch_id)
        if self.tally.evicting:
            self.tally.evicting = []
            self.save_tally()
        if raw is not None:
            self.purge_above(_withdrawn_to(raw))
        self.tally.on_recovered(self.book.events)

    def save_tally(self) -> None:
        """Writes the counts; raises OSError."""
        self.disk.write_atomic(self.paths.tally_file, encode_tally(self.tally))

    # -- taking in -----------------------------------------------------------------------------

    def append(self, level: Level, lines: bytes, events: int) -> None:
        """Writes a commit to the level's active segment; DiskError where it cannot be kept."""
        room = self.book.make_room(level, len(lines) // 4 + 64)
        if isinstance(room, Full):
            raise DiskError("the spool is full of more important events")
        if room.batch_ids:
            self._evict(room.batch_ids, DropReason.SPOOL_QUOTA)
        try:
            segment = self._active.get(level) or self._open(level)
            self._dirty.add(level)
            segment.append(lines, events)
        except OSError as error:
            self._set_aside(level)
            raise DiskError(f"the disk refused a write: {error.strerror or error}") from error

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
                    segment.cut_back()
                    self.book.on_sealed(segment.batch_id, segment.seal())
            except OSError:
                continue
            self._stale.remove(segment)

    # -- sealing -------------------------------------------------------------------------------

    def seal_all(self) -> int:
        """Seals every active segment; returns how many."""
        self._settle_stale()
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

    def _evict(self, batch_ids: tuple[str, ...], reason: DropReason) -> None:
        """Counts the loss durably, then deletes; a crash in between deletes without counting."""
        for batch_id in batch_ids:
            segment = self.book.segments[batch_id]
            self.tally.on_dropped(reason, segment.events)
        self.tally.evicting = list(batch_ids)
        self.save_tally()
        for batch_id in batch_ids:
            self._delete(batch_id)
        self.tally.evicting = []
        self._log(f"evicted {len(batch_ids)} segments: {reason}")

    def evict_expired(self, now_ms: int) -> int:
        """Deletes what is past its age; returns the number of segments."""
        expired = tuple(self.book.expired(now_ms))
        if expired:
            self._evict(expired, DropReason.SPOOL_AGE)
        return len(expired)

    def purge_above(self, level: Level) -> int:
        """Withdrawal: deletes everything above a level; returns the number of events.

        The marker file makes it complete: while it exists, the next start deletes first.
        """
        self.disk.write_atomic(
            self.paths.withdrawal_file, msgspec.json.encode({"level": level.label})
        )
        events = 0
        for batch_id in self.book.above(level):
            events += self.book.segments[batch_id].events
            self._delete(batch_id)
        self._stale = [one for one in self._stale if one.level <= level]
        for name in self.disk.listdir(self.paths.spool):
            if f".{QUARANTINED}" in name and name[15:16] > str(int(level)):
                self.disk.remove(self.paths.spool / name)
        self.disk.sync_dir(self.paths.spool)
        self.tally.on_dropped(DropReason.CONSENT_WITHDRAWN, events)
        self.save_tally()
        self.disk.remove(self.paths.withdrawal_file)
        # Were the marker to come back after a power cut, it would delete what came later.
        self.disk.sync_dir(self.paths.root)
        return events

    def forget_all(self) -> None:
        """Closes what is open and empties the book and the counts; the files are a reset's."""
        self.close()
        self._active.clear()
        self._stale.clear()
        self._dirty.clear()
        for batch_id in tuple(self.book.segments):
            self.book.on_gone(batch_id)
        self.quarantined.clear()
        self.tally.clear(int(time.time() * 1000))

    def _delete(self, batch_id: str) -> None:
        for level, segment in tuple(self._active.items()):
            if segment.batch_id == batch_id:
                del self._active[level]
                self._dirty.discard(level)
                segment.discard()
        for segment in self._stale:
            if segment.batch_id == batch_id:
                segment.discard()
        self.disk.remove(self.paths.spool / segment_name(batch_id, SEALED))
        self.book.on_gone(batch_id)

    # -- after the upload ----------------------------------------------------------------------

    def acknowledged(self, batch_id: str, delivered: int, rejected: int) -> None:
        """The collector has the batch: its bytes move to the history, and the spool forgets it."""
        self.tally.on_delivered(delivered)
        self.tally.on_dropped(DropReason.REJECTED, rejected)
        sealed = self.paths.spool / segment_name(batch_id, SEALED)
        now_ms = int(time.time() * 1000)
        try:
            self.disk.rename(sealed, self.paths.history / history_name(now_ms, batch_id))
            self.disk.sync_dir(self.paths.history)
            prune_history(self.disk, self.paths.history, now_ms)
        except OSError:
            self.disk.remove(sealed)
        self.disk.sync_dir(self.paths.spool)
        self.book.on_gone(batch_id)

    def set_aside(self, batch_id: str, reason: str, detail: str) -> None:
        """Quarantines a batch that cannot be delivered; it is never deleted by itself.

        A batch that is damaged on disk is not the collector's to judge: its whole commits are
        sealed anew and sent, and only the rest stays behind.
        """
        raw = self.disk.read(self.paths.spool / segment_name(batch_id, SEALED)) or b""
        segment = self.book.on_gone(batch_id)
        lost = segment.events if segment else 0
        whole = is_whole(raw)
        if not whole:
            lines = read_lines(raw)
            reason, detail = DropReason.CORRUPT, f"{len(lines)} of {lost} events were saved"
            lost = max(lost - len(lines), 0)
            if lines:
                self._write_sealed(level_of(batch_id) or Level.USAGE, lines)
        self.tally.on_dropped(DropReason.REFUSED if whole else DropReason.CORRUPT, lost)
        self.save_tally()
        quarantine(self.disk, self.paths.spool, batch_id, SEALED, reason, detail)
        self.quarantined[batch_id] = lost

    def _write_sealed(self, level: Level, lines: list[bytes]) -> str:
        """A new sealed segment of these lines, durable; its batch id."""
        batch_id = self._new_batch_id(level)
        data = encode_sealed(lines)
        self.disk.write_atomic(self.paths.spool / segment_name(batch_id, SEALED), data)
        raw_bytes = sum(len(line) + 1 for line in lines)
        self.book.on_opened(Segment(batch_id, level, len(data), raw_bytes, len(lines), True))
        return batch_id

    def halve(self, batch_id: str) -> list[str]:
        """Replaces a batch by two of half its events; returns their ids.

        A crash before the original is gone leaves it beside one half or both: all are sent, and
        the store knows every event of the second by its id. Nothing is lost, nothing doubles.
        """
        path = self.paths.spool / segment_name(batch_id, SEALED)
        lines = read_lines(self.disk.read(path) or b"")
        level = self.book.segments[batch_id].level
        if len(lines) < 2:
            self.set_aside(batch_id, "too_large", "the collector refuses even a single event")
            return []
        middle = len(lines) // 2
        names = [
            self._write_sealed(level, lines[:middle]),
            self._write_sealed(level, lines[middle:]),
        ]
        self._delete(batch_id)
        self.disk.sync_dir(self.paths.spool)
        return names

    def lines_of(self, batch_id: str) -> list[bytes]:
        """The events of one segment, sealed or active, as JSON lines."""
        for state in (SEALED, "active"):
            raw = self.disk.read(self.paths.spool / segment_name(batch_id, state))
            if raw is not None:
                return read_lines(raw)
        return []

    def close(self) -> None:
        """Closes what is open; files stay as they are."""
        for segment in (*self._active.values(), *self._stale):
            segment.close()


def _withdrawn_to(raw: bytes) -> Level:
    """The level of an unfinished withdrawal; an unreadable marker withdraws everything."""
    try:
        label = msgspec.json.decode(raw, type=dict[str, str])["level"]
        return Level[label.upper()]
    except (msgspec.MsgspecError, KeyError):
        return Level.OFF
