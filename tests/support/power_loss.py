"""A file system in memory that keeps only what was synced, for tests of durability.

It stands in for `Disk`, call by call, and is as unkind as POSIX allows:

- What a file holds and which names a directory has are durable apart from each other: syncing a
  file does not keep its name, syncing a directory does not keep its files' bytes.
- Bytes that were not synced survive a power cut in any mixture of 512-byte sectors: new, old,
  zeros, garbage (a sector that was durable before: new or old); the file's size is any size it
  had since the last sync.
- Each change of a directory that was not synced is kept or lost on its own, in order. A rename
  within a directory is one change (all file systems in use journal it so); one between two
  directories is two.
- After a failed sync the bytes count as written and never will be, unless written again: Linux.

`crash_after(n)` raises `Crash` at the n-th call from now, and at every call after it: nobody
cleans up after a power cut. Then `kill()` (the process died, the machine did not) or
`lose_power(dice)` makes it usable again. `fault` lets calls fail as a real disk does.
"""

import errno
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sidespool.runtime.disk import Disk

SECTOR = 512
FIRST_FD = 1_000


class Crash(BaseException):
    """The process is gone; no `except Exception` may see it."""


class _File:
    """One file's bytes: as programs see them, and as they are on the platter."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.kept = bytearray()
        self.dirty: set[int] = set()
        self.abandoned: set[int] = set()  # a failed sync marked them clean
        self.sizes = {0}

    def write(self, data: bytes, offset: int) -> None:
        if not data:
            return
        if offset > len(self.seen):
            self.seen.extend(bytes(offset - len(self.seen)))
        self.seen[offset : offset + len(data)] = data
        self._touch(offset, offset + len(data))

    def truncate(self, size: int) -> None:
        if size > len(self.seen):
            self.write(bytes(size - len(self.seen)), len(self.seen))
        else:
            del self.seen[size:]
            self._touch(size, size + 1)

    def _touch(self, start: int, end: int) -> None:
        sectors = set(range(start // SECTOR, (end - 1) // SECTOR + 1))
        self.dirty |= sectors
        self.abandoned -= sectors
        self.sizes.add(len(self.seen))

    def sync(self) -> None:
        self.kept = self.kept[: len(self.seen)].ljust(len(self.seen), b"\0")
        for sector in self.dirty:
            span = slice(sector * SECTOR, (sector + 1) * SECTOR)
            self.kept[span] = self.seen[span]
        self.dirty.clear()
        self.sizes = {len(self.seen)}

    settle = sync

    def abandon(self) -> None:
        self.abandoned |= self.dirty
        self.dirty.clear()

    def lose_power(self, dice: random.Random) -> None:
        low, high = min(self.sizes), max(self.sizes)
        size = dice.choice([low, high, dice.randint(low, high), *self.sizes])
        after = bytearray(self.seen[:size].ljust(size, b"\0"))
        mood = dice.choice(["new", "old", "mixed", "mixed"])
        for sector in self.dirty | self.abandoned:
            span = slice(sector * SECTOR, min((sector + 1) * SECTOR, size))
            room = max(span.stop - span.start, 0)
            what = dice.choice(["new", "old", "zero", "garbage"]) if mood == "mixed" else mood
            if what != "new" and span.start < len(self.kept):
                what = "old"  # a sector that was durable is overwritten whole or not at all
            if what == "old":
                after[span] = self.kept[span][:room].ljust(room, b"\0")
            elif what != "new":
                after[span] = bytes(room) if what == "zero" else dice.randbytes(room)
        self.seen, self.kept = after, bytearray(after)
        self.dirty, self.abandoned, self.sizes = set(), set(), {size}


class _Folder:
    """A directory's names: as programs see them, as they are kept, and the changes between."""

    def __init__(self) -> None:
        self.seen: dict[str, _File | _Folder] = {}
        self.kept: dict[str, _File | _Folder] = {}
        self.changes: list[Callable[[dict[str, _File | _Folder]], None]] = []

    def change(self, act: Callable[["dict[str, _File | _Folder]"], None]) -> None:
        act(self.seen)
        self.changes.append(act)

    def sync(self) -> None:
        self.kept = dict(self.seen)
        self.changes.clear()

    def settle(self) -> None:
        self.sync()
        for child in self.seen.values():
            child.settle()

    def lose_power(self, dice: random.Random) -> None:
        share = dice.choice([0.0, 0.5, 0.5, 0.9, 1.0])
        for act in self.changes:
            if dice.random() < share:
                act(self.kept)
        self.seen = dict(self.kept)
        self.changes.clear()
        for child in self.seen.values():
            child.lose_power(dice)


class PowerLossDisk(Disk):
    """See the module's text. `calls` names every call so far."""

    def __init__(self) -> None:
        self.top = _Folder()
        self.calls: list[str] = []
        self.fault: Callable[[str], int] = lambda _: 0  # a call's name → errno, or 0
        self._open: dict[int, _File] = {}
        self._next_fd = FIRST_FD
        self._left: int | None = None

    # -- what a test says --------------------------------------------------------------------

    def crash_after(self, calls: int | None) -> None:
        """`Crash` at the call after so many; None takes it back."""
        self._left = calls

    def kill(self) -> None:
        """The process died: what it wrote is seen, what it held open is closed."""
        self._open.clear()
        self._left = None

    def lose_power(self, dice: random.Random) -> None:
        """The machine died: only what was synced is certain."""
        self.kill()
        self.top.lose_power(dice)

    def settle(self) -> None:
        """All that is there is durable, as if time had passed."""
        self.top.settle()

    def files(self, folder: Path) -> dict[str, bytes]:
        """What a folder holds, as programs see it."""
        return {
            name: bytes(child.seen)
            for name, child in sorted(self._folder(folder).seen.items())
            if isinstance(child, _File)
        }

    def put(self, path: Path, data: bytes) -> None:
        """Places a file, durably, as if it had always been there."""
        file = _File()
        file.write(data, 0)
        file.sync()
        self._folder(path.parent).seen[path.name] = file
        self._folder(path.parent).kept[path.name] = file

    def open_files(self) -> int:
        """Descriptors that nobody closed."""
        return len(self._open)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self._left is not None:
            if self._left <= 0:
                raise Crash(name)
            self._left -= 1
        code = self.fault(name)
        if code:
            raise OSError(code, os.strerror(code))

    def _folder(self, path: Path) -> _Folder:
        found: _File | _Folder = self.top
        for part in path.parts[1:]:
            inside = found.seen if isinstance(found, _Folder) else {}
            if part not in inside:
                raise FileNotFoundError(errno.ENOENT, "no such folder", str(path))
            found = inside[part]
        assert isinstance(found, _Folder)
        return found

    def _file(self, path: Path) -> _File:
        found = self._folder(path.parent).seen.get(path.name)
        if not isinstance(found, _File):
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return found

    # -- Disk ----------------------------------------------------------------------------------

    def make_dirs(self, path: Path) -> None:
        folder = self.top
        for part in path.parts[1:]:
            if part not in folder.seen:
                folder.change(partial(_add, name=part, child=_Folder()))
            child = folder.seen[part]
            assert isinstance(child, _Folder)
            folder = child

    def listdir(self, path: Path) -> list[str]:
        self._call("listdir")
        return sorted(self._folder(path).seen)

    def create(self, path: Path) -> int:
        self._call("create")
        folder, file = self._folder(path.parent), _File()
        if path.name in folder.seen:
            raise FileExistsError(errno.EEXIST, "it exists", str(path))
        folder.change(partial(_add, name=path.name, child=file))
        return self._opened(file)

    def open_for_repair(self, path: Path) -> int:
        self._call("open_for_repair")
        return self._opened(self._file(path))

    def _opened(self, file: _File) -> int:
        self._next_fd += 1
        self._open[self._next_fd] = file
        return self._next_fd

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        try:
            self._call("write_at")
        except (Crash, OSError):
            self._open[fd].write(data[: len(data) * 2 // 3], offset)
            raise
        self._open[fd].write(data, offset)

    def truncate(self, fd: int, size_bytes: int) -> None:
        self._call("truncate")
        self._open[fd].truncate(size_bytes)

    def sync(self, fd: int) -> None:
        try:
            self._call("sync")
        except OSError:
            self._open[fd].abandon()
            raise
        self._open[fd].sync()

    def close(self, fd: int) -> None:
        self._call("close")
        del self._open[fd]

    def sync_dir(self, path: Path) -> None:
        self._call("sync_dir")
        self._folder(path).sync()

    def rename(self, old: Path, new: Path) -> None:
        self._call("rename")
        file = self._file(old)
        source, target = self._folder(old.parent), self._folder(new.parent)
        if source is target:
            source.change(partial(_move, old=old.name, new=new.name, file=file))
        else:
            target.change(partial(_add, name=new.name, child=file))
            source.change(partial(_drop, name=old.name))

    def remove(self, path: Path) -> None:
        self._call("remove")
        folder = self._folder(path.parent)
        if path.name in folder.seen:
            folder.change(partial(_drop, name=path.name))

    def read(self, path: Path) -> bytes | None:
        self._call("read")
        try:
            return bytes(self._file(path).seen)
        except FileNotFoundError:
            return None

    def read_ends(self, path: Path, head_bytes: int, tail_bytes: int) -> tuple[bytes, bytes, int]:
        self._call("read_ends")
        seen = bytes(self._file(path).seen)
        return seen[:head_bytes], seen[max(len(seen) - tail_bytes, 0) :], len(seen)

    def size(self, path: Path) -> int:
        self._call("size")
        return len(self._file(path).seen)


_Names = dict[str, _File | _Folder]


def _add(names: _Names, name: str, child: _File | _Folder) -> None:
    names[name] = child


def _drop(names: _Names, name: str) -> None:
    names.pop(name, None)


def _move(names: _Names, old: str, new: str, file: _File) -> None:
    names.pop(old, None)
    names[new] = file
