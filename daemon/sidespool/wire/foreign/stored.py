"""Reads stored events for a mapping into another form, and accounts for those it could not read."""

from typing import Any

import msgspec

from sidespool.wire.upload import Classification, Delivered, RejectedEvent, UploadAnswer

UNREADABLE = "unreadable"


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as `wire.event` describes it; only what identifies it must be there."""

    event_id: str
    event_type: str
    timestamp: str = ""
    session_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    app_version: str | None = None
    os: str | None = None
    seq: int | None = None
    payload: Any = None


class Mapped(msgspec.Struct, frozen=True):
    """A request's body, not yet compressed, and how many events it holds."""

    body: bytes
    events: int


_EVENT = msgspec.json.Decoder(StoredEvent)


def read_events(lines: bytes) -> list[StoredEvent]:
    """The events of NDJSON, in their order; a line that is none is left out, whatever it holds."""
    try:
        return _EVENT.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = (_read_event(line) for line in lines.split(b"\n"))
        return [event for event in found if event is not None]


def _read_event(line: bytes) -> StoredEvent | None:
    try:
        return _EVENT.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def delivered(sent: int, rejected: int = 0, reason: str = "") -> Delivered:
    """The receiver took `sent` events but for `rejected` that it did not name."""
    refused = [RejectedEvent(None, reason)] * rejected
    return Delivered(UploadAnswer(sent - rejected, 0, refused))


def with_unreadable(told: Classification, unreadable: int) -> Classification:
    """The same answer, accounting also for events that were never sent."""
    if not isinstance(told, Delivered) or unreadable <= 0:
        return told
    answer = told.answer
    lost = [RejectedEvent(None, UNREADABLE)] * unreadable
    return Delivered(msgspec.structs.replace(answer, rejected=[*answer.rejected, *lost]))
