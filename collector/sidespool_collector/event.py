"""The values that travel from ingest to a store: rows, refused lines, batches, receipts.

A row is a plain tuple, because half a million of them a second pass through Python:
`(id, type, at, skew, source, seq, payload, aside)`, see `Row`.
"""

from typing import Final

import msgspec

Source = tuple[str, str, str, str, str]
"""`(session_id, user_id, app_id, app_version, os)`: what all events of a session share."""

Row = tuple[bytes, str, int, int, Source, int, msgspec.Struct, str | None]
"""`id` 16 bytes; `type` the event_type; `at` corrected time, Unix ms; `skew` client's clock minus
ours, ms, so that the client's own timestamp is `at + skew`; `seq`; `payload` the checked struct,
which each store writes in its own way; `aside` JSON of the fields that a newer catalog knows and
ours does not, or None."""

REASON_ERASED = "erased"
"""Why an event of a user who asked for erasure is refused; beside the wire's own reasons."""

REASON_FOREIGN = "foreign"
"""Why a log record of OpenTelemetry is refused that is no event of the catalog."""

ROW_ID: Final = 0
ROW_TYPE: Final = 1
ROW_AT: Final = 2
ROW_SOURCE: Final = 4
ROW_PAYLOAD: Final = 6


class Refused(msgspec.Struct, frozen=True):
    """A line that was not taken: who sent it and why; its content only where asked for."""

    event_id: str | None
    reason: str
    detail: str
    event_type: str = ""
    user_id: str = ""
    size_bytes: int = 0
    content: str | None = None


class Batch(msgspec.Struct, frozen=True):
    """One request's events, checked. `key` is the Idempotency-Key, `token` the sender's name.

    `is_moved`: they come from another store, where they were already counted as coming in.
    """

    key: str | None
    received_ms: int
    token: str
    rows: list[Row]
    refused: list[Refused]
    skew_ms: int | None = None
    is_moved: bool = False


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch's rows. `erased`: ids refused because their user asked for erasure."""

    accepted: int
    duplicates: int
    erased: list[str] = []


def id_text(raw: bytes) -> str:
    """16 bytes as a UUID's text."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def id_bytes(text: str) -> bytes | None:
    """A UUID's text as 16 bytes, or None for anything else."""
    if len(text) != 36 or text[8:24:5] != "----":
        return None
    try:
        raw = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return raw if len(raw) == 16 else None
