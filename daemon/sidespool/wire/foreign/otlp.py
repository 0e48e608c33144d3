"""Maps stored events to OTLP/HTTP log records in JSON, and reads the receiver's answer.

Sources: OpenTelemetry protocol specification 1.x (OTLP/HTTP, JSON Protobuf encoding) and
`opentelemetry/proto/logs/v1/logs.proto`. 64-bit integers travel as decimal strings.

    POST {endpoint}/v1/logs
    resourceLogs   one for each app_id, app_version and os: service.name, service.version, os.type
      scopeLogs    one, `sidespool`
        logRecords one for each event
          timeUnixNano          the event's timestamp
          observedTimeUnixNano  when the event's id was made (UUID version 7), else the timestamp
          severityNumber        17 (ERROR) for Error, ErrorReport and Crash, else 9 (INFO)
          eventName, body       the event's type
          attributes            event.id, session.id, user.id, seq, and the payload with its
                                keys joined by dots

A payload key that another attribute bears already gets `payload.` before it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sidespool.wire.event import UUID_SHAPE, parse_time
from sidespool.wire.foreign.stored import Mapped, StoredEvent, delivered, read_events
from sidespool.wire.upload import Captive, Classification, classify

LOGS_PATH = "/v1/logs"
CONTENT_TYPE_JSON = "application/json"
PARTIAL_SUCCESS = "partial_success"

_SDK = "sidespool"
_ERROR, _INFO = (17, "ERROR"), (9, "INFO")
_ERRORS = frozenset(("Error", "ErrorReport", "Crash"))
# The names of the semantic conventions where they differ from ours.
_OS_TYPES = {"macos": "darwin"}
_INT64 = range(-(2**63), 2**63)
_COUNT_DIGITS_MAX = 9


def encode_logs(lines: bytes, sdk_version: str) -> Mapped:
    """NDJSON of stored events → the body of an ExportLogsServiceRequest."""
    events = read_events(lines)
    scope = {"name": _SDK, "version": sdk_version}
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for event in events:
        made_by = (event.app_id or "", event.app_version or "", event.os or "")
        groups.setdefault(made_by, []).append(_record(event))
    document = {
        "resourceLogs": [
            {
                "resource": {"attributes": _resource(*made_by, sdk_version)},
                "scopeLogs": [{"scope": scope, "logRecords": records}],
            }
            for made_by, records in groups.items()
        ]
    }
    return Mapped(msgspec.json.encode(document), len(events))


def _resource(app_id: str, app_version: str, system: str, sdk_version: str) -> list[dict[str, Any]]:
    return _attributes(
        {
            "service.name": app_id or "unknown_service",
            "service.version": app_version,
            "os.type": _OS_TYPES.get(system, system),
            "telemetry.sdk.name": _SDK,
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": sdk_version,
        }
    )


def _record(event: StoredEvent) -> dict[str, Any]:
    number, text = _ERROR if event.event_type in _ERRORS else _INFO
    named = {
        "event.id": event.event_id,
        "session.id": event.session_id,
        "user.id": event.user_id,
        "seq": event.seq,
    }
    attributes: dict[str, Any] = {key: one for key, one in named.items() if one is not None}
    if event.payload is not None:
        _flatten(attributes, "", event.payload)
    happened = parse_time(event.timestamp)
    return {
        "timeUnixNano": _nanoseconds(happened),
        "observedTimeUnixNano": _nanoseconds(_made_ms(event.event_id) or happened),
        "severityNumber": number,
        "severityText": text,
        "eventName": event.event_type,
        "body": {"stringValue": event.event_type},
        "attributes": _attributes(attributes),
    }


def _nanoseconds(unix_ms: int | None) -> str:
    """A fixed64 as JSON has it; 0 means unknown, and nothing happened before 1970."""
    return str(max(unix_ms or 0, 0) * 1_000_000)


def _made_ms(event_id: str) -> int | None:
    """The time within a UUID version 7 (RFC 9562, section 5.7), or None for any other id."""
    if UUID_SHAPE.fullmatch(event_id) is None or event_id[14] != "7":
        return None
    return int(event_id[:8] + event_id[9:13], 16)


def _flatten(into: dict[str, Any], key: str, value: Any) -> None:
    """Adds a payload's values under dotted keys; no two attributes may have the same."""
    if isinstance(value, dict) and (value or not key):
        for name, inner in value.items():
            _flatten(into, f"{key}.{name}" if key else name, inner)
        return
    key = key or "payload"
    while key in into:
        key = f"payload.{key}"
    into[key] = value


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def any_value(value: Any) -> dict[str, Any]:
    """A JSON value as an AnyValue; null is the empty one, and beyond 64 bits a number is text."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue" if value in _INT64 else "stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(one) for one in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes(value)}}
    return {}


class _PartialSuccess(msgspec.Struct, frozen=True, rename="camel"):
    rejected_log_records: int | str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    partial_success: _PartialSuccess | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def classify_logs(
    status: int | None, headers: Mapping[str, str], body: bytes, sent: int, now_wall: float
) -> Classification:
    """What an answer to `sent` ≥ 1 records means; see `wire.upload.classify` for the failures.

    A partial success is final: the specification forbids sending the rejected records again, and
    does not say which they are.
    """
    if status not in (200, 202):
        return classify(status, headers, body, sent, now_wall)
    try:
        partial = _ANSWER.decode(body).partial_success or _PartialSuccess()
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Captive("a page that is not an OTLP receiver's answer")
    rejected = _count(partial.rejected_log_records)
    if rejected is None or not 0 <= rejected <= sent:
        return Captive(f"the answer's count of rejected records does not fit {sent} events")
    return delivered(sent, rejected, PARTIAL_SUCCESS)


def _count(told: int | str | None) -> int | None:
    """An int64 as JSON has it: digits, in quotes or not."""
    if isinstance(told, str):
        fits = told.isascii() and told.isdigit() and len(told) <= _COUNT_DIGITS_MAX
        return int(told) if fits else None
    return told or 0
