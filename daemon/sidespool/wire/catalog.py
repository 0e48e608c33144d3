"""The catalog's model: every event and field that may exist, and how each is treated.

A catalog is written in TOML (`wire/catalog.toml` is the built-in one), checked by
`wire/catalog_lint.py`, and held here as plain values. It is the only place where an event or a
field is named; validators, TypeScript types, JSON Schema and the data dictionary come from it.
"""

import msgspec

from sidespool.wire.level import LEVEL_BY_LABEL, Level

CATALOG_VERSION = 1

KINDS = (
    "count", "duration", "size", "flag", "enum", "id",
    "version", "path", "url", "text", "stack", "content",
)  # fmt: skip
TYPES = (
    "string", "integer", "number", "boolean", "enum",
    "timestamp", "array", "map", "object", "string_or_map",
)  # fmt: skip
SENSITIVITIES = ("technical", "interaction", "content")

DEFAULT_TYPE_OF_KIND = {
    "count": "integer",
    "duration": "number",
    "size": "integer",
    "flag": "boolean",
    "enum": "enum",
    "id": "string",
    "version": "string",
    "path": "string",
    "url": "string",
    "text": "string",
    "stack": "string",
    "content": "string",
}
SAFE_INTEGER_MAX = 2**53 - 1  # what JavaScript counts exactly


class FieldSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One field of a payload.

    `type` is what JSON carries, `kind` decides the treatment. `max_bytes` cuts strings (with a
    marker), `max_items` cuts arrays and maps; numbers outside `minimum`…`maximum` are refused.
    `hash`: the daemon replaces the value with a keyed hash before anything is written.
    `template`: the text is reduced to a template so that equal errors group.
    `bin_of`: the daemon fills this field with the bin of another one.
    `system`: the version is an operating system's, generalised as such.
    `noise`, `epsilon`, `period_maximum`: told once a period, with noise; see wire/noise.py.
    """

    name: str
    kind: str
    type: str
    description: str
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_bytes: int = 500
    max_items: int = 100
    required: bool = False
    hash: bool = False
    template: bool = False
    bin_of: str = ""
    system: bool = False
    noise: str = ""
    epsilon: float = 0.0
    period_maximum: int = 0
    fields: dict[str, "FieldSpec"] = {}


class EventSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event: the level it needs, why it exists, who answers for it, and its fields."""

    name: str
    level_label: str
    description: str
    why: str
    owner: str
    expires: str
    sensitivity: str
    retention_days: int
    fields: dict[str, FieldSpec]
    aggregate: bool = False
    origin: str = "client"
    noise: str = ""
    epsilon: float = 0.0
    period_maximum: int = 0

    @property
    def is_noisy(self) -> bool:
        """Whether any of it is told with noise; then nothing of it is told without."""
        return bool(self.noise) or any(field.noise for field in self.fields.values())

    @property
    def level(self) -> Level:
        """The consent level this event needs."""
        return LEVEL_BY_LABEL[self.level_label]


class Catalog(msgspec.Struct, frozen=True):
    """All events by name."""

    events: dict[str, EventSpec]
    version: int = CATALOG_VERSION

    def extended(self, other: "Catalog") -> "Catalog":
        """This catalog and an application's own; a built-in name is never redefined."""
        return Catalog(events={**other.events, **self.events}, version=self.version)


_DECODER = msgspec.json.Decoder(Catalog)


def encode_catalog(catalog: Catalog) -> bytes:
    """The compiled form: JSON that `decode_catalog` reads in a fraction of a millisecond."""
    return msgspec.json.encode(catalog)


def decode_catalog(raw: bytes) -> Catalog:
    """A compiled catalog; raises msgspec.DecodeError on bytes that are none."""
    return _DECODER.decode(raw)
