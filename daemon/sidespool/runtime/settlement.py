"""Lets segments leave the spool so that each loss is counted once, whatever is cut short.

The order is always: the loss is counted and the files it is about are named (`tally.settling`),
in one atomic write; then the files go; when that is durable, their names are forgotten. A crash
before the write: nothing happened. A crash after it: the start finishes without counting. A disk
that refuses: the names stay, nothing offers these segments any more, and it is tried again.
"""

from collections.abc import Callable, Collection

import msgspec

from sidespool.core.policy import HISTORY_SLACK_BYTES
from sidespool.core.record import ACTIVE, QUARANTINED, SEALED, segment_name
from sidespool.core.succession import files_of, halves_of, note_name
from sidespool.core.tally import Settling, Tally, encode_tally
from sidespool.runtime.disk import Disk
from sidespool.runtime.history import history_name, prune_history
from sidespool.runtime.ids import now_ms
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.told_reports import ToldReports
from sidespool.wire.outcome import DropReason

# The collector has what it did not reject, and what is whole of a damaged segment is sealed anew.
_REPORT_STAYS = (DropReason.REJECTED, DropReason.CORRUPT)


class Note(msgspec.Struct):
    """What is written beside a quarantined segment; `events` of it are lost."""

    batch_id: str
    reason: str
    detail: str
    events: int = 0


class Settlement:
    """The tally on disk, and the files that are on their way out of the spool."""

    def __init__(
        self,
        disk: Disk,
        paths: DataPaths,
        tally: Tally,
        reports: ToldReports,
        log: Callable[[str], None],
    ) -> None:
        self._disk = disk
        self._reports = reports
        self._paths = paths
        self._log = log
        self.tally = tally
        self._unpruned_bytes = HISTORY_SLACK_BYTES
        self._in_doubt = False

    def save(self) -> None:
        """Writes the counts; raises OSError."""
        self._disk.write_atomic(self._paths.tally_file, encode_tally(self.tally))
        self._in_doubt = False

    def end_doubt(self) -> None:
        """A write that failed may be there after all: what it counted must not be, before more."""
        if self._in_doubt:
            self.save()

    def begin(
        self, how: Settling, batch_ids: Collection[str], reason: DropReason, events: int
    ) -> None:
        """Counts a loss durably; raises OSError, and then nothing was counted."""
        stays = reason in _REPORT_STAYS or how == "merged"
        taken = [] if stays else self._reports.on_leaving(batch_ids)
        self.tally.begin(how, batch_ids, reason, events)
        try:
            self.save()
        except OSError:
            self.tally.undo(batch_ids, reason, events)
            self._reports.on_stayed(taken)
            self._in_doubt = True
            raise

    def begin_withdrawal(self, batch_ids: Collection[str], events: int) -> None:
        """The same for a withdrawal, which goes on even where nothing can be written."""
        self._reports.on_leaving(batch_ids)
        self.tally.begin("delete", batch_ids, DropReason.CONSENT_WITHDRAWN, events)
        try:
            self.save()
        except OSError as error:
            self._log(f"a withdrawal could not be counted yet: {error.strerror or error}")

    def finish(self) -> bool:
        """Moves or deletes what is counted; False where the disk refuses some of it."""
        if not self.tally.settling:
            return True
        done = []
        for batch_id, how in self.tally.settling.items():
            try:
                self._carry_out(batch_id, how)
                done.append(batch_id)
            except OSError as error:
                self._log(f"segment {batch_id} could not be moved: {error.strerror or error}")
        try:
            self._disk.sync_dir(self._paths.spool)
        except OSError:
            return False
        for batch_id in done:
            del self.tally.settling[batch_id]
        return not self.tally.settling

    def _carry_out(self, batch_id: str, how: Settling) -> None:
        if how in ("delete", "merged"):
            for name in files_of(batch_id):
                self._disk.remove(self._paths.spool / name)
            return
        for name in halves_of(batch_id):  # of a halving that the disk did not let finish
            self._disk.remove(self._paths.spool / name)
        if how == "history":
            self.to_history(batch_id)
        else:
            self._to_quarantine(batch_id)

    def to_history(self, batch_id: str, size_bytes: int = HISTORY_SLACK_BYTES) -> None:
        """A delivered segment's bytes become history, or go where that cannot be.

        Pruning lists the whole history, so it waits until as much has come as it left room for.
        """
        sealed = self._paths.spool / segment_name(batch_id, SEALED)
        sent_ms = now_ms()
        try:
            self._disk.rename(sealed, self._paths.history / history_name(sent_ms, batch_id))
            self._disk.sync_dir(self._paths.history)
            self._unpruned_bytes += size_bytes
            if self._unpruned_bytes >= HISTORY_SLACK_BYTES:
                self._unpruned_bytes = 0
                slack = HISTORY_SLACK_BYTES
                prune_history(self._disk, self._paths.history, sent_ms, slack_bytes=slack)
        except OSError:
            self._disk.remove(sealed)

    def quarantine(self, note: Note, reason: DropReason) -> None:
        """Counts a segment's loss and sets it aside beside its note; raises OSError."""
        spool = self._paths.spool
        self._disk.write_atomic(spool / note_name(note.batch_id), msgspec.json.encode(note))
        if note.batch_id not in self.tally.settling:
            self.begin("quarantine", (note.batch_id,), reason, note.events)
        self.finish()

    def _to_quarantine(self, batch_id: str) -> None:
        spool = self._paths.spool
        for state in (SEALED, ACTIVE):
            try:
                self._disk.rename(
                    spool / segment_name(batch_id, state),
                    spool / segment_name(batch_id, QUARANTINED),
                )
            except FileNotFoundError:
                continue
            return


def read_note(disk: Disk, paths: DataPaths, batch_id: str) -> Note:
    """The note beside a quarantined segment; an empty one where there is none to be read."""
    try:
        raw = disk.read(paths.spool / note_name(batch_id))
        return msgspec.json.decode(raw or b"", type=Note)
    except (OSError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Note(batch_id, "unknown", "its note cannot be read")
