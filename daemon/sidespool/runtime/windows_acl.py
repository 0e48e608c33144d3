"""Windows: takes every right to a directory from everybody but its owner and the system."""

import subprocess
import sys
from pathlib import Path


def restrict_to_owner(path: Path) -> None:
    """Resets the ACL with icacls: no inheritance, full control for the current user and SYSTEM."""
    if sys.platform != "win32":
        return
    user = subprocess.run(
        ["whoami", "/user", "/fo", "csv", "/nh"], capture_output=True, text=True, check=True
    ).stdout
    sid = user.strip().rsplit(",", 1)[-1].strip('"')
    subprocess.run(
        ["icacls", str(path), "/inheritance:r", "/grant:r",
         f"*{sid}:(OI)(CI)F", "/grant:r", "*S-1-5-18:(OI)(CI)F"],
        capture_output=True,
        check=True,
        creationflags=subprocess.CREATE_NO_WINDOW,
    )  # fmt: skip
