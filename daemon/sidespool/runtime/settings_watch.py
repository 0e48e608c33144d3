"""Watches the Electron settings file and the administrator's policy with watchfiles.

The folder is watched, not the file: electron-store replaces the file by renaming, and the file
may not exist yet. A half-written file is simply read again at the next change. Nor need the
folder exist: then the nearest one that does is watched, until it appears.

Between the first reading and the first watch a change could go by unseen, so every file is read
once more as soon as the watch stands; a callback must therefore be harmless to repeat.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from sidespool.core.settings import from_file
from sidespool.runtime.folder_signal import open_signal
from sidespool.runtime.log import LOGGER
from sidespool.runtime.part_import import import_part

STEP_MS = 15  # how long a burst of changes may gather; the effect must come within 200 ms
_NOTHING_MS = 250  # told to look, and nothing that counts had changed
_STANDING_MS = 1_000  # watchfiles looks by itself; how long before it may be stopped
_POLL_MS = 300  # where the system has no notifications
_READ_BYTES_MAX = 16 * 1024 * 1024  # of a store that holds much beside the settings

Changed = Callable[[], Awaitable[None]]


async def read_settings(path: Path) -> dict[str, Any] | None:
    """The known keys; {} where the file is not there, None where it is not (yet) readable."""
    import aiofiles

    try:
        async with aiofiles.open(path, "rb") as file:
            raw = await file.read(_READ_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError:
        return None
    return from_file(raw)


async def watch(paths: dict[Path, Changed], stop: asyncio.Event) -> None:
    """Calls back for each changed file until `stop`."""
    wanted = {_true_name(path): changed for path, changed in paths.items()}
    while not stop.is_set():
        await _watch_folders(_folders(wanted), wanted, stop)


def _folders(wanted: dict[str, Changed]) -> set[Path]:
    """Where the files lie, or will: of each, the nearest folder that exists."""
    paths = [Path(name).parent for name in wanted]
    return {next(one for one in (path, *path.parents) if one.is_dir()) for path in paths}


async def _watch_folders(
    folders: set[Path], wanted: dict[str, Changed], stop: asyncio.Event
) -> None:
    """Returns at `stop`, and when other folders are to be watched."""
    first = True
    async for names in _changes(folders, stop):
        for name in wanted.keys() if first else names & wanted.keys():
            await _call(wanted[name])
        first = False
        if _folders(wanted) != folders:
            return


async def _call(changed: Changed) -> None:
    """A disk that refuses costs this change, not the watch; the next one tries again."""
    try:
        await changed()
    except OSError as error:
        LOGGER.warning("a changed setting could not be carried out: %s", error.strerror or error)


async def _changes(folders: set[Path], stop: asyncio.Event) -> AsyncIterator[set[str]]:
    """The first item comes when the watch stands, whatever it names; then the changed paths."""
    rust_notify = import_part("watchfiles._rust_notify").RustNotify
    names = [str(one) for one in folders]
    signal = open_signal(folders)  # before the other, so that it misses nothing that one sees
    limit_ms = _STANDING_MS if signal is None else _NOTHING_MS
    try:
        with rust_notify(names, False, False, _POLL_MS, False, True) as notify:
            yield set()
            while not stop.is_set():
                if signal is not None:
                    await signal.wait(stop)
                found = await asyncio.to_thread(notify.watch, STEP_MS * 2, STEP_MS, limit_ms, stop)
                if isinstance(found, set):
                    yield {name for _, name in found}
                elif found != "timeout":
                    return
    finally:
        if signal is not None:
            signal.close()


def _true_name(path: Path) -> str:
    """As the system reports it: on macOS /tmp is /private/tmp."""
    return str(Path(os.path.realpath(path.parent)) / path.name)
