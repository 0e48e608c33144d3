"""A running collector for tests, and batches to send to it."""

import gzip
import json
from typing import Any

import aiohttp

from sidespool.wire.event import format_time, uuid7
from sidespool_collector.server import RunningCollector

NOON_MS = 1_790_000_000_000  # 21 Sep 2026: a fixed moment for events


def event(
    n: int = 0, *, at_ms: int = NOON_MS, kind: str = "ChatTurn", user: str = "user-a",
    session: str = "session-a", payload: dict[str, Any] | None = None, **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """One stored event; `n` makes its id."""
    usual = {"model": "m1", "latency_ms": 1200.5, "token_count": 5}
    return {
        "event_id": uuid7(at_ms, 1, n),
        "event_type": kind,
        "timestamp": format_time(at_ms),
        "session_id": session,
        "user_id": user,
        "app_id": "app",
        "app_version": "1.2.3",
        "os": "linux",
        "seq": n,
        "payload": usual if payload is None else payload,
        **more,
    }


def lines(*events: dict[str, Any]) -> bytes:
    """Events as NDJSON."""
    return b"".join(json.dumps(e).encode() + b"\n" for e in events)


class World:
    """A collector that listens, and the ways a test talks to it."""

    def __init__(
        self, running: RunningCollector, client: aiohttp.ClientSession, tokens: dict[str, str]
    ) -> None:
        self.running = running
        self.url = running.url
        self.store = running.collector.store
        self.client = client
        self.tokens = tokens

    def auth(self, role: str) -> dict[str, str]:
        """The header of a role's token."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    async def send(
        self, body: bytes, *, role: str = "ingest", zipped: bool = False, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Posts a batch: status, JSON, headers. Underscores in names become dashes."""
        sent = {"Content-Type": "application/x-ndjson", **self.auth(role)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if zipped:
            body = gzip.compress(body)
            sent["Content-Encoding"] = "gzip"
        async with self.client.post(f"{self.url}/api/v1/events", data=body, headers=sent) as got:
            return got.status, await got.json(), dict(got.headers)

    async def get(self, path: str, role: str = "read") -> tuple[int, str]:
        """Fetches a path: status and text."""
        async with self.client.get(self.url + path, headers=self.auth(role)) as got:
            return got.status, await got.text()

    async def get_json(self, path: str, role: str = "read") -> Any:
        """Fetches a path that must answer 200."""
        status, text = await self.get(path, role)
        assert status == 200, text
        return json.loads(text)
