"""Compiles a catalog into decoders that check bytes without building an object per field.

Two forms of each event are compiled with msgspec, as tagged unions on `event_type`:

- the client's: payload, and optionally event_id, timestamp, session_id;
- the stored: the whole envelope, as the collector receives it.

The decoders are the fast path and say only yes or no; where they say no, `explain` (see
wire/explain.py) walks the same catalog in plain Python and gives the stable reason.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

import msgspec

from sidespool.wire.catalog import SAFE_INTEGER_MAX, Catalog, EventSpec, FieldSpec
from sidespool.wire.event import TIME_SHAPE

Scalar = str | int | float | bool | None
# msgspec searches, where `explain` matches in full; ASCII digits only, as in RFC 3339.
TIME_PATTERN = f"(?a:^{TIME_SHAPE.pattern}\\Z)"


def number_bounds(spec: FieldSpec) -> tuple[float, float]:
    """The inclusive bounds of a numeric field; counts, durations and sizes are never negative."""
    low = spec.minimum if spec.minimum is not None else 0
    high = spec.maximum if spec.maximum is not None else SAFE_INTEGER_MAX
    return low, high


def value_type(spec: FieldSpec, owner: str) -> Any:
    """The Python type that msgspec checks a field against."""
    if spec.type in ("integer", "number"):
        low, high = number_bounds(spec)
        whole = Annotated[int, msgspec.Meta(ge=int(low), le=int(high))]
        return whole if spec.type == "integer" else whole | _bounded_float(low, high)
    if spec.type == "boolean":
        return bool
    if spec.type == "enum":
        return Literal[spec.values]
    if spec.type == "timestamp":
        return Annotated[str, msgspec.Meta(pattern=TIME_PATTERN)]
    if spec.type == "array":
        return list[str]
    if spec.type == "map":
        return dict[str, _map_value(spec)]  # type: ignore[misc]  # built at run time
    if spec.type == "string_or_map":
        return str | dict[str, Scalar]
    if spec.type == "object":
        return payload_type(f"{owner}_{spec.name}", spec.fields)
    return str


def _map_value(spec: FieldSpec) -> Any:
    if spec.values:
        return Literal[spec.values]
    if spec.kind in ("count", "size", "duration"):
        low, high = number_bounds(spec)
        return Annotated[int, msgspec.Meta(ge=int(low), le=int(high))] | _bounded_float(low, high)
    return Scalar


def _bounded_float(low: float, high: float) -> Any:
    return Annotated[float, msgspec.Meta(ge=low, le=high)]


def payload_type(name: str, fields: dict[str, FieldSpec]) -> type[msgspec.Struct]:
    """A struct of the fields; `null` counts as left out, and what is left out is not encoded."""
    required: list[Any] = []
    optional: list[Any] = []
    for spec in fields.values():
        checked = value_type(spec, name)
        if spec.required:
            required.append((spec.name, checked))
        else:
            optional.append((spec.name, checked | None, None))
    return msgspec.defstruct(
        name,
        required + optional,
        forbid_unknown_fields=True,
        omit_defaults=True,
        kw_only=True,
        gc=False,
    )


def _client_type(spec: EventSpec, payload: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """`user_id` and `seq` are the daemon's to fill: of a client no value of them is taken.

    `user_id` takes a msgspec.Raw with all that is constant behind it (core/admission).
    """
    default = (
        [("payload", payload)]
        if any(field.required for field in spec.fields.values())
        else [("payload", payload, msgspec.field(default_factory=payload))]
    )
    optional: list[Any] = [
        ("event_id", str | None, None),
        ("timestamp", str | None, None),
        ("session_id", str | None, None),
        ("user_id", msgspec.UnsetType, msgspec.UNSET),
        ("seq", msgspec.UnsetType, msgspec.UNSET),
    ]
    return msgspec.defstruct(
        spec.name,
        [*optional, *default],
        tag=spec.name,
        tag_field="event_type",
        forbid_unknown_fields=True,
        omit_defaults=False,
        kw_only=True,
        gc=False,
    )


def _stored_type(spec: EventSpec, payload: type[msgspec.Struct]) -> type[msgspec.Struct]:
    text = Annotated[str, msgspec.Meta(max_length=256)]
    return msgspec.defstruct(
        f"Stored{spec.name}",
        [
            ("event_id", str),
            ("timestamp", str),
            ("session_id", text),
            ("user_id", text),
            ("app_id", text),
            ("app_version", text),
            ("os", text),
            ("seq", Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER_MAX)]),
            ("payload", payload),
        ],
        tag=spec.name,
        tag_field="event_type",
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


class Validator:
    """Decoders of one catalog. Building one takes a few milliseconds; it is then shared."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.payload_types = {
            name: payload_type(f"{name}Payload", spec.fields)
            for name, spec in catalog.events.items()
        }
        self.client_types = [
            _client_type(spec, self.payload_types[name]) for name, spec in catalog.events.items()
        ]
        self.client_union: Any = reduce(or_, self.client_types)
        self.event_decoder = msgspec.json.Decoder(self.client_union)

    def stored_decoder(self) -> "msgspec.json.Decoder[Any]":
        """Decodes one stored line; raises msgspec.ValidationError or DecodeError."""
        types = [
            _stored_type(spec, self.payload_types[name])
            for name, spec in self.catalog.events.items()
        ]
        return msgspec.json.Decoder(reduce(or_, types))
