"""Forwards accepted events as OTLP logs to one receiver, through a small spool on disk.

A batch is spooled after its commit and before its answer, and taken off when the receiver has
taken it. So a receiver that is away loses nothing until the spool is full, then the oldest goes;
a crash between commit and spool skips that batch. The receiver may see an event twice (a daemon
sent a batch again, an answer was lost): `event.id` tells. Users who asked for erasure are taken
out of what still waits; what was sent is the receiver's to erase.
"""

import asyncio
import gzip
import logging
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec

from sidespool.wire.event import format_time
from sidespool.wire.foreign.otlp import encode_logs
from sidespool_collector import VERSION
from sidespool_collector.event import Batch, Receipt, Row, id_text
from sidespool_collector.store.contract import StoredEvent

ANSWER_S = 30.0
IDLE_S = 1.0
ROW_USER = 1  # within a row's source
RETRY_S = (5.0, 30.0, 120.0, 300.0)
SPOOL_MAX_BYTES = 256 * 1024 * 1024
REFUSED = (400, 404, 405, 413, 415, 422)  # sending the same again would not help
log = logging.getLogger("sidespool_collector")
Count = Callable[[str, int], None]


class Forwarder:
    """One receiver. `count` hears of `sent`, `refused` and `dropped` events."""

    def __init__(
        self, url: str, token: str, spool: Path, count: Count, max_bytes: int = SPOOL_MAX_BYTES
    ) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._spool = spool
        self._count = count
        self._max_bytes = max_bytes
        self._erased: set[str] = set()
        self._failures = 0
        self._number = 0
        self._lock = asyncio.Lock()

    async def put(self, batch: Batch, receipt: Receipt) -> None:
        """Spools what a batch brought; a spool that cannot be written loses it, with a word."""
        gone = set(receipt.erased)
        rows = [row for row in batch.rows if id_text(row[0]) not in gone]
        lines = _lines(rows, batch.received_ms, self._erased)
        if not lines:
            return
        self._number += 1
        name = f"{time.time_ns():020d}-{self._number:06d}.ndjson.gz"
        try:
            await asyncio.to_thread(self._write, name, gzip.compress(b"".join(lines), 1))
        except OSError as error:
            self._count("dropped", len(lines))
            log.warning("forwarding: the spool cannot be written: %s", error.strerror)

    def _write(self, name: str, raw: bytes) -> None:
        self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._spool / f".{name}"
        beside.write_bytes(raw)
        beside.replace(self._spool / name)

    async def erase(self, user_ids: list[str]) -> None:
        """Takes these users out of what waits, and out of what is spooled from now on."""
        self._erased.update(user_ids)
        async with self._lock:
            for path in await asyncio.to_thread(self._waiting):
                await asyncio.to_thread(_without, path, self._erased)

    async def work(self) -> float:
        """Sends what waits, oldest first; seconds until the next turn."""
        async with self._lock:
            for path in await asyncio.to_thread(self._waiting):
                if not await self._send(path):
                    pause = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
                    self._failures += 1
                    await asyncio.to_thread(self._shrink)
                    return pause
        self._failures = 0
        return IDLE_S

    def _waiting(self) -> list[Path]:
        return sorted(self._spool.glob("[0-9]*.ndjson.gz")) if self._spool.is_dir() else []

    async def _send(self, path: Path) -> bool:
        """Whether the file is done with."""
        lines = await asyncio.to_thread(_read, path)
        mapped = encode_logs(lines, VERSION)
        body = await asyncio.to_thread(gzip.compress, mapped.body, 5)
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as client,
                client.post(
                    self._url, data=body, headers=self._headers, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("forwarding: the receiver does not answer: %s", type(error).__name__)
            return False
        if not 200 <= status < 300 and status not in REFUSED:
            log.warning("forwarding: the receiver answered %d", status)
            return False
        self._count("sent" if status < 300 else "refused", mapped.events)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return True

    def _shrink(self) -> None:
        """Drops the oldest where more waits than may."""
        found = [(path, path.stat().st_size) for path in self._waiting()]
        total = sum(size for _, size in found)
        for path, size in found:
            if total <= self._max_bytes:
                return
            self._count("dropped", _read(path).count(b"\n"))
            path.unlink(missing_ok=True)
            total -= size


def _lines(rows: list[Row], received_ms: int, erased: set[str]) -> list[bytes]:
    """Rows as lines of stored events, with the clients' own times."""
    received = format_time(received_ms)
    lines = []
    for raw, kind, at, skew, source, seq, payload, _ in rows:
        if source[ROW_USER] in erased:
            continue
        event = StoredEvent(
            id_text(raw), kind, format_time(at + skew), *source, seq,
            msgspec.Raw(msgspec.json.encode(payload)), received,
        )  # fmt: skip
        lines.append(msgspec.json.encode(event) + b"\n")
    return lines


def _read(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError):
        return b""


def _without(path: Path, erased: set[str]) -> None:
    lines = _read(path).splitlines(keepends=True)
    kept = [line for line in lines if msgspec.json.decode(line)["user_id"] not in erased]
    if len(kept) == len(lines):
        return
    if not kept:
        path.unlink(missing_ok=True)
        return
    beside = path.with_name(f".{path.name}")
    beside.write_bytes(gzip.compress(b"".join(kept), 1))
    beside.replace(path)
