"""Says why bytes are not an event of the catalog: the slow path behind the compiled decoders.

`explain` accepts any bytes and always gives a reason; it is called only for events that a
decoder refused, so clarity beats speed here. Details name the field, never its value: a value
may be what the user did not agree to send.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from sidespool.wire.catalog import Catalog, FieldSpec
from sidespool.wire.event import CLIENT_FIELDS, ENVELOPE_FIELDS, TIME_SHAPE
from sidespool.wire.outcome import Reason
from sidespool.wire.validate import number_bounds

Problem = tuple[Reason, str]
STORED_FIELDS = ("event_type", "payload", *ENVELOPE_FIELDS)


def explain(raw: bytes, catalog: Catalog, envelope: tuple[str, ...] = CLIENT_FIELDS) -> Problem:
    """The reason and a detail for one event that was refused; `raw` may be any bytes."""
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Reason.MALFORMED, "not a JSON object"
    if not isinstance(event, dict):
        return Reason.MALFORMED, "not a JSON object"
    event_type = event.get("event_type")
    if not isinstance(event_type, str):
        return Reason.MALFORMED, "event_type is missing or not a string"
    spec = catalog.events.get(event_type)
    if spec is None:
        return Reason.UNKNOWN_EVENT, f"{shown(event_type)} is not in the catalog"
    for name in event:
        if name not in envelope:
            return Reason.UNKNOWN_FIELD, f"{shown(name)} is not a field of an event"
    problem = _envelope(event, envelope)
    if problem is not None:
        return problem
    payload = event.get("payload", {})
    return _object(payload, spec.fields, "payload") or (Reason.MALFORMED, "not an event")


def shown(name: str) -> str:
    """A name as it may stand in an answer or a log: short, and without control characters."""
    return "".join(c if c.isprintable() else "?" for c in name[:64])


def _envelope(event: dict[str, Any], envelope: tuple[str, ...]) -> Problem | None:
    for name in envelope:
        if name in ("event_type", "payload"):
            continue
        value = event.get(name)
        if envelope is STORED_FIELDS and value is None:
            return Reason.MALFORMED, f"{name} is missing"
        wanted = int if name == "seq" else str
        if value is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
            return Reason.INVALID_VALUE, f"{name} has the wrong type"
    return None


def _object(value: Any, fields: dict[str, FieldSpec], where: str) -> Problem | None:
    if not isinstance(value, dict):
        return Reason.INVALID_VALUE, f"{where} is not an object"
    for name in value:
        if name not in fields:
            return Reason.UNKNOWN_FIELD, f"{where}.{shown(name)} is not in the catalog"
    for name, spec in fields.items():
        item = value.get(name)
        if item is None:
            if spec.required:
                return Reason.INVALID_VALUE, f"{where}.{name} is missing"
            continue
        problem = _CHECKS[spec.type](item, spec, f"{where}.{name}")
        if problem is not None:
            return problem
    return None


def _wrong(where: str, wanted: str) -> Problem:
    return Reason.INVALID_VALUE, f"{where} is not {wanted}"


def _number(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    allowed = (int,) if spec.type == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        return _wrong(where, "an integer" if spec.type == "integer" else "a number")
    low, high = number_bounds(spec)
    if not low <= value <= high:
        return _wrong(where, f"between {low:g} and {high:g}")
    return None


def _boolean(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    return None if isinstance(value, bool) else _wrong(where, "true or false")


def _string(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    return None if isinstance(value, str) else _wrong(where, "a string")


def _enum(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    if isinstance(value, str) and value in spec.values:
        return None
    return _wrong(where, "one of " + ", ".join(spec.values))


def _timestamp(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    if isinstance(value, str) and TIME_SHAPE.fullmatch(value):
        return None
    return _wrong(where, "an RFC 3339 time with a zone")


def _array(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return None
    return _wrong(where, "an array of strings")


def _map(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    if not isinstance(value, dict):
        return _wrong(where, "an object")
    for name, item in value.items():
        if isinstance(item, dict | list):
            return _wrong(f"{where}.{shown(name)}", "a plain value")
        if spec.values and item not in spec.values:
            return _wrong(f"{where}.{shown(name)}", "one of " + ", ".join(spec.values))
        if not spec.values and spec.kind in ("count", "size", "duration"):
            problem = _number(item, msgspec.structs.replace(spec, type="number"), where)
            if problem is not None:
                return problem
    return None


def _string_or_map(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    return None if isinstance(value, str) else _map(value, spec, where)


def _nested(value: Any, spec: FieldSpec, where: str) -> Problem | None:
    return _object(value, spec.fields, where)


_CHECKS: dict[str, Callable[[Any, FieldSpec, str], Problem | None]] = {
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "enum": _enum,
    "timestamp": _timestamp,
    "array": _array,
    "map": _map,
    "string_or_map": _string_or_map,
    "object": _nested,
    "string": _string,
}
