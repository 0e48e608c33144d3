"""The simulated app's three processes, each by the door that the real one uses.

The main process is a subprocess that holds the daemon's pipe, the renderer a WebSocket of a page,
the backend the public Python client. All of them report to the ledger.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from sidespool.client import Telemetry
from sidespool.demo.ledger import Ledger
from sidespool.wire.frame import SUBPROTOCOL, TOKEN_SUBPROTOCOL

Event = dict[str, Any]
_PATIENCE_S = 20.0


class MainProcess:
    """The app's main process, seen from the demo."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._process: asyncio.subprocess.Process | None = None
        self._open = 0
        self.ready: dict[str, Any] = {}
        self.exit_code: int | None = None

    async def start(
        self, env: Mapping[str, str], flags: list[str], token: str, session: str
    ) -> None:
        """Returns when the daemon is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sidespool.demo.app_process", *flags,
            env=dict(env), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=2**22,
        )  # fmt: skip
        await self._tell({"do": "start", "token": token, "session_id": session})
        self.ready = (await self._hear())["ready"]

    async def emit(self, events: list[Event]) -> None:
        """Sends events and waits until the daemon has answered for them."""
        self._ledger.emitted += len(events)
        await self._tell({"do": "emit", "events": events})
        said = await self._hear()
        self._ledger.on_answer(said["acknowledged"], said["rejected"])

    async def quit(self) -> int:
        """The app is closed by its user; the daemon's exit code."""
        await self._tell({"do": "quit"})
        code = int((await self._hear())["ended"])
        await self._wait()
        return code

    async def kill(self) -> None:
        """SIGKILL: none of its code runs any more."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._wait()

    async def _wait(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def _tell(self, order: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def _hear(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            line = await self._process.stdout.readline()
        said: dict[str, Any] = json.loads(line)
        return said


class Renderer:
    """A page of the app, on the daemon's WebSocket."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._next_id = 1
        self.level = ""

    async def open(self, ready: Mapping[str, Any], session: str) -> None:
        """Connects as a page of `file://` does: the token is a subprotocol."""
        self._http = aiohttp.ClientSession(trust_env=False)
        self._socket = await self._http.ws_connect(
            f"{ready['url']}/v1/socket",
            protocols=(SUBPROTOCOL, TOKEN_SUBPROTOCOL + ready["token"]),
            origin="file://",
        )
        hello = {"op": "hello", "client": "renderer", "session_id": session}
        await self._socket.send_json(hello)
        self.level = (await self._reply("welcome"))["level"]

    async def emit(self, events: list[Event]) -> None:
        """Sends events and waits until the daemon has answered for them."""
        self._ledger.emitted += len(events)
        names = [event["event_id"] for event in events]
        said = await self.ask("emit", events=events)
        refused = {one["index"]: one["reason"] for one in said["rejected"]}
        kept = [name for index, name in enumerate(names) if index not in refused]
        self._ledger.on_answer(kept, refused.values())

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """The reply to an operation."""
        assert self._socket is not None
        frame_id, self._next_id = self._next_id, self._next_id + 1
        await self._socket.send_json({"op": op, "id": frame_id, **fields})
        return await self._reply(None, frame_id)

    async def settings(self, level: str) -> None:
        """Waits until the daemon has told this level."""
        while self.level != level:
            self.level = (await self._reply("settings"))["level"]

    async def _reply(self, op: str | None, frame_id: int | None = None) -> dict[str, Any]:
        assert self._socket is not None
        while True:
            said: dict[str, Any] = await self._socket.receive_json(timeout=45)
            if said["op"] == "settings":
                self.level = said["level"]
            if (op is None or said["op"] == op) and said.get("id") == frame_id:
                return said

    async def close(self) -> None:
        """The page is gone."""
        if self._socket is not None:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._socket.close()
        if self._http is not None:
            await self._http.close()


class Backend:
    """The app's Python backend, with the public client; it outlives a crash of the app."""

    def __init__(self, ledger: Ledger, data_dir: Path, session: str) -> None:
        self._ledger = ledger
        self._sent: list[str] = []
        self.telemetry = Telemetry(
            data_dir=data_dir, session_id=session, client="python", before_send=self._note
        )

    def _note(self, event: dict[str, Any]) -> dict[str, Any]:
        self._sent.append(event["event_id"])
        return event

    def emit(self, event: Event) -> None:
        """Queues one event; the client gives it its id."""
        self._ledger.emitted += 1
        self.telemetry.emit(event["event_type"], event["payload"], timestamp=event["timestamp"])

    async def flush(self) -> None:
        """Waits for the daemon's answer to all of it, and writes it down."""
        done = await asyncio.to_thread(self.telemetry.flush, _PATIENCE_S)
        stats = self.telemetry.stats
        self._ledger.resent = stats.resent
        if done and not stats.rejected and not stats.dropped:
            self._ledger.acknowledged.update(self._sent)

    async def close(self) -> None:
        """The backend ends."""
        await asyncio.to_thread(self.telemetry.shutdown, 5)
