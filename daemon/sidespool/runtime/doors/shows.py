"""What a user may see of their own data: what waits, and what was sent, to the byte."""

import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sidespool.core.record import read_lines
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.spool_store import SpoolStore
from sidespool.wire.event import format_time

T = TypeVar("T")


class Shows:
    """Reads in the writer's thread (`call`), so that nothing changes under the reader."""

    def __init__(self, store: SpoolStore, call: Callable[[Callable[[], T]], Awaitable[T]]) -> None:
        self._store = store
        self._call: Callable[[Callable[[], Any]], Awaitable[Any]] = call

    async def pending(self) -> list[bytes]:
        """Every event that waits, as the JSON lines that would be sent, oldest segment first."""
        lines: list[bytes] = await self._call(lambda: pending_lines(self._store))
        return lines

    async def history(self) -> list[dict[str, Any]]:
        """What was sent: time, batch id, bytes; newest first."""
        paths = self._store.paths
        found: list[dict[str, Any]] = await self._call(lambda: history_batches(paths))
        return found

    async def history_lines(self, batch_id: str) -> list[bytes] | None:
        """The events of one batch that was sent; None where it is not in the history."""
        paths = self._store.paths
        lines: list[bytes] | None = await self._call(lambda: history_lines(paths, batch_id))
        return lines


def pending_lines(store: SpoolStore) -> list[bytes]:
    """The lines of every segment in the book."""
    return [line for batch_id in sorted(store.book.segments) for line in store.lines_of(batch_id)]


def history_batches(paths: DataPaths) -> list[dict[str, Any]]:
    """The history's files; their names carry time and batch id."""
    out = []
    for path in sorted(paths.history.glob("*.jsonl.gz"), reverse=True):
        stamp, _, batch_id = path.name.removesuffix(".jsonl.gz").partition("-")
        if stamp.isdigit():
            out.append(
                {
                    "batch_id": batch_id,
                    "sent_at": format_time(int(stamp)),
                    "size_bytes": path.stat().st_size,
                }
            )
    return out


def history_lines(paths: DataPaths, batch_id: str) -> list[bytes] | None:
    """The lines of one sent batch."""
    for path in paths.history.glob("*.jsonl.gz"):
        if path.name.endswith(f"-{batch_id}.jsonl.gz"):
            raw = path.read_bytes()
            try:
                gzip.decompress(raw)
            except (OSError, EOFError, zlib.error):
                return None
            return read_lines(raw)
    return None
