"""Watches the Electron settings file and the administrator's policy with watchfiles.

The folder is watched, not the file: electron-store replaces the file by renaming, and the file
may not exist yet. A half-written file is simply read again at the next change.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sidespool.core.settings import from_file

STEP_MS = 50  # how long a burst of changes may gather; the effect must come within 200 ms


async def read_settings(path: Path) -> dict[str, Any] | None:
    """The known keys; {} where the file is not there, None where it is not (yet) readable."""
    import aiofiles

    try:
        async with aiofiles.open(path, "rb") as file:
            raw = await file.read(1_048_576)
    except FileNotFoundError:
        return {}
    except OSError:
        return None
    return from_file(raw)


async def watch(paths: dict[Path, Callable[[], Awaitable[None]]], stop: asyncio.Event) -> None:
    """Calls back for each changed file until `stop`; folders that do not exist are left out."""
    from watchfiles import awatch

    wanted = {str(path): changed for path, changed in paths.items()}
    folders = {path.parent for path in paths if path.parent.is_dir()}
    if not folders:
        return
    async for changes in awatch(
        *folders,
        step=STEP_MS,
        debounce=STEP_MS * 2,
        rust_timeout=60_000,
        stop_event=stop,
        recursive=False,
        watch_filter=lambda _, name: name in wanted,
    ):
        for name in {name for _, name in changes}:
            await wanted[name]()
