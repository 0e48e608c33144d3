"""Runs Python in a session of its own with a real Secret Service (gnome-keyring, private D-Bus).

Debian and Ubuntu: `apt-get install gnome-keyring dbus`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SESSION = """
printf %s "$KEYRING_PASSWORD" | gnome-keyring-daemon $UNLOCK --components=secrets >/dev/null
exec "$PYTHON" -c "$BODY"
"""


def in_secret_service(home: Path, body: str, *, unlocked: bool = True) -> str:
    """What `body` prints; its keychain lives under `home` and outlasts the session."""
    if not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")):
        pytest.skip("not run: gnome-keyring is not installed and could not be")
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", _SESSION],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "KEYRING_PASSWORD": "the session's password",
            "UNLOCK": "--unlock" if unlocked else "--start",
            "PYTHON": sys.executable,
            "BODY": body,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
