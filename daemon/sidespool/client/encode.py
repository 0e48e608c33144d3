"""Turns an emitted event into the bytes the daemon takes, once; a resend reuses the bytes.

`{"event_type":…,"event_id":…,"timestamp":…,"session_id"?:…,"payload":{…}}`, one line. The id is a
UUID version 7 of the time of the emit, and the same in every resend, so that nothing doubles.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from sidespool.client.outbox import Item
from sidespool.wire.event import canonical_time, format_time, uuid7_prefix

EVENT_BYTES_MAX = 1024 * 1024 + 4096  # the daemon's own limit at level `full`, and the envelope
_TYPES_CACHED_MAX = 256
_DEPTH_MAX = 8

BeforeSend = Callable[[dict[str, Any]], Mapping[str, Any] | None]


class Drop(StrEnum):
    """Why an event was given up here, before the daemon saw it (or although it did)."""

    OVERFLOW = "overflow"  # the buffer was full of newer ones
    INVALID = "invalid"  # not an event at all: arguments that are no name, payload or time
    TOO_LARGE = "too_large"
    BEFORE_SEND = "before_send"  # the host's hook said no, or failed
    REFUSED = "refused"  # the daemon breaks off whenever this event is sent
    SHUTDOWN = "shutdown"  # emitted after, or still waiting at, shutdown


class EventEncoder:
    """Encodes the items of one outbox; used by one thread."""

    def __init__(self, session_id: str | None, before_send: BeforeSend | None) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._before_send = before_send
        self._session = b"" if session_id is None else b'"session_id":"%b",' % session_id.encode()
        self._types: dict[str, bytes] = {}
        self._id_ms = -1
        self._id_prefix = ""
        self._id_count = 0
        self._second = -1
        self._second_text = ""

    def encode(self, item: Item) -> bytes | Drop:
        """The event's line, or why there is none. Never raises."""
        try:
            _, time_ns, event_type, payload, timestamp = item
            unix_ms = time_ns // 1_000_000
            moment = self._time(unix_ms) if timestamp is None else time_text(timestamp)
            event_id = self._event_id(unix_ms)
            if self._before_send is not None:
                changed = self._ask(event_type, payload, event_id, moment)
                if changed is None:
                    return Drop.BEFORE_SEND
                event_type, payload = changed
            head = self._types.get(event_type) or self._type(event_type)
            middle = f'"event_id":"{event_id}","timestamp":"{moment}",'.encode("ascii")
            line = b"".join((head, middle, self._session, b'"payload":', self._body(payload), b"}"))
        except Exception:  # whatever a host hands over, it is one event that is lost, not more
            return Drop.INVALID
        if len(line) > EVENT_BYTES_MAX:
            return Drop.TOO_LARGE
        return Drop.INVALID if b"\n" in line else line  # only a msgspec.Raw can hold a line end

    def _body(self, payload: Any) -> bytes:
        if not isinstance(payload, dict):
            raise TypeError("a payload is a dict")
        try:
            return self._encode(payload)
        except UnicodeEncodeError:  # half a surrogate pair, as in undecodable file names
            return self._encode(_mended(payload))

    def _ask(
        self, event_type: Any, payload: Any, event_id: str, moment: str
    ) -> tuple[Any, Any] | None:
        """The host's hook; a failing one drops the event: it may be there to remove secrets."""
        event = {
            "event_type": event_type,
            "payload": payload,
            "event_id": event_id,
            "timestamp": moment,
        }
        try:
            answer = self._before_send(event) if self._before_send is not None else event
            return None if answer is None else (answer["event_type"], dict(answer["payload"]))
        except Exception:
            return None

    def _type(self, event_type: Any) -> bytes:
        if not isinstance(event_type, str) or not event_type:
            raise TypeError("an event type is a name")
        head = b'{"event_type":' + self._encode(event_type) + b","
        if len(self._types) < _TYPES_CACHED_MAX:
            self._types[event_type] = head
        return head

    def _event_id(self, unix_ms: int) -> str:
        if unix_ms != self._id_ms:
            self._id_ms = unix_ms
            random = int.from_bytes(os.urandom(6), "big") >> 6
            self._id_prefix = uuid7_prefix(unix_ms, random)
            self._id_count = 0
        self._id_count += 1
        return f"{self._id_prefix}{self._id_count:08x}"

    def _time(self, unix_ms: int) -> str:
        second, millis = divmod(unix_ms, 1000)
        if second != self._second:
            self._second = second
            self._second_text = format_time(second * 1000)[:-4]
        return f"{self._second_text}{millis:03d}Z"


def time_text(moment: object) -> str:
    """RFC 3339 with milliseconds and `Z` from a text of that kind, a datetime or Unix seconds.

    Raises ValueError (or OverflowError) for anything else.
    """
    if isinstance(moment, datetime):
        return format_time(int(moment.timestamp() * 1000))
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        return format_time(int(moment * 1000))
    text = canonical_time(moment) if isinstance(moment, str) else None
    if text is None:
        raise ValueError("not a time")
    return text


def _mended(value: Any, depth: int = 0) -> Any:
    """The value with unpaired surrogates replaced in every string."""
    if depth > _DEPTH_MAX:
        raise ValueError("too deep")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_mended(k, depth + 1): _mended(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(entry, depth + 1) for entry in value]
    return value
