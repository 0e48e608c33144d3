"""Keeps the installation's ids and secret key: `install.json`, readable by its owner only.

The id sent with events is the custom one, or a keyed hash of the machine's id, or random. Every
id ever used stays in the history, so that a deletion request covers them all. The key never
leaves the machine.
"""

import base64
import contextlib
import re
import secrets
import sys
from pathlib import Path

import msgspec

from sidespool.core.minimise import keyed_hash
from sidespool.runtime.disk import Disk
from sidespool.runtime.ids import new_uuid
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DAMAGED_SUFFIX

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class Install(msgspec.Struct, forbid_unknown_fields=True):
    """What is written to `install.json`; `key` is base64 of 32 bytes."""

    install_id: str
    key: str
    history: list[str] = []

    @property
    def key_bytes(self) -> bytes:
        """The secret key."""
        return base64.b64decode(self.key)


def load_install(disk: Disk, path: Path) -> tuple[Install, bool]:
    """The installation's ids and whether they had to be made anew; a damaged file is set aside."""
    raw = disk.read(path)
    known = decode_install(raw) if raw is not None else None
    if known is not None:
        return known, False
    if raw is not None:
        LOGGER.warning("%s was damaged and set aside: there is a new id", path.name)
        with contextlib.suppress(OSError):
            disk.rename(path, path.with_name(path.name + DAMAGED_SUFFIX))
    made = fresh_install()
    made.history = _UUID.findall((raw or b"").decode("ascii", "replace"))  # for a deletion request
    save_install(disk, path, made)
    return made, True


def decode_install(raw: bytes) -> Install | None:
    """The ids, or None for bytes that are none."""
    try:
        known = msgspec.json.decode(raw, type=Install)
        return known if len(known.key_bytes) == 32 and known.install_id else None
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def fresh_install() -> Install:
    """A new random id and key, with no past."""
    return Install(new_uuid(), base64.b64encode(secrets.token_bytes(32)).decode())


def save_install(disk: Disk, path: Path, install: Install) -> None:
    """Writes the file durably."""
    disk.write_atomic(path, msgspec.json.format(msgspec.json.encode(install), indent=1))


def user_id(install: Install, identity: str, custom: str) -> str:
    """The id that goes with events."""
    if custom:
        return custom
    if identity == "machine":
        machine = machine_id()
        if machine:
            return "m-" + keyed_hash(install.key_bytes, "machine", machine)
    return install.install_id


def machine_id() -> str:
    """The operating system's id of this machine, or "" where there is none to be had."""
    if sys.platform == "linux":
        for place in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
            try:
                return Path(place).read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError):
                continue
        return ""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography"
            ) as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            return ""
    return _platform_uuid()


def _platform_uuid() -> str:
    """macOS: IOPlatformUUID."""
    import re
    import subprocess

    try:
        listing = subprocess.run(
            ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r'"IOPlatformUUID" = "([^"]+)"', listing)
    return found.group(1) if found else ""
