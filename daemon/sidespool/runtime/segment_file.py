"""One active segment on disk: appends commits, cuts back what failed, seals.

`durable_bytes` and the sums beside it describe the last synced commit. After a failed write or
sync the object takes no further commit, because the encoder is ahead of the file: it is sealed at
the last durable commit, or discarded where there is none. Both can be repeated until the disk
lets them through, from whatever step was reached.
"""

from pathlib import Path

from sidespool.core.record import ACTIVE, SEALED, SegmentEncoder, header, segment_name, trailer
from sidespool.runtime.disk import Disk
from sidespool.wire.level import Level


class SegmentFile:
    """An open `.active` file. All calls are blocking and may raise OSError."""

    def __init__(self, disk: Disk, folder: Path, batch_id: str, level: Level) -> None:
        self.batch_id = batch_id
        self.level = level
        self._disk = disk
        self._folder = folder
        self._encoder = SegmentEncoder()
        self._path = folder / segment_name(batch_id, ACTIVE)
        self._fd = disk.create(self._path)
        self._end_bytes = 0
        self._events = self._raw_bytes = self._crc = 0
        self._renamed = False
        self.durable_bytes = 0

    def append(self, lines: bytes, events: int) -> None:
        """Writes one commit; it is not durable before `sync`."""
        data = self._encoder.commit(lines, events)
        if self._end_bytes == 0:
            data = header() + data
        self._disk.write_at(self._fd, data, self._end_bytes)
        self._end_bytes += len(data)

    def sync(self) -> tuple[int, int, int]:
        """Makes all commits durable; returns the bytes, raw bytes and events this added."""
        self._disk.sync(self._fd)
        if self.durable_bytes == 0:
            self._disk.sync_dir(self._folder)
        encoder = self._encoder
        added = (
            self._end_bytes - self.durable_bytes,
            encoder.raw_bytes - self._raw_bytes,
            encoder.events - self._events,
        )
        self.durable_bytes = self._end_bytes
        self._raw_bytes, self._events, self._crc = encoder.raw_bytes, encoder.events, encoder.crc
        return added

    def seal(self) -> int:
        """Closes the file under its sealed name; returns its size in bytes.

        What was written after the last durable commit is cut off first, which on a full disk
        makes the room for the trailer.
        """
        end = trailer(self._crc, self._raw_bytes)
        if self._fd >= 0:
            self._disk.truncate(self._fd, self.durable_bytes)
            self._disk.write_at(self._fd, end, self.durable_bytes)
            self._disk.write_at(self._fd, header(self._events, self._raw_bytes), 0)
            self._disk.sync(self._fd)
            self.close()
        if not self._renamed:
            self._disk.rename(self._path, self._folder / segment_name(self.batch_id, SEALED))
            self._renamed = True
        self._disk.sync_dir(self._folder)
        return self.durable_bytes + len(end)

    def close(self) -> None:
        """Closes the descriptor; the file stays as it is."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._disk.close(fd)

    def discard(self) -> None:
        """Closes and deletes the file."""
        self.close()
        self._disk.remove(self._path)
