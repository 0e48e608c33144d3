"""Attachments from the door to the collector: taken in at `full`, cleaned, kept, sent."""

import asyncio
from collections.abc import Callable
from typing import Any

from sidespool.app.machine import scrub_context
from sidespool.app.outbound import Outbound
from sidespool.app.storage import Storage
from sidespool.core.attachment import (
    Attachment,
    Waiting,
    as_text,
    digest_of,
    problem_of,
)
from sidespool.core.overflow import Overflow
from sidespool.core.policy import ATTACHMENT_BYTES_MAX
from sidespool.core.scrub import Scrubber
from sidespool.runtime.attachment_sender import AttachmentSender, Spawn
from sidespool.runtime.attachment_store import AttachmentStore
from sidespool.runtime.ids import now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.operations import Reply, error
from sidespool.wire import frame as wire
from sidespool.wire.level import Level


class Attachments:
    """`level()` is what may be admitted at this instant."""

    def __init__(self, storage: Storage, outbound: Outbound, level: Callable[[], Level]) -> None:
        self.store = AttachmentStore(storage.disk, storage.paths)
        self._storage = storage
        self._outbound = outbound
        self._level = level
        self._scrubber = Scrubber(scrub_context())  # works in threads, one call at a time
        self._cleaning = asyncio.Lock()
        self.sender = AttachmentSender(
            self.store,
            storage.spooler.call,
            outbound.token,
            outbound.collector_client,
            self._event_is_out,
        )

    async def run(self, spawn: Spawn) -> None:
        """Sends until cancelled."""
        await self.sender.run(spawn)

    async def on_unlocked(self) -> None:
        """There is a key: what waits can be read."""
        if self._storage.disk.vault.is_open:
            await self._storage.spooler.call_and_forget(self.store.load)
            self.sender.wake()

    def set_gate(self, level: Level) -> None:
        """Opens or closes with the level."""
        may = level is Level.FULL and self._outbound.may_send(level)
        self.sender.set_gate(may and "http" in self._outbound.config.exporter)

    async def close_gate(self) -> None:
        """Returns when nothing is on the wire any more."""
        self.sender.set_gate(False)
        await self.sender.abort()

    def _event_is_out(self, one: Waiting) -> bool:
        """Whether no segment is left that could hold its event; 404 teaches the rest."""
        segments = tuple(self._storage.store.book.segments.values())
        waiting = (s for s in segments if s.created_ms <= one.about.created_ms)
        return not any(True for _ in waiting)

    # -- taking in -----------------------------------------------------------------------------

    async def attach(self, frame: wire.Attach) -> Reply:
        """The answer to an attach frame; an ack says that the file is on stable storage."""
        refusal = self._refused(frame)
        if refusal is not None:
            return refusal
        async with self._cleaning:
            name, data = await asyncio.to_thread(self._clean, frame.name, bytes(frame.data))
        if self._level() is not Level.FULL:  # lowered while it was being cleaned
            return error(frame.id, "level_too_low", "attachments need level full")
        about = self._about(frame.event_id.lower(), name, frame.content_type, data)
        try:
            await self._storage.spooler.call(lambda: self.store.save(about, data))
        except OSError as problem:
            detail = f"the disk refused: {problem.strerror or problem}"
            return error(frame.id, "spool_full", detail)
        self.sender.wake()
        told = {"event_id": about.event_id, "name": name, "size_bytes": len(data)}
        return {"op": "ack", "id": frame.id, **told, "digest": about.digest}

    def _refused(self, frame: wire.Attach) -> Reply | None:
        level = self._level()
        if level is Level.OFF:
            return error(frame.id, "consent_off", "telemetry is off")
        if level is not Level.FULL:
            return error(frame.id, "level_too_low", "attachments need level full")
        size = len(frame.data)
        problem = problem_of(
            frame.event_id, frame.name, frame.content_type, size, ATTACHMENT_BYTES_MAX
        )
        if not problem:
            return None
        reason = "too_large" if size > ATTACHMENT_BYTES_MAX else "invalid_value"
        return error(frame.id, reason, problem)

    def _clean(self, name: str, data: bytes) -> tuple[str, bytes]:
        """Credentials go from whatever reads as text, and whatever names a person from the name."""
        text = as_text(data)
        if text is not None:
            clean = self._scrubber.secrets(text)
            if clean != text:
                data = clean.encode("utf-8", "surrogatepass")
        return self._scrubber.text(name)[:100], data

    def _about(self, event_id: str, name: str, kind: str, data: bytes) -> Attachment:
        return Attachment(event_id, name, kind, len(data), digest_of(data), now_ms())

    def spill(self, overflow: list[Overflow]) -> None:
        """Keeps what did not fit its field; runs in the writer's thread, before the commit."""
        for one in overflow:
            data = one.text.encode("utf-8", "surrogatepass")[:ATTACHMENT_BYTES_MAX]
            about = self._about(one.event_id, one.name, "text/plain", data)
            try:
                self.store.save(about, data)
            except OSError as problem:
                LOGGER.warning("a long field could not be kept whole: %s", problem)

    def describe(self) -> dict[str, Any]:
        """For `status`; sizes in bytes."""
        waiting = tuple(self.store.waiting.values())
        return {
            "waiting": len(waiting),
            "size_bytes": sum(one.about.size_bytes for one in waiting),
            "delivered": self.sender.delivered,
            "dropped": dict(self.store.dropped),
            "problem": next((one.problem for one in waiting if one.problem), ""),
        }
