"""What the uploader asks of the spool, the exporters, the clock and the tally, and what it tells.

Protocols, so that the spool need not know the uploader, nor an exporter the spool.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from sidespool.core.upload_state import Word
from sidespool.wire.level import Level
from sidespool.wire.outcome import DropReason
from sidespool.wire.upload import Classification, UploadAnswer


class SealedBatch(msgspec.Struct, frozen=True):
    """A sealed segment, ready to be sent as it lies."""

    batch_id: str
    level: Level
    path: Path
    size_bytes: int
    events: int
    opener: Callable[[Path], BinaryIO] | None = None

    def open(self) -> BinaryIO:
        """The bytes to send, from their beginning; those of encrypted files are decrypted."""
        return self.path.open("rb") if self.opener is None else self.opener(self.path)


class BatchSource(Protocol):
    """The spool, as the uploader sees it."""

    def sealed(self) -> list[SealedBatch]:
        """All sealed batches, oldest first, from memory."""
        ...

    async def acknowledged(self, batch_id: str, answer: UploadAnswer) -> None:
        """The collector has the batch: to the history, or away; durable on return."""
        ...

    async def quarantine(self, batch_id: str, reason: str, detail: str) -> None:
        """The collector will never take the batch."""
        ...

    async def inspect(self, batch_id: str) -> bool:
        """Whether the batch is whole on disk; a damaged one is replaced by what is whole of it."""
        ...

    async def halve(self, batch_id: str) -> None:
        """Two sealed batches replace this one, safe against a crash in the middle."""
        ...

    async def seal_now(self) -> int:
        """Seals the active segments; how many there were."""
        ...


class Exporter(Protocol):
    """A way to hand a batch to somebody."""

    async def send(self, batch: SealedBatch) -> Classification:
        """Tries once. FileNotFoundError where the batch is gone, OSError where it is unreadable."""
        ...

    def abort(self) -> None:
        """Takes what is being sent off the wire at once; `send` is then cancelled."""
        ...

    async def aclose(self) -> None:
        """Closes connections and files; `send` may be called again and opens them anew."""
        ...


class TokenReader(Protocol):
    """Where a newer token may come from."""

    @property
    def may_change(self) -> bool:
        """Whether another look may find another token."""
        ...

    async def reread(self) -> bool:
        """Looks again; whether the token is another now."""
        ...


class UploadTally(Protocol):
    """Counts fates; `sidespool.core.tally.Tally` is one."""

    def on_delivered(self, events: int) -> None:
        """The collector confirmed events (new or known to it)."""
        ...

    def on_dropped(self, reason: DropReason, events: int) -> None:
        """Events are lost, for this reason."""
        ...


class Clock(Protocol):
    """The two clocks."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...

    def unix_ms(self) -> int:
        """Milliseconds since 1970, as right as the machine knows."""
        ...


class FlushResult(msgspec.Struct, frozen=True):
    """What a flush did; `sealed`, `uploaded` and `pending` count batches."""

    sealed: int
    uploaded: int
    pending: int
    error: str | None = None
    uploaded_events: int = 0
    pending_events: int = 0


class UploadStatus(msgspec.Struct, frozen=True):
    """The upload's row in `status`; times are RFC 3339."""

    state: Word
    since: str
    pending: int
    pending_events: int
    uploaded: int
    uploaded_events: int
    last_success: str | None
    last_error: str | None
    last_error_at: str | None
    next_attempt_at: str | None
    in_flight: str | None
    rejected: dict[str, int]
