"""From a stored row back to an event, the same in every store that keeps payloads as arrays."""

from collections.abc import Iterable
from typing import Any

import msgspec

from sidespool.wire.event import format_time
from sidespool_collector.event import id_text
from sidespool_collector.store.contract import StoredEvent

StoredRow = tuple[
    int, bytes, str, str, str, str, str, int, int, str, str | None, int | None
]  # at, id, session_id, user_id, app_id, app_version, os, seq, skew, payload, aside, received_at


def plain(text: str) -> str:
    """Text as every database can keep it: without the NUL character."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def payload_of(fields: Iterable[str], values: str) -> dict[str, Any]:
    """A stored payload as an object again; what was left out stays out."""
    pairs = zip(fields, msgspec.json.decode(values), strict=True)
    return {name: value for name, value in pairs if value is not None}


def stored_event(name: str, fields: tuple[str, ...], row: StoredRow) -> StoredEvent:
    """One row with its type's name and fields as it is exported."""
    at, raw_id, session, user, app, version, os, seq, skew, payload, aside, received = row
    return StoredEvent(
        id_text(raw_id),
        name,
        format_time(at + skew),
        session,
        user,
        app,
        version,
        os,
        seq,
        msgspec.Raw(msgspec.json.encode(payload_of(fields, payload))),
        format_time(received if received is not None else at),
        format_time(at) if skew else None,
        msgspec.Raw(aside.encode()) if aside else None,
    )
