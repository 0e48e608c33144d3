"""Takes a log record for a catalog event, the other way round than a daemon's OTLP exporter.

The record's event name must be one of the catalog. Its attributes become the payload, as far as
the catalog has fields for them; all others are left out, because nobody promised what they hold.
Who sent it comes from the attributes of the record or of its resource. A record without an
install's id is refused: what has no id cannot be erased when its user asks for it.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sidespool.wire.catalog import Catalog, FieldSpec
from sidespool.wire.event import format_time, uuid7
from sidespool_collector.event import REASON_FOREIGN, Refused, id_bytes
from sidespool_collector.otlp.request import KeyValue, LogRecord, LogsRequest, plain_value, whole

INSTALL_NAMES = ("user.id", "app.installation.id", "service.instance.id", "device.id", "enduser.id")
SYSTEMS = {"darwin": "macos"}
NAME_SHAPE = re.compile(r"[A-Za-z][\w.:-]{0,63}", re.ASCII)
ID_MAX = 256
TIME_MAX_MS = 253_402_300_799_000  # the year 9999: what a timestamp can say
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


def lines_of(
    request: LogsRequest, catalog: Catalog, received_ms: int
) -> tuple[list[bytes], list[Refused]]:
    """Records as lines of stored events, and those that are none."""
    lines: list[bytes] = []
    refused: list[Refused] = []
    for sender in request.resource_logs:
        shared = _attributes(sender.resource.attributes if sender.resource else [])
        for scope in sender.scope_logs:
            for record in scope.log_records:
                found = _event(record, shared, catalog, received_ms)
                if isinstance(found, str):
                    refused.append(Refused(None, REASON_FOREIGN, found))
                else:
                    lines.append(_ENCODE(found))
    return lines, refused


def _attributes(pairs: list[KeyValue]) -> dict[str, Any]:
    return {pair.key: plain_value(pair.value) for pair in pairs}


def _event(
    record: LogRecord, shared: Mapping[str, Any], catalog: Catalog, received_ms: int
) -> dict[str, Any] | str:
    """The event, or why the record is none."""
    own = _attributes(record.attributes)
    name = record.event_name or _text(own.get("event.name"))
    spec = catalog.events.get(name)
    if spec is None:
        shown = f" {name}" if NAME_SHAPE.fullmatch(name) else ""
        return f"the catalog has no event{shown}" if name else "a log record without an event name"
    both = {**shared, **own}
    user = next((text for key in INSTALL_NAMES if (text := _text(both.get(key)))), "")
    if not user:
        return f"{name} without an install's id: set app.installation.id, or user.id"
    nanos = whole(record.time_unix_nano) or whole(record.observed_time_unix_nano)
    at = nanos // 1_000_000 if 0 < nanos <= TIME_MAX_MS * 1_000_000 else received_ms
    session = _text(both.get("session.id")) or user
    payload = _payload(own, spec.fields)
    system = _text(both.get("os.type"))
    seq = own.get("seq")
    return {
        "event_id": _event_id(own, at, (user, session, name, nanos, _ENCODE(payload))),
        "event_type": name,
        "timestamp": format_time(at),
        "session_id": session,
        "user_id": user,
        "app_id": _text(both.get("service.name")) or "unknown_service",
        "app_version": _text(both.get("service.version")) or "0",
        "os": SYSTEMS.get(system, system) or "unknown",
        "seq": seq if isinstance(seq, int) and 0 <= seq < 2**63 else 0,
        "payload": payload,
    }


def _text(value: Any) -> str:
    return value[:ID_MAX] if isinstance(value, str) else ""


def _event_id(own: Mapping[str, Any], at_ms: int, what: tuple[Any, ...]) -> str:
    """The record's own id, or one made of its content, so that a record sent again counts once."""
    given = _text(own.get("event.id") or own.get("log.record.uid"))
    if id_bytes(given) is not None:
        return given
    digest = hashlib.blake2b(repr(what).encode("utf-8", "replace"), digest_size=10).digest()
    number = int.from_bytes(digest)
    return uuid7(at_ms, number >> 62, number & (2**62 - 1))


def _payload(own: Mapping[str, Any], fields: Mapping[str, FieldSpec]) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for key, value in own.items():
        path = key.removeprefix("payload.") if key not in fields else key
        _put(payload, path, value, fields)
    return payload


def _put(into: dict[str, Any], path: str, value: Any, fields: Mapping[str, FieldSpec]) -> None:
    """Sets a value under a dotted key, where the catalog has such a field."""
    spec = fields.get(path)
    if spec is not None:
        into[path] = _fitting(value, spec)
        return
    name, dot, rest = path.partition(".")
    outer = fields.get(name)
    if outer is None or not dot:
        return
    inner = into.get(name)
    if outer.type == "object":
        inner = into.setdefault(name, {})
        if isinstance(inner, dict):
            _put(inner, rest, value, outer.fields)
    elif "map" in outer.type:
        inner = into.setdefault(name, {})
        if isinstance(inner, dict):
            inner[rest] = value


def _fitting(value: Any, spec: FieldSpec) -> Any:
    """Languages with one kind of number send 3.0 for 3."""
    if spec.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
