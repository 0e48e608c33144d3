"""Merges small sealed segments that have gathered while nothing could leave.

The order of steps: the new segment whole and durable; the old ones named as merged, in one atomic
write; the new one is offered, the old ones go. A crash before the names are written leaves the
new one beside the first old one, and the next start deletes it (`core/succession`); after it the
next start deletes the old ones.

A disk that refuses the names may have kept them all the same. So the new one goes only when it is
durable that nothing is merged; until then (`undone`) whatever a start finds is whole.
"""

from collections.abc import Callable, Collection

from sidespool.core.spool import SpoolBook
from sidespool.core.succession import MERGED, derived_id, files_of
from sidespool.core.tally import Tally
from sidespool.runtime.disk import Disk
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.settlement import Settlement
from sidespool.runtime.successor import merge
from sidespool.runtime.told_reports import ToldReports
from sidespool.wire.outcome import DropReason


class Merger:
    """`forget` takes segments out of the store's memory."""

    def __init__(
        self,
        disk: Disk,
        paths: DataPaths,
        book: SpoolBook,
        settlement: Settlement,
        reports: ToldReports,
        forget: Callable[[Collection[str]], None],
    ) -> None:
        self._disk = disk
        self._folder = paths.spool
        self._book = book
        self._settlement = settlement
        self._tally: Tally = settlement.tally
        self._reports = reports
        self._forget = forget
        self.undone = ""  # the batch id of a merged segment that has to go again

    def settle(self) -> None:
        """Takes back what the disk did not let finish; raises OSError, and is tried again."""
        if self.undone:
            self._settlement.save()
            for name in files_of(self.undone):
                self._disk.remove(self._folder / name)
            self._disk.sync_dir(self._folder)
            self.undone = ""

    def merge_small(self) -> int:
        """Merges once, where enough has gathered; how many segments went. Raises OSError."""
        self.settle()
        segments = [] if self._tally.settling else self._book.mergeable()
        if not segments:
            return 0
        going = [one.batch_id for one in segments]
        try:
            into = merge(self._disk, self._folder, segments)
            if into is None:
                return 0
            self._settlement.begin("merged", going, DropReason.SPOOL_QUOTA, 0)
        except OSError:
            self.undone = derived_id(going[0], MERGED)
            raise
        self._reports.on_merged(segments, into)
        self._forget(going)
        self._book.on_opened(into)
        self._settlement.finish()
        return len(going)
