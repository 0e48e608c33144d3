"""axe-core (https://github.com/dequelabs/axe-core) finds nothing on any page of the dashboard."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from support.believable import Month
from support.collector_world import lines

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "desktop-bridge" / "node_modules"
SCRIPT = ROOT / "tests" / "support" / "axe_page.mjs"


def needed() -> tuple[str, str]:
    """Node and Chromium, or the end of the test, named as not run."""
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if node is None:
        pytest.skip("not run: there is no node")
    if chromium is None:
        pytest.skip("not run: there is no chromium (Debian package chromium)")
    if not (MODULES / "axe-core").is_dir() or not (MODULES / "playwright-core").is_dir():
        pytest.skip("not run: no axe-core (cd desktop-bridge && npm ci)")
    return node, chromium


async def test_the_dashboard_is_clean_full_and_empty_light_and_dark(start_world: Any) -> None:
    node, chromium = needed()
    world = await start_world(open_dashboard=True)
    empty = await look(node, chromium, world.url + "/", world.url + "/login")
    sent = [
        event
        for session in Month(int(time.time() * 1000), days=6, installs=8).sessions()
        for event in session
    ]
    _, answer, _ = await world.send(lines(*sent), zipped=True)
    assert answer["rejected"] == []
    await world.send(lines({"event_type": "Unheard"}))
    urls = ("/", "/?version=2.4.0&os=macos", "/?k=50", "/sql")
    full = await look(node, chromium, *(world.url + path for path in urls))
    pages = [*empty, *full]
    assert len(pages) == 12
    assert [page["violations"] for page in pages] == [[]] * 12
    assert [page["outside"] + page["errors"] for page in pages] == [[]] * 12
    assert all(page["passes"] > 10 for page in pages)


async def look(node: str, chromium: str, *urls: str) -> list[dict[str, Any]]:
    child = await asyncio.create_subprocess_exec(
        node, str(SCRIPT), str(MODULES), chromium, *urls,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(child.communicate(), 100)
    assert child.returncode == 0, errors.decode()[-3000:]
    found: list[dict[str, Any]] = json.loads(output)
    return found
