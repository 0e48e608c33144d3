"""The watcher of settings files: what it survives, and that it misses nothing."""

import asyncio
import os
from pathlib import Path

from sidespool.runtime.settings_watch import read_settings, watch


async def test_what_cannot_be_read_is_told_apart_from_what_is_not_there(tmp_path: Path) -> None:
    assert await read_settings(tmp_path / "none.json") == {}
    (tmp_path / "file").write_text("{}")
    assert await read_settings(tmp_path / "file" / "below.json") == {}
    assert await read_settings(tmp_path) is None
    (tmp_path / "half.json").write_text('{"telemetryEnab')
    assert await read_settings(tmp_path / "half.json") is None
    (tmp_path / "whole.json").write_text('{"telemetryEnabled":false,"x":1}')
    assert await read_settings(tmp_path / "whole.json") == {"enabled": False}


class Calls:
    """Counts the calls of a watched file, and fails the first ones where asked."""

    def __init__(self, failing: int = 0) -> None:
        self.count = 0
        self.failing = failing

    async def __call__(self) -> None:
        self.count += 1
        if self.count <= self.failing:
            raise OSError(28, "No space left on device")

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.count < count:
                await asyncio.sleep(0.005)


async def test_every_file_is_read_once_more_when_the_watch_stands(tmp_path: Path) -> None:
    one, two, stop = Calls(), Calls(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch({tmp_path / "a.json": one, tmp_path / "b.json": two}, stop))
        await one.reach(1)
        await two.reach(1)
        (tmp_path / "a.json").write_text("{}")
        await one.reach(2)
        stop.set()
    assert two.count == 1


async def test_a_change_that_cannot_be_carried_out_does_not_end_the_watch(tmp_path: Path) -> None:
    calls, stop = Calls(failing=2), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch({tmp_path / "a.json": calls}, stop))
        await calls.reach(1)
        (tmp_path / "a.json").write_text("{}")
        await calls.reach(2)
        (tmp_path / "a.json").write_text('{"x":1}')
        await calls.reach(3)
        stop.set()


async def test_a_file_behind_a_linked_folder_is_seen(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    calls, stop = Calls(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch({tmp_path / "link" / "a.json": calls}, stop))
        await calls.reach(1)
        (tmp_path / "link" / "a.json").write_text("{}")
        await calls.reach(2)
        stop.set()


async def test_a_folder_that_goes_and_comes_back_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    calls, stop = Calls(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch({folder / "a.json": calls}, stop))
        await calls.reach(1)
        (folder / "a.json").write_text("{}")
        await calls.reach(2)
        os.unlink(folder / "a.json")
        folder.rmdir()
        await calls.reach(3)
        folder.mkdir()
        (folder / "a.json").write_text('{"telemetryEnabled":false}')
        seen = calls.count
        await calls.reach(seen + 1)
        (folder / "a.json").write_text("{}")
        seen = calls.count
        await calls.reach(seen + 1)
        stop.set()
