"""What every store promises, in one protocol; `tests/collector/test_store_*.py` holds them to it.

- **Accepted means durable**: `append` returns after the commit, so an answer never outruns a disk.
- **Once**: an event_id is counted once, and so is an Idempotency-Key, across retries and restarts.
- **Forgetting is whole**: after `erase` has reported, no table holds the user's id or events, and
  later arrivals of that id are refused.

Times are Unix milliseconds throughout, always the corrected ones.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol

import msgspec

from sidespool_collector.event import Batch, Receipt, Refused


class StoreBusyError(Exception):
    """The store cannot take a write now; `retry_after_s` says when to come again."""

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreError(Exception):
    """The store cannot be used at all: the message says what to do."""


class StoredEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event as exported: the wire's stored form, and after it what the collector knows."""

    event_id: str
    event_type: str
    timestamp: str
    session_id: str
    user_id: str
    app_id: str
    app_version: str
    os: str
    seq: int
    payload: msgspec.Raw
    received_at: str
    corrected_timestamp: str | None = None
    aside: msgspec.Raw | None = None


class EventQuery(msgspec.Struct, frozen=True):
    """Which events: `since` inclusive, `until` exclusive; no types means all."""

    since_ms: int | None = None
    until_ms: int | None = None
    event_types: tuple[str, ...] = ()


class FactQuery(msgspec.Struct, frozen=True):
    """Which facts of one measure; `step_ms` the width of a point, 0 for one over all time."""

    measure: str
    since_ms: int
    until_ms: int
    step_ms: int = 0
    app_version: str = ""
    os: str = ""
    by: str = "key"  # key, app_version, os or version_os


class Fact(msgspec.Struct):
    """How often something happened in one step. `histogram`: log bucket → n, of `values` samples.

    `total` is the sum of the values, `ok` how many succeeded.
    """

    start_ms: int
    key: str
    n: int = 0
    ok: int = 0
    values: int = 0
    total: float = 0.0
    histogram: dict[int, int] = {}


class ErrorGroup(msgspec.Struct, frozen=True):
    """Errors of one type and templated message."""

    group: str
    error_type: str
    template: str
    first_ms: int
    last_ms: int
    n: int
    versions: tuple[str, ...]
    sample_stack: str
    status: str = "open"
    is_regression: bool = False


class InstallCount(msgspec.Struct, frozen=True):
    """Sessions and distinct installs that began in one step, or that share one key."""

    start_ms: int
    sessions: int
    installs: int
    key: str = ""


class Intake(msgspec.Struct, frozen=True):
    """What came in over a period, for the data-health section."""

    batches: int = 0
    events: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    by_reason: dict[str, int] = {}
    skewed_batches: int = 0
    delay_p50_ms: float | None = None
    delay_p95_ms: float | None = None


class Holding(msgspec.Struct, frozen=True):
    """What the store holds now."""

    events: int
    by_type: dict[str, int]
    size_bytes: int
    oldest_ms: int | None
    newest_ms: int | None
    rejected: int
    attachments: int
    attachment_bytes: int
    pending_deletions: int


class Erasure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deletion request. `state` goes `accepted` → `erasing` → `erased`."""

    receipt: str
    state: str
    requested_ms: int
    finished_ms: int | None = None
    events: int = 0
    sessions: int = 0
    rejected: int = 0
    attachments: int = 0


class Attachment(msgspec.Struct, frozen=True):
    """A file that belongs to an event; its bytes lie beside the store under `digest`."""

    event_id: str
    name: str
    content_type: str
    size_bytes: int
    digest: str
    received_ms: int


class Act(msgspec.Struct, frozen=True):
    """One line of the audit log: who did what, never with content."""

    at_ms: int
    who: str
    act: str
    detail: str


class Store(Protocol):
    """See the module's promises. Every method may raise StoreBusyError."""

    name: str

    async def open(self) -> None:
        """Connects and migrates; raises StoreError where the schema is newer than this program."""

    async def close(self) -> None:
        """Finishes what was accepted, then lets go."""

    async def append(self, batch: Batch) -> Receipt:
        """Keeps a batch, returning after the commit."""

    async def seen(self, key: str) -> bool:
        """Whether a batch with this Idempotency-Key is already kept."""

    def export(self, query: EventQuery) -> AsyncIterator[list[StoredEvent]]:
        """Events in order of corrected time, in chunks; memory does not grow with the result."""

    async def refresh(self, budget_s: float) -> bool:
        """Brings what charts read up to date for about `budget_s`; whether all of it is.

        `facts`, `installs`, `error_groups`, `holding` and `versions_and_systems` are as of the
        last refresh.
        """

    async def facts(self, query: FactQuery) -> list[Fact]:
        """Facts of one measure of `chart.measure`, merged over what `by` does not name."""

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """Sessions and installs by step, or over the whole range by `by`."""

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """The most frequent error groups of a range."""

    async def set_error_status(self, group: str, status: str, now_ms: int) -> bool:
        """Marks a group `open`, `resolved` or `ignored`; whether it exists."""

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """What came in over a period."""

    async def holding(self) -> Holding:
        """What is held now."""

    async def rejected(self, limit: int) -> list[tuple[int, Refused]]:
        """The latest refused lines with the time they came."""

    async def versions_and_systems(self) -> tuple[list[str], list[str]]:
        """What the filters offer: app versions and systems, most used first."""

    async def request_erasure(self, user_ids: list[str], receipt: str, now_ms: int) -> None:
        """Writes the tombstones: from the return on, arrivals of these ids are refused."""

    async def erase_pending(self, now_ms: int, unlink: Callable[[str], None]) -> int:
        """Works off all requests, files included; how many were finished."""

    async def erasure(self, receipt: str) -> Erasure | None:
        """The state of a request, or None for a receipt never given."""

    async def scan(self, user_id: str) -> int:
        """How many rows of any table still hold this id or its events: 0 proves the erasure."""

    async def purge(
        self, cutoffs: dict[str, int], default_ms: int, *, dry_run: bool
    ) -> dict[str, int]:
        """Removes events older than their type's cutoff; how many, by type."""

    async def release_files(self, unlink: Callable[[str], None]) -> int:
        """Calls `unlink` for each digest no event needs any more; how many there were."""

    async def release_file(self, digest: str, unlink: Callable[[str], None]) -> None:
        """Calls `unlink` for this digest if no event needs it."""

    async def attach(
        self, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
    ) -> str:
        """Links a file to a stored event: `added`, `known`, `no_event`, `too_many` or `gone`.

        `exists` is asked for the digest at the moment of linking, when no file can be released.
        """

    async def attachments(self, event_id: str) -> list[Attachment]:
        """Files of one event."""

    async def note(self, acts: Iterable[Act]) -> None:
        """Adds to the audit log."""

    async def audit(self, limit: int) -> list[Act]:
        """The latest acts, newest first."""

    async def memo(self, key: str) -> bytes | None:
        """A value kept beside the data, or None."""

    async def set_memo(self, key: str, value: bytes) -> None:
        """Keeps a value; `tombstone_key` holds from the next `open` on."""

    async def dump(self, part: str, after: tuple[Any, ...] | None, limit: int) -> list[Any]:
        """Rows of a part of `store.part`, in order of its keys, from after those keys."""

    async def load(self, part: str, rows: list[tuple[Any, ...]]) -> None:
        """Adds rows of a part, or replaces those with the same keys."""

    def sql(self, measure: str) -> str:
        """The query behind a chart, over the raw tables, for people who check figures."""
