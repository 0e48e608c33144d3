"""What a user may see of their own data: what waits, and what was sent, to the byte."""

import gzip
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sidespool.core.record import read_lines
from sidespool.runtime.history import ATTACHED_SUFFIX, SUFFIX, parse_history_name
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.spool_store import SpoolStore
from sidespool.wire.event import format_time


class Shows:
    """Reads in the writer's thread (`call`), so that nothing changes under the reader."""

    def __init__(
        self, store: SpoolStore, call: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> None:
        self._store = store
        self._call = call

    def segments(self) -> list[str]:
        """Batch ids of what waits, oldest first."""
        return sorted(self._store.book.segments)

    async def pending(self, batch_id: str) -> list[bytes]:
        """The events of one segment, as the JSON lines that would be sent."""
        lines: list[bytes] = await self._call(lambda: self._store.lines_of(batch_id))
        return lines

    async def history(self) -> list[dict[str, Any]]:
        """What was sent: time, batch id, bytes; newest first."""
        paths = self._store.paths
        found: list[dict[str, Any]] = await self._call(lambda: history_batches(paths))
        return found

    async def history_attachments(self) -> list[dict[str, Any]]:
        """Attachments that were sent: time, event, bytes; newest first."""
        paths = self._store.paths
        found: list[dict[str, Any]] = await self._call(lambda: sent_attachments(paths))
        return found

    async def history_lines(self, batch_id: str) -> list[bytes] | None:
        """The events of one batch that was sent; None where it is not in the history."""
        paths, read = self._store.paths, self._store.disk.read
        lines: list[bytes] | None = await self._call(lambda: history_lines(paths, batch_id, read))
        return lines


def history_batches(paths: DataPaths) -> list[dict[str, Any]]:
    """The history's files; their names carry time and batch id."""
    out = []
    for path in sorted(paths.history.glob(f"*{SUFFIX}"), reverse=True):
        parsed = parse_history_name(path.name)
        if parsed is not None:
            sent_ms, batch_id = parsed
            size = path.stat().st_size
            out.append({"batch_id": batch_id, "sent_at": format_time(sent_ms), "size_bytes": size})
    return out


def history_lines(
    paths: DataPaths, batch_id: str, read: Callable[[Path], bytes | None] = Path.read_bytes
) -> list[bytes] | None:
    """The lines of one sent batch; `read` decrypts where that is needed."""
    for path in paths.history.glob(f"*{SUFFIX}"):
        parsed = parse_history_name(path.name)
        if parsed is not None and parsed[1] == batch_id:
            raw = read(path) or b""
            try:
                gzip.decompress(raw)
            except (OSError, EOFError, zlib.error):
                return None
            return read_lines(raw)
    return None


def sent_attachments(paths: DataPaths) -> list[dict[str, Any]]:
    """The attachments in the history; their names carry time and event id."""
    out = []
    for path in sorted(paths.history.glob(f"*{ATTACHED_SUFFIX}"), reverse=True):
        stamp, _, rest = path.name.partition("-")
        if stamp.isascii() and stamp.isdigit():
            sent_at, size = format_time(int(stamp)), path.stat().st_size
            out.append({"event_id": rest[:36], "sent_at": sent_at, "size_bytes": size})
    return out
