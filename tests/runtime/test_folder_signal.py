"""The signal that something in a folder has changed, where the system gives one."""

import asyncio
import sys
from pathlib import Path

from sidespool.runtime.folder_signal import FolderSignal, open_signal


async def opened(folder: Path) -> FolderSignal | None:
    signal = open_signal([folder])
    assert (signal is None) == (sys.platform != "linux")
    return signal


async def test_every_kind_of_change_wakes(tmp_path: Path) -> None:
    signal = await opened(tmp_path)
    if signal is None:
        return
    file, other = tmp_path / "a", tmp_path / "b"
    never = asyncio.Event()
    changes = (file.touch, lambda: file.write_text("x"), lambda: file.rename(other), other.unlink)
    for change in changes:
        change()
        async with asyncio.timeout(30):
            await signal.wait(never)
    signal.close()


async def test_a_change_before_the_wait_is_not_lost(tmp_path: Path) -> None:
    signal = await opened(tmp_path)
    if signal is None:
        return
    (tmp_path / "a").touch()
    for _ in range(5):
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await signal.wait(asyncio.Event())
    signal.close()


async def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    signal = await opened(tmp_path)
    if signal is None:
        return
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(30):
        await signal.wait(stop)
    signal.close()


async def test_a_folder_that_is_not_there_gives_no_signal(tmp_path: Path) -> None:
    assert open_signal([tmp_path / "none"]) is None
