"""Checks this machine: settings, data directory, disk, daemon, keychain."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sidespool.cli.check.finding import Finding, fail, ok, warn
from sidespool.cli.spool_view import list_segments
from sidespool.config import Config, read_config, unknown_names
from sidespool.errors import ConfigError, DaemonUnreachableError, SecretStoreError
from sidespool.runtime.control import DaemonControl
from sidespool.runtime.lock import DirLock
from sidespool.runtime.paths import DataPaths

FREE_BYTES_MIN = 16 * 1024 * 1024  # below it the daemon cannot even seal what it has
_NULL_BACKENDS = ("null", "fail")


def read_settings(environ: Mapping[str, str]) -> tuple[Config, list[Finding]]:
    """The configuration without its bad settings, and a finding for each of those."""
    usable = dict(environ)
    found: list[Finding] = []
    while True:
        try:
            config = read_config(usable)
        except ConfigError as error:
            found.append(fail("settings", error.message, error.hint or f"Correct {error.setting}"))
            if usable.pop(error.setting, None) is None:
                return Config(), found
            continue
        break
    for name, near in unknown_names(environ):
        do = f"Did you mean {near}?" if near else "Remove it"
        found.append(warn("settings", f"{name} is not a setting", do))
    return config, found or [ok("settings", "every TELEMETRY_* name and value is understood")]


def check_data_dir(paths: DataPaths) -> Iterator[Finding]:
    """Existence, owner, mode, writing, and what lies in the spool."""
    root = paths.root
    if not root.exists():
        yield ok("data directory", f"{root} does not exist yet; the first start makes it")
        return
    facts = root.stat()
    if not stat.S_ISDIR(facts.st_mode):
        yield fail("data directory", f"{root} is no directory", "Remove it, or set another one")
        return
    if hasattr(os, "geteuid") and facts.st_uid != os.geteuid():
        yield fail("data directory", f"{root} belongs to another user", f"chown it: {root}")
    elif sys.platform != "win32" and facts.st_mode & 0o077:
        yield warn("data directory", f"{root} is open to others", f"chmod 700 {root}")
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"sidespool")
    except OSError as error:
        says = f"{root} cannot be written: {error.strerror or error}"
        yield fail("data directory", says, "Correct its permissions, or free the disk")
        return
    yield ok("data directory", f"{root} is ours and can be written")
    yield from _spool(paths)


def _spool(paths: DataPaths) -> Iterator[Finding]:
    if not paths.spool.is_dir():
        return
    aside = len(list(paths.spool.glob("*.quarantined")))
    if aside:
        do = f"Read the .reason.json beside each, in {paths.spool}"
        yield warn("spool", f"{aside} batches are in quarantine", do)
    waiting = sum(one.events for one in list_segments(paths))
    yield ok("spool", f"{waiting} events wait to be sent")


def check_disk(paths: DataPaths, spool_bytes_max: int) -> Finding:
    """Free space where the data directory is, or will be."""
    place = next(path for path in (paths.root, *paths.root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = f"{free // (1024 * 1024):,} MiB free"
    if free < FREE_BYTES_MIN:
        return fail("disk", text, "Free some space; events are refused until then")
    if free < spool_bytes_max:
        return warn("disk", text, "The spool may not reach its quota; free some space")
    return ok("disk", text)


def check_daemon(paths: DataPaths) -> Finding:
    """Whether one runs and answers, or has left something behind."""
    try:
        with DaemonControl.connect(paths) as control:
            return ok("daemon", f"runs as pid {control.door.pid} and answers")
    except DaemonUnreachableError as error:
        problem = error.message
    if _lock_is_held(paths.lock_file):
        do = "Look at its log, or end it and start the app again"
        return fail("daemon", f"holds its lock and does not answer: {problem}", do)
    if paths.runtime_file.exists():
        do = "Nothing: the next start takes over"
        return warn("daemon", "was killed; its runtime file is left over", do)
    return ok("daemon", "none runs")


def _lock_is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = DirLock(path)
    try:
        free = lock.take()
    except OSError:
        return False
    lock.release()
    return not free


def check_keychain(config: Config) -> Finding:
    """Which keychain is in use, and whether it matters."""
    from sidespool.runtime.keychain import backend_name

    spare = bool(config.token) or not config.endpoint
    try:
        name = backend_name()
    except SecretStoreError as error:
        name, problem = "", error.message
    else:
        problem = f"the keychain in use ({name}) keeps nothing"
        if not any(word in name.lower() for word in _NULL_BACKENDS):
            return ok("keychain", name)
    if spare:
        return ok("keychain", f"{problem}; it is not needed here")
    return warn("keychain", problem, "Install a keychain, or set TELEMETRY_TOKEN")
