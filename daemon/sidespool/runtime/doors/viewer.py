"""Gathers what the viewer's page shows: the newest events that wait or were sent, bounded."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sidespool.runtime.doors.shows import Shows
from sidespool.runtime.ids import now_ms
from sidespool.wire.catalog import Catalog
from sidespool.wire.event import format_time

if TYPE_CHECKING:  # the page brings half a megabyte of HTML's names along: only who asks pays
    from sidespool.core.viewer import SentBatch


class Viewer:
    """Makes the page anew for each visit."""

    def __init__(
        self, describe: Callable[[], dict[str, Any]], shows: Shows, catalog: Catalog
    ) -> None:
        self._describe = describe
        self._shows = shows
        self._catalog = catalog

    async def page(self) -> bytes:
        """The whole document."""
        from sidespool.core.viewer import EVENTS_MAX, Page, render

        status = self._describe()
        pending = await self._pending()
        sent, left_out = await self._sent(EVENTS_MAX - len(pending))
        total = int(status["spool"]["events"])
        page = Page(
            app_id=status["app_id"],
            at=format_time(now_ms()),
            level=status["level"],
            because=status["because"],
            layers=status["layers"],
            endpoint=status["endpoint"],
            pending=pending,
            pending_total=total,
            sent=sent,
            left_out=left_out + max(total - len(pending), 0),
        )
        return render(page, self._catalog)

    async def _pending(self) -> list[bytes]:
        """Newest first, half of the page at most."""
        from sidespool.core.viewer import EVENTS_MAX

        lines: list[bytes] = []
        for batch_id in reversed(self._shows.segments()):
            lines.extend(reversed(await self._shows.pending(batch_id)))
            if len(lines) >= EVENTS_MAX // 2:
                break
        return lines[: EVENTS_MAX // 2]

    async def _sent(self, room: int) -> tuple[list["SentBatch"], int]:
        from sidespool.core.viewer import SentBatch

        out: list[SentBatch] = []
        left_out = 0
        for batch in await self._shows.history():
            lines = await self._shows.history_lines(batch["batch_id"]) or []
            kept = lines[: max(room, 0)]
            room -= len(kept)
            left_out += len(lines) - len(kept)
            out.append(SentBatch(batch["batch_id"], batch["sent_at"], batch["size_bytes"], kept))
        return out, left_out
