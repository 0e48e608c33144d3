# ruff: noqa: S608  (names of our own tables; texts are quoted)
"""Links files to events; the bytes lie beside the store under their digest.

In one collector, linking and removing take turns. Across collectors that share the directory
there is no lock: a link looks once more whether the file is there after it was written, and takes
itself back (`gone`) where it is not, so the sender sends the file again.
"""

import asyncio
from collections.abc import Callable

from sidespool_collector.event import id_bytes
from sidespool_collector.store.clickhouse.append import known_ids
from sidespool_collector.store.clickhouse.forget import delete
from sidespool_collector.store.clickhouse.link import PATIENT_S, Link
from sidespool_collector.store.clickhouse.schema import add, new_version
from sidespool_collector.store.clickhouse.text import listed, raw
from sidespool_collector.store.contract import Attachment
from sidespool_collector.store.stored import plain

ID_LITERALS = 2000


class Files:
    """Links and their removal."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._alone = asyncio.Lock()

    async def attach(
        self, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
    ) -> str:
        """`added`, `known` (the same file again), `no_event`, `too_many`, or `gone`."""
        event = id_bytes(attachment.event_id)
        async with self._alone:
            if event is None or not await known_ids(self._link, {event}):
                return "no_event"
            others = {a.name: a.digest for a in await self.of_event(attachment.event_id)}
            name = plain(attachment.name)
            if others.get(name) == attachment.digest:
                return "known"
            if name in others or len(others) >= max_files:
                return "too_many"
            if not await asyncio.to_thread(exists, attachment.digest):
                return "gone"
            a = attachment
            row = (event, name, a.content_type, a.size_bytes, a.digest, a.received_ms)
            await add(self._link, "loose_file", [(a.digest, 1, new_version())])
            await add(self._link, "attachment", [(*row, 0, new_version())])
            if not await asyncio.to_thread(exists, attachment.digest):
                await add(self._link, "attachment", [(*row, 1, new_version())])
                return "gone"
            return "added"

    async def of_event(self, event_id: str) -> list[Attachment]:
        """Files of one event by name."""
        event = id_bytes(event_id)
        if event is None:
            return []
        rows = await self._link.rows(
            "SELECT name, content_type, size, digest, received_at FROM attachment FINAL "
            f"WHERE event_id = {raw(event)} AND NOT gone ORDER BY name"
        )
        return [Attachment(event_id, *row) for row in rows]

    async def detach(self, events: str) -> int:
        """Unlinks the files of events that go, given as a query for their ids; how many."""
        async with self._alone:
            found = await self._link.rows(
                "SELECT hex(event_id), digest FROM attachment FINAL "
                f"WHERE NOT gone AND event_id IN ({events})",
                patience_s=PATIENT_S,
            )
            digests = sorted({digest for _, digest in found})
            ids = sorted({bytes.fromhex(event) for event, _ in found})
            await add(self._link, "loose_file", [(d, 0, new_version()) for d in digests])
            for start in range(0, len(ids), ID_LITERALS):
                listed_ids = ", ".join(raw(each) for each in ids[start : start + ID_LITERALS])
                await delete(self._link, "attachment", f"event_id IN ({listed_ids})")
            return len(found)

    async def release(self, unlink: Callable[[str], None]) -> int:
        """Removes the files nobody links any more; how many there were."""
        async with self._alone:
            loose = [
                digest
                for (digest,) in await self._link.rows(
                    "SELECT digest FROM loose_file FINAL WHERE NOT gone"
                )
            ]
            linked = await self._linked(loose)
            for digest in loose:
                if digest not in linked:
                    await asyncio.to_thread(unlink, digest)
            await add(self._link, "loose_file", [(d, 1, new_version()) for d in loose])
            return len(loose) - len(linked)

    async def release_one(self, digest: str, unlink: Callable[[str], None]) -> None:
        """Removes a file that was not linked after all, unless another event has it."""
        async with self._alone:
            if not await self._linked([digest]):
                await asyncio.to_thread(unlink, digest)

    async def _linked(self, digests: list[str]) -> set[str]:
        if not digests:
            return set()
        found = await self._link.rows(
            "SELECT DISTINCT digest FROM attachment FINAL "
            f"WHERE NOT gone AND digest IN ({listed(digests)})"
        )
        return {digest for (digest,) in found}
