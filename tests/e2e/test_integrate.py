"""What docs/integrate.md shows, run as written: every door, a real collector, the user's switch."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidespool.client import Telemetry
from sidespool_collector.auth.tokens import Role, TokenFile
from sidespool_collector.server import RunningCollector, start
from sidespool_collector.settings import Settings
from support.daemon import clean_environment

ROOT = Path(__file__).resolve().parents[2]
MAIN_JS = ROOT / "docs" / "examples" / "main.js"

SCRIPT = """
const { startSidespool } = require(%(main)s);
(async () => {
  const telemetry = startSidespool(%(options)s);
  const ready = await telemetry.whenReady;
  const ack = await telemetry.emit("ChatTurn", {
    prompt_length: 120, response_length: 900, model: "m1", latency_ms: 850,
  });
  console.log(JSON.stringify({ ready, ack }));
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    if (line === "off") console.log(JSON.stringify(await telemetry.setEnabled(false)));
    if (line === "flush") console.log(JSON.stringify(await telemetry.flush()));
    if (line === "quit") { await telemetry.quit(); process.exit(0); }
  }
})();
"""


class App:
    """A Node process that uses the example as an Electron main process would."""

    def __init__(self, tmp_path: Path, options: dict[str, Any]) -> None:
        node = shutil.which("node")
        assert node, "Node 20+ is a prerequisite of the repository"
        script = SCRIPT % {"main": json.dumps(str(MAIN_JS)), "options": json.dumps(options)}
        self._process = subprocess.Popen(
            [node, "-e", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment({"TELEMETRY_DATA_DIR": str(tmp_path / "data")}),
            text=True,
        )

    def say(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def quit(self) -> int:
        self.say("quit")
        return self._process.wait(30)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[RunningCollector]:
    settings = Settings(store=f"sqlite:///{tmp_path}/collector.db", listen="127.0.0.1:0")
    running = await start(settings)
    yield running
    await running.close()


@pytest.fixture
def tokens(collector: RunningCollector) -> dict[str, str]:
    file = TokenFile(collector.collector.settings.tokens_path)
    return {role: file.create(f"test-{role}", Role(role), 1) for role in ("ingest", "read")}


async def exported(collector: RunningCollector, token: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{collector.url}/api/v1/export?format=jsonl"
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
        assert answer.status == 200
        return [json.loads(line) for line in (await answer.text()).splitlines()]


def start_app(tmp_path: Path, collector: RunningCollector, token: str) -> App:
    return App(
        tmp_path,
        {
            "command": sys.executable,
            "args": ["-m", "sidespool"],
            "settings": {},
            "appId": "my-app",
            "appVersion": "1.2.3",
            "endpoint": collector.url,
            "token": token,
        },
    )


async def in_thread(function: Any, *args: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(function, *args)


async def test_the_page_the_main_process_and_the_backend_reach_the_collector(
    tmp_path: Path, collector: RunningCollector, tokens: dict[str, str]
) -> None:
    app = start_app(tmp_path, collector, tokens["ingest"])
    try:
        first = await in_thread(app.hear)
        assert first["ack"]["accepted"] == 1
        await page_emits(first["ready"]["url"], first["ready"]["token"])
        backend = Telemetry("my-app", data_dir=tmp_path / "data")
        backend.emit("ToolCall", {"tool_name": "search", "duration_ms": 12, "success": True})
        assert await in_thread(backend.flush, 10)
        await in_thread(backend.shutdown)
        app.say("flush")
        flushed = await in_thread(app.hear)
        assert flushed["pending"] == 0, flushed
        assert await in_thread(app.quit) == 0
    finally:
        app.kill()
    events = await exported(collector, tokens["read"])
    assert sorted(event["event_type"] for event in events) == ["ChatTurn", "ToolCall", "ToolCall"]
    assert {event["app_version"] for event in events} == {"1.2.3"}


async def page_emits(url: str, token: str) -> None:
    """As a page of file:// would: the WebSocket of the example, with a browser's Origin."""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(
            url.replace("http", "ws") + "/v1/socket",
            protocols=("sidespool.v1", f"token.{token}"),
            origin="file://",
        ) as socket,
    ):
        await socket.send_json({"op": "hello", "client": "renderer"})
        welcome = await socket.receive_json()
        assert welcome["op"] == "welcome"
        event = {"event_type": "ToolCall", "payload": {"tool_name": "grep", "success": True}}
        await socket.send_json({"op": "emit", "id": 1, "events": [event]})
        assert (await socket.receive_json())["accepted"] == 1


async def test_quitting_right_after_emit_still_delivers(
    tmp_path: Path, collector: RunningCollector, tokens: dict[str, str]
) -> None:
    app = start_app(tmp_path, collector, tokens["ingest"])
    try:
        await in_thread(app.hear)
        assert await in_thread(app.quit) == 0
    finally:
        app.kill()
    events = await exported(collector, tokens["read"])
    assert [event["event_type"] for event in events] == ["ChatTurn"]


async def test_switching_off_deletes_what_was_not_sent_and_sends_nothing_more(
    tmp_path: Path, collector: RunningCollector, tokens: dict[str, str]
) -> None:
    app = start_app(tmp_path, collector, tokens["ingest"])
    try:
        await in_thread(app.hear)
        app.say("off")
        answer = await in_thread(app.hear)
        assert answer["level"] == "off"
        app.say("flush")
        flushed = await in_thread(app.hear)
        assert flushed["uploaded"] == 0
        assert await in_thread(app.quit) == 0
    finally:
        app.kill()
    assert await exported(collector, tokens["read"]) == []
    assert list((tmp_path / "data" / "spool").iterdir()) == []
