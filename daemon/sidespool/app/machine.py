"""What this machine says of itself: its system, and the names that must never leave it."""

import getpass
import socket
import sys
from pathlib import Path

from sidespool.core.scrub import ScrubContext


def os_family() -> str:
    """`windows`, `macos`, `linux` or `other`."""
    known = {"win32": "windows", "darwin": "macos", "linux": "linux"}
    return known.get(sys.platform, "other")


def scrub_context() -> ScrubContext:
    """The names of this machine and user, which must never leave it."""
    try:
        username = getpass.getuser()
    except (OSError, KeyError):
        username = ""
    return ScrubContext(
        username=username,
        full_name=_full_name(username),
        hostname=socket.gethostname(),
        home=str(Path.home()),
    )


def _full_name(username: str) -> str:
    if sys.platform == "win32" or not username:
        return ""
    import pwd

    try:
        return pwd.getpwnam(username).pw_gecos.split(",")[0]
    except KeyError:
        return ""
