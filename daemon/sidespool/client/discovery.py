"""Finds the running daemon: which data directory is its, and what its runtime file says.

`<data_dir>/runtime.json` is written by the daemon when it is ready and removed when it exits:
`{"op":"ready","protocol":1,"version","pid","url","socket":path|null,"token"}`. It holds the key to
the daemon's doors, so it is believed only if it belongs to this user and nobody else may read it,
and the key is only ever carried to this machine's own loopback address.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from sidespool.errors import DaemonUnreachableError
from sidespool.wire.frame import PROTOCOL

RUNTIME_FILE = "runtime.json"
DIRECTORY_NAME = "sidespool"
DEFAULT_APP_ID = "app"
_RUNTIME_BYTES_MAX = 64 * 1024
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Door(msgspec.Struct, frozen=True):
    """How to reach one running daemon; `socket` is the path of its Unix socket, if it has one."""

    url: str
    token: str
    socket: str | None = None
    protocol: int = PROTOCOL
    pid: int = 0

    @property
    def host(self) -> str:
        """The url's host, without brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The url's port."""
        return urlsplit(self.url).port or 0


def default_app_id(environ: Mapping[str, str] = os.environ) -> str:
    """The host application's id as the daemon reads it: `TELEMETRY_APP_ID`, else `app`."""
    return environ.get("TELEMETRY_APP_ID") or DEFAULT_APP_ID


def default_data_dir(app_id: str) -> Path:
    """The data directory of an application that names none: the OS's place for its data."""
    import platformdirs  # 2 ms that a named directory need not pay

    return Path(platformdirs.user_data_dir(app_id, appauthor=False)) / DIRECTORY_NAME


def find_data_dir(
    data_dir: str | os.PathLike[str] | None,
    app_id: str | None,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """The argument, else `TELEMETRY_DATA_DIR`, else the default place for the application."""
    named = data_dir or environ.get("TELEMETRY_DATA_DIR")
    if named:
        return Path(named).expanduser()
    return default_data_dir(app_id or default_app_id(environ))


def read_door(data_dir: Path) -> Door:
    """What the runtime file says; raises DaemonUnreachableError where none can be believed."""
    path = data_dir / RUNTIME_FILE
    try:
        raw = _read_private(path)
    except FileNotFoundError:
        raise DaemonUnreachableError("no daemon is running", hint=f"{path} is absent") from None
    except (OSError, ValueError) as error:
        raise DaemonUnreachableError(f"{path} cannot be read: {error}") from error
    try:
        door = msgspec.json.decode(raw, type=Door)
        reachable = door.host in _LOOPBACK and door.port > 0 and door.token.isascii()
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise DaemonUnreachableError(f"{path} is not a runtime file") from error
    if not reachable or door.protocol != PROTOCOL:
        raise DaemonUnreachableError(f"{path} names no daemon this client can speak with")
    return door


def _read_private(path: Path) -> bytes:
    """The file's bytes; refuses a link, another user's file, and one that others may read."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise PermissionError("not a regular file")
        if hasattr(os, "geteuid"):
            if facts.st_uid != os.geteuid():
                raise PermissionError("it belongs to another user")
            if facts.st_mode & 0o077:
                raise PermissionError("others may read it (its mode must be 0600)")
        return os.read(fd, _RUNTIME_BYTES_MAX)
    finally:
        os.close(fd)
