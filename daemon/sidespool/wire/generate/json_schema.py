"""Renders the JSON Schema (draft 2020-12) of a stored event, one line of a segment.

The schema speaks of characters where the catalog speaks of bytes: a text of at most N bytes has
at most N characters, so the schema never refuses what the daemon stored.
"""

import json
from typing import Any

from sidespool.wire.catalog import SAFE_INTEGER_MAX, Catalog, EventSpec, FieldSpec
from sidespool.wire.validate import number_bounds

Schema = dict[str, Any]

# `$` alone lets a line end follow it in Python, though not in JavaScript.
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$(?!\\n)"
_TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$(?!\\n)"
_ANY_TIME = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    "(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$(?!\\n)"
)
_TEXT = {"type": "string", "maxLength": 256}


def render_json_schema(catalog: Catalog) -> str:
    """The schema as indented JSON, ending in a line end."""
    return json.dumps(event_schema(catalog), indent=2, ensure_ascii=False) + "\n"


def event_schema(catalog: Catalog) -> Schema:
    """The schema as plain values."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:sidespool:stored-event:1",
        "title": "Stored event",
        "description": "One line of a segment. Generated from the event catalog.",
        "type": "object",
        "properties": _envelope(list(catalog.events)),
        "required": list(_envelope([])),
        "additionalProperties": False,
        "oneOf": [
            {
                "properties": {
                    "event_type": {"const": name},
                    "payload": {"$ref": f"#/$defs/{name}"},
                }
            }
            for name in catalog.events
        ],
        "$defs": {spec.name: _payload(spec) for spec in catalog.events.values()},
    }


def _envelope(names: list[str]) -> Schema:
    return {
        "event_id": {"type": "string", "format": "uuid", "pattern": _UUID},
        "event_type": {"enum": names},
        "timestamp": {"type": "string", "format": "date-time", "pattern": _TIME},
        "session_id": dict(_TEXT),
        "user_id": dict(_TEXT),
        "app_id": dict(_TEXT),
        "app_version": dict(_TEXT),
        "os": dict(_TEXT),
        "seq": {"type": "integer", "minimum": 0, "maximum": SAFE_INTEGER_MAX},
        "payload": {"type": "object"},
    }


def _payload(spec: EventSpec) -> Schema:
    return {
        "description": f"{spec.description} {spec.why}",
        "x-level": spec.level_label,
        "x-sensitivity": spec.sensitivity,
        "x-retention-days": spec.retention_days,
        **_object(spec.fields),
    }


def _object(fields: dict[str, FieldSpec]) -> Schema:
    required = [name for name, field in fields.items() if field.required]
    return {
        "type": "object",
        "properties": {name: _field(field) for name, field in fields.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _field(spec: FieldSpec) -> Schema:
    return {"description": spec.description, "x-kind": spec.kind, **_value(spec)}


def _value(spec: FieldSpec) -> Schema:
    text = {"type": "string", "maxLength": spec.max_bytes}
    if spec.type in ("integer", "number"):
        return {"type": spec.type, **_numbers(spec)}
    if spec.type == "enum":
        return {"enum": list(spec.values)}
    if spec.type == "array":
        return {"type": "array", "items": text, "maxItems": spec.max_items}
    if spec.type == "string_or_map":
        return {"anyOf": [text, _map(spec)]}
    if spec.type == "object":
        return _object(spec.fields)
    return {
        "boolean": {"type": "boolean"},
        "timestamp": {"type": "string", "pattern": _ANY_TIME},
        "map": _map(spec),
    }.get(spec.type, text)


def _map(spec: FieldSpec) -> Schema:
    """Maps hold plain values: what of them is text is scrubbed and cut like the field itself."""
    if spec.values:
        values: Schema = {"enum": list(spec.values)}
    elif spec.kind in ("count", "size", "duration"):
        values = {"type": "number", **_numbers(spec)}
    else:
        values = {"type": ["string", "number", "boolean", "null"], "maxLength": spec.max_bytes}
    return {"type": "object", "additionalProperties": values, "maxProperties": spec.max_items}


def _numbers(spec: FieldSpec) -> Schema:
    low, high = number_bounds(spec)
    return {"minimum": _whole(low), "maximum": _whole(high)}


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value
