"""Says when to look: wakes the loop at any change in a folder, by Linux's inotify.

watchfiles knows what has changed, but waits for it by looking every few milliseconds, day and
night. So the system's own notification, which costs nothing until it comes, tells when to ask it.
Elsewhere `open_signal` gives None, and watchfiles looks by itself.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# inotify(7): written, attributes, closed, moved from and to, made, deleted, and the folder itself.
_MASK = 0x002 | 0x004 | 0x008 | 0x040 | 0x080 | 0x100 | 0x200 | 0x400 | 0x800
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class FolderSignal:
    """One inotify descriptor over several folders; `close` when done."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 65_536)
        self._woken.set()

    async def wait(self, stop: asyncio.Event) -> None:
        """Returns after a change, also one since the last wait; or at `stop`."""
        async with asyncio.TaskGroup() as group:
            either = [group.create_task(one.wait()) for one in (self._woken, stop)]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for task in either:
                task.cancel()
        self._woken.clear()

    def close(self) -> None:
        """Watches no longer."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


def open_signal(folders: Iterable[Path]) -> FolderSignal | None:
    """A signal over these folders; None where the system has none to give."""
    if sys.platform != "linux":
        return None
    import ctypes

    system = ctypes.CDLL(None, use_errno=True)
    fd = int(system.inotify_init1(_NONBLOCK_CLOEXEC))
    if fd < 0:  # too many in use
        return None
    for folder in folders:
        if system.inotify_add_watch(fd, os.fsencode(folder), _MASK) < 0:
            os.close(fd)
            return None
    return FolderSignal(fd)
