"""The one door to the file system: plain calls that sync what must survive a power cut.

Tests replace this class with a file system that forgets what was not synced, so nothing else in
the daemon opens, renames or deletes a file that matters.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path

if sys.platform == "darwin":
    import fcntl

    def _sync(fd: int) -> None:
        """macOS's fsync leaves data in the drive's cache; F_FULLFSYNC does not."""
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(fd)
elif hasattr(os, "fdatasync"):
    _sync = os.fdatasync
else:
    _sync = os.fsync

# What file systems answer that cannot sync a directory (some network and user-space ones).
_NO_DIR_SYNC = (errno.EINVAL, errno.ENOTSUP)

_BINARY = getattr(os, "O_BINARY", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY | getattr(os, "O_CLOEXEC", 0)


class Disk:
    """Thin calls on real files; each raises OSError as the system gives it."""

    def make_dirs(self, path: Path) -> None:
        """The directory and its parents, readable by the owner only."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def listdir(self, path: Path) -> list[str]:
        """Names in a directory, sorted."""
        return sorted(os.listdir(path))

    def create(self, path: Path) -> int:
        """A new file of mode 0600, open for reading and writing; its name is not yet durable."""
        return os.open(path, _CREATE, 0o600)

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        """All of `data` at `offset`."""
        view = memoryview(data)
        while view:
            if hasattr(os, "pwrite"):
                done = os.pwrite(fd, view, offset)
            else:
                os.lseek(fd, offset, os.SEEK_SET)
                done = os.write(fd, view)
            view, offset = view[done:], offset + done

    def truncate(self, fd: int, size_bytes: int) -> None:
        """Cuts the file to a size."""
        os.ftruncate(fd, size_bytes)

    def sync(self, fd: int) -> None:
        """Returns when the file's bytes are on stable storage."""
        _sync(fd)

    def close(self, fd: int) -> None:
        """Closes a descriptor."""
        os.close(fd)

    def open_for_repair(self, path: Path) -> int:
        """An existing file, open for reading and writing."""
        return os.open(path, os.O_RDWR | _BINARY)

    def sync_dir(self, path: Path) -> None:
        """Returns when the directory's names are on stable storage (POSIX; NTFS journals them)."""
        if sys.platform == "win32":
            return
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in _NO_DIR_SYNC:
                raise
        finally:
            os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Atomically, replacing `new`."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Deletes a file; one that is gone already is fine."""
        path.unlink(missing_ok=True)

    def read(self, path: Path) -> bytes | None:
        """The file's bytes, or None where there is no such file."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def read_ends(self, path: Path, head_bytes: int, tail_bytes: int) -> tuple[bytes, bytes, int]:
        """The first and the last bytes of a file, and its size in bytes."""
        fd = os.open(path, os.O_RDONLY | _BINARY)
        try:
            head = os.read(fd, head_bytes)
            size = os.lseek(fd, 0, os.SEEK_END)
            os.lseek(fd, max(size - tail_bytes, 0), os.SEEK_SET)
            return head, os.read(fd, tail_bytes), size
        finally:
            os.close(fd)

    def size(self, path: Path) -> int:
        """Size in bytes."""
        return path.stat().st_size

    def write_atomic(self, path: Path, data: bytes) -> None:
        """The whole file or nothing: temporary file, sync, rename, sync of the directory."""
        temporary = path.with_name(f"{path.name}.tmp")
        self.remove(temporary)
        fd = self.create(temporary)
        try:
            try:
                self.write_at(fd, data, 0)
                self.sync(fd)
            finally:
                self.close(fd)
            self.rename(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):  # half a file on a full disk helps nobody
                self.remove(temporary)
            raise
        self.sync_dir(path.parent)
