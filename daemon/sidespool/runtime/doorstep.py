"""The first milliseconds: directories, lock, listening sockets, runtime file, ready line.

All of it with the plain socket module, before asyncio or aiohttp is loaded: clients that connect
at once wait in the listen queue for a moment.
"""

import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from sidespool import __version__
from sidespool.errors import DataDirError, PortTakenError
from sidespool.runtime.lock import DirLock
from sidespool.runtime.paths import DataPaths

PROTOCOL = 1
BACKLOG = 128
# A daemon that is ending holds its lock for its grace (10 s unless set) and a second more.
_PLACE_WAIT_S = 15.0


class Doorstep:
    """What is open when the ready line goes out."""

    def __init__(self, paths: DataPaths, lock: DirLock, tcp: socket.socket) -> None:
        self.paths = paths
        self.lock = lock
        self.tcp = tcp
        self.unix: socket.socket | None = None
        self.socket_path: str | None = None
        self.token = ""

    @property
    def port(self) -> int:
        """The TCP port in use."""
        port: int = self.tcp.getsockname()[1]
        return port

    def ready(self) -> dict[str, Any]:
        """The ready line's content."""
        return {
            "op": "ready",
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": os.getpid(),
            "url": f"http://127.0.0.1:{self.port}",
            "socket": self.socket_path,
            "token": self.token,
        }

    def withdraw(self) -> None:
        """Nobody is to find a daemon that is ending; safe to call twice."""
        with contextlib.suppress(OSError):
            self.paths.runtime_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes what was announced and releases the lock, in this order."""
        self.withdraw()
        if self.socket_path is not None and self.unix is not None:
            place = Path(self.socket_path)
            place.unlink(missing_ok=True)
            if place.parent != self.paths.run:  # made for this start alone
                with contextlib.suppress(OSError):
                    place.parent.rmdir()
        self.lock.release()


def make_private_dirs(paths: DataPaths) -> None:
    """The data directory's folders, owner only; DataDirError says what is in the way."""
    try:
        for path in paths.directories():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            paths.root.chmod(0o700)
        else:
            from sidespool.runtime.windows_acl import restrict_to_owner

            restrict_to_owner(paths.root)
        probe = paths.root / f".probe-{os.getpid()}"  # two may start at once
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise DataDirError(
            f"the data directory {paths.root} cannot be used: {error.strerror or error}",
            hint="Set TELEMETRY_DATA_DIR to a directory that you own and may write",
        ) from error


def take_place(paths: DataPaths) -> DirLock | None:
    """The lock, or None where a daemon runs already."""
    lock = DirLock(paths.lock_file)
    try:
        if not lock.take():
            return None
        # Left by one that was killed: a second start must not take it for ours.
        paths.runtime_file.unlink(missing_ok=True)
        return lock
    except OSError as error:
        lock.release()
        raise DataDirError(
            f"the lock {paths.lock_file} cannot be opened: {error.strerror or error}",
            hint="Remove what stands in its place, or choose another TELEMETRY_DATA_DIR",
        ) from error


def take_place_or_find(paths: DataPaths) -> DirLock | dict[str, Any] | None:
    """The lock, or the ready line of the daemon that holds it; None where that one stays silent.

    Waits for one that is starting or ending.
    """
    limit = time.monotonic() + _PLACE_WAIT_S
    while True:
        lock = take_place(paths)
        if lock is not None:
            return lock
        known = _announced(paths)
        if known is not None:
            return {**known, "already_running": True}
        if time.monotonic() > limit:
            return None
        time.sleep(0.02)


def _announced(paths: DataPaths) -> dict[str, Any] | None:
    """The runtime file's content; None where there is none, or its process is dead."""
    try:
        known: dict[str, Any] = json.loads(paths.runtime_file.read_bytes())
        if sys.platform != "win32":
            os.kill(int(known["pid"]), 0)  # no signal, only the check (not so on Windows)
    except PermissionError:
        return known  # it lives, as another user
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known


def open_doors(paths: DataPaths, lock: DirLock, port: int, token: str) -> Doorstep:
    """Listening sockets on 127.0.0.1 and, where the system has them, a Unix socket."""
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind(("127.0.0.1", port))
        tcp.listen(BACKLOG)
    except OSError as error:
        tcp.close()
        raise PortTakenError(
            f"port {port} on 127.0.0.1 cannot be used: {error.strerror or error}",
            hint="Leave out --port to let the system choose a free one",
        ) from error
    doorstep = Doorstep(paths, lock, tcp)
    doorstep.token = token
    if hasattr(socket, "AF_UNIX") and sys.platform != "win32":
        _open_unix(doorstep)
    elif sys.platform == "win32":
        doorstep.socket_path = rf"\\.\pipe\sidespool-{os.getpid()}"
    return doorstep


def _open_unix(doorstep: Doorstep) -> None:
    """The socket lies in the data directory, or, where its path is too long, in a private /tmp."""
    folder = doorstep.paths.run
    if len(os.fsencode(doorstep.paths.socket)) > 100:  # sun_path holds 104 bytes on macOS
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="sidespool-"))
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    path = folder / doorstep.paths.socket.name
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unix.bind(str(path))
    except OSError:
        unix.close()  # a file system without sockets: TCP is there
        return
    path.chmod(0o600)
    unix.listen(BACKLOG)
    doorstep.unix, doorstep.socket_path = unix, str(path)


def announce(doorstep: Doorstep) -> None:
    """Writes the runtime file and the ready line."""
    content = json.dumps(doorstep.ready(), separators=(",", ":"))
    temporary = doorstep.paths.runtime_file.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(content + "\n")
    temporary.replace(doorstep.paths.runtime_file)
    say(content)


def say(line: str) -> None:
    """One line on standard output, past Python's buffer: a closed pipe must not fail the exit."""
    with contextlib.suppress(OSError):  # the parent is gone, or never listened
        os.write(1, line.encode() + b"\n")
