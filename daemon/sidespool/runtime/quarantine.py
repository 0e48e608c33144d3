"""Keeps what was set aside within bounds: segments that nobody takes, each beside its note.

What lies here was counted as lost when it was set aside, so that giving it up loses nothing that
is not counted yet. It is evidence for a person, and evidence of a collector that refused a whole
spool must not fill the disk: beyond a share of the spool's quota the oldest goes.
"""

from collections.abc import Callable
from pathlib import Path

from sidespool.core.policy import QUARANTINE_BYTES_MAX, QUARANTINE_SHARE
from sidespool.core.record import QUARANTINED, segment_name
from sidespool.core.succession import note_name
from sidespool.runtime.disk import Disk
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.settlement import read_note


class Quarantine:
    """`events` has the number of events lost with each batch, `given_up` counts batches."""

    def __init__(
        self, disk: Disk, paths: DataPaths, bytes_max: int, log: Callable[[str], None]
    ) -> None:
        """`bytes_max` is the spool's quota."""
        self.events: dict[str, int] = {}
        self.given_up = 0
        self._sizes: dict[str, int] = {}
        self._disk = disk
        self._paths = paths
        self._bytes_max = min(bytes_max // QUARANTINE_SHARE, QUARANTINE_BYTES_MAX)
        self._log = log

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of everything that was set aside."""
        return sum(self._sizes.values())

    def learn(self, batch_ids: list[str]) -> None:
        """What a start found."""
        for batch_id in batch_ids:
            self.add(batch_id, read_note(self._disk, self._paths, batch_id).events)

    def add(self, batch_id: str, events: int) -> None:
        """A batch was set aside."""
        self.events[batch_id] = events
        try:
            self._sizes[batch_id] = self._disk.size(self._path(batch_id))
        except OSError:
            self._sizes[batch_id] = 0  # not moved yet: the next start knows

    def discard(self, batch_id: str) -> None:
        """Somebody else deleted it."""
        self.events.pop(batch_id, None)
        self._sizes.pop(batch_id, None)

    def clear(self) -> None:
        """Somebody else deleted everything."""
        self.events.clear()
        self._sizes.clear()

    def bound(self) -> None:
        """Gives up the oldest while there is too much; the newest stays, whatever its size."""
        size = self.size_bytes
        for batch_id in sorted(self._sizes)[:-1]:
            if size <= self._bytes_max:
                return
            size -= self._sizes[batch_id]
            try:
                self._disk.remove(self._path(batch_id))
                self._disk.remove(self._paths.spool / note_name(batch_id))
            except OSError as error:
                self._log(f"the quarantine cannot be tidied: {error.strerror or error}")
                return
            self.discard(batch_id)
            self.given_up += 1
            self._log(f"segment {batch_id} was given up: the quarantine was full")

    def _path(self, batch_id: str) -> Path:
        return self._paths.spool / segment_name(batch_id, QUARANTINED)
