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
_ALREADY_RUNNING_WAIT_S = 5.0


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

    def close(self) -> None:
        """Removes what was announced and releases the lock, in this order."""
        self.paths.runtime_file.unlink(missing_ok=True)
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
        probe = paths.root / ".probe"
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
        return lock if lock.take() else None
    except OSError as error:
        raise DataDirError(
            f"the lock {paths.lock_file} cannot be opened: {error.strerror or error}",
            hint="Remove what stands in its place, or choose another TELEMETRY_DATA_DIR",
        ) from error


def first_ready_line(paths: DataPaths) -> dict[str, Any] | None:
    """What the daemon that holds the lock announced; waits a moment for one that is starting."""
    limit = time.monotonic() + _ALREADY_RUNNING_WAIT_S
    while time.monotonic() < limit:
        try:
            known: dict[str, Any] = json.loads(paths.runtime_file.read_bytes())
            return {**known, "already_running": True}
        except (OSError, ValueError):
            time.sleep(0.02)
    return None


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
    sys.stdout.write(content + "\n")
    sys.stdout.flush()
