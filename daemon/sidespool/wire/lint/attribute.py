"""What an event or a field may say about itself, taken from the catalog's own model.

An attribute added to `EventSpec` or `FieldSpec` is known here without a further line.
"""

from typing import Any

import msgspec

from sidespool.wire.catalog import EventSpec, FieldSpec
from sidespool.wire.lint.mistake import Code, Findings, nearest
from sidespool.wire.lint.position import Path

Table = dict[str, Any]

_RENAMED = {"level_label": "level"}
_WORDS = {
    str: 'a text in quotes, such as "ai"',
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    float | None: "a number",
    tuple[str, ...]: 'a list of texts, such as ["a", "b"]',
}
_NO_CODE = {
    "level": Code.NO_LEVEL,
    "description": Code.NO_DESCRIPTION,
    "why": Code.NO_WHY,
    "owner": Code.NO_OWNER,
    "expires": Code.NO_EXPIRES,
    "sensitivity": Code.NO_SENSITIVITY,
    "retention_days": Code.NO_RETENTION_DAYS,
    "kind": Code.NO_KIND,
}
_ASK = {
    "level": 'Say which consent it needs: level = "crash", "error", "usage" or "full"',
    "description": "Say what happened, in a sentence that a user understands",
    "why": "Say which question it answers; what answers none should not be collected",
    "owner": "Name the team that answers for it and looks at it",
    "expires": 'Say until when it is needed: expires = "2027-06-30", or "never" with good reason',
    "sensitivity": 'Say how sensitive it is: "technical", "interaction" or "content"',
    "retention_days": "Say for how many days a collector keeps it: retention_days = 90",
    "kind": "Say what sort of value it is, such as count, duration, id or text",
}


def attributes(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Name in TOML → type, without `name`, which is the table's own."""
    return {
        _RENAMED.get(field.name, field.name): field.type
        for field in msgspec.structs.fields(model)
        if field.name != "name"
    }


EVENT_ATTRIBUTES = attributes(EventSpec)
FIELD_ATTRIBUTES = attributes(FieldSpec)
EVENT_REQUIRED = (
    "level", "description", "why", "owner", "expires", "sensitivity", "retention_days",
)  # fmt: skip
FIELD_REQUIRED = ("kind", "description")


def checked(
    table: Table, known: Table, required: tuple[str, ...], path: Path, to: Findings
) -> Table:
    """The attributes of `table` that have the right type; all others are noted as mistakes."""
    sound: Table = {}
    for name, value in table.items():
        if name not in known:
            hint = nearest(name, known)
            to.add(Code.UNKNOWN_ATTRIBUTE, (*path, name), f'unknown attribute "{name}"', hint)
        elif name == "fields":
            sound[name] = value
        elif not _fits(value, known[name]):
            wanted = _WORDS.get(known[name], "of another type")
            message = f"{name} is not {wanted}"
            to.add(Code.WRONG_TYPE, (*path, name), message, f"Write {wanted}")
        else:
            sound[name] = value
    for name in required:
        empty = isinstance(sound.get(name), str) and not sound[name].strip()
        if empty or name not in table:
            at = (*path, name) if empty else path
            to.add(_NO_CODE[name], at, f"no {name}", _ASK[name])
            sound.pop(name, None)
    return sound


def _fits(value: Any, wanted: Any) -> bool:
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        return False
    return True
