"""The rules a field keeps: a kind, a fitting type, a unit in its name, and bounds."""

import json
import re
from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

from sidespool.wire.catalog import DEFAULT_TYPE_OF_KIND, KINDS, TYPES
from sidespool.wire.level import Level
from sidespool.wire.lint.attribute import FIELD_ATTRIBUTES, FIELD_REQUIRED, Table, checked
from sidespool.wire.lint.bound_rule import check_bounds
from sidespool.wire.lint.mistake import Code, Findings, nearest
from sidespool.wire.lint.position import Path

NAME_CHARS_MAX = 64

TYPES_OF_KIND = {
    "count": ("integer", "number", "map"),
    "duration": ("number", "integer", "map"),
    "size": ("integer", "number", "map"),
    "flag": ("boolean",),
    "enum": ("enum", "map"),
    "id": ("string", "timestamp", "array"),
    "version": ("string",),
    "path": ("string", "array"),
    "url": ("string", "array"),
    "text": ("string", "array", "map", "string_or_map", "object"),
    "stack": ("string", "array"),
    "content": ("string",),
}
UNITS_OF_KIND = {
    "duration": ("ns", "us", "ms", "s", "seconds", "minutes", "hours", "days"),
    "size": (
        "bytes", "kb", "kib", "mb", "mib", "length", "chars", "characters", "words",
        "lines", "tokens", "pixels", "px", "pages", "rows", "columns", "items", "files", "count",
    ),
}  # fmt: skip

# `app_version` and `os` are not here: SessionStart and ErrorReport carry them in their payload.
RESERVED_NAMES = (
    "event_id", "event_type", "timestamp", "session_id", "user_id", "app_id", "seq", "payload",
)  # fmt: skip

# The bins the daemon knows how to fill: of milliseconds, of minutes, of bytes.
BINS = (
    ("<1min", "1-5min", "5-10min", "10-20min", "20-60min", ">60min"),
    ("0-5", "5-15", "15-60", ">60"),
    ("<50KB", "50-100KB", "100-200KB", "200-500KB", ">500KB"),
)

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def check_fields(tables: Any, path: Path, level: Level, to: Findings) -> None:
    """Notes every mistake in a table of fields and in the objects within it."""
    if not isinstance(tables, dict):
        hint = "Write one table a field: [events.NAME.fields.FIELD]"
        to.add(Code.NOT_A_TABLE, path, "fields is not a table", hint)
        return
    for name, table in tables.items():
        at = (*path, name)
        _check_name(name, at, to)
        if not isinstance(table, dict):
            hint = "Write a table with at least kind and description"
            to.add(Code.NOT_A_TABLE, at, f"{name} is not a table", hint)
            continue
        sound = checked(table, FIELD_ATTRIBUTES, FIELD_REQUIRED, at, to)
        _check_kind(sound, name, at, to)
        check_bounds(sound, type_of(sound), at, level, to)
        _check_bin_of(sound, tables, at, to)
        _check_object(sound, at, level, to)


def kinds_within(tables: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """The kind of every field that holds a value itself, with its path."""
    if not isinstance(tables, dict):
        return
    for name, table in tables.items():
        if not isinstance(table, dict):
            continue
        at = (*path, name)
        if type_of(table) == "object":
            if len(at) < 6:  # deeper ones are refused anyway
                yield from kinds_within(table.get("fields"), (*at, "fields"))
        elif isinstance(table.get("kind"), str):
            yield table["kind"], at


def type_of(table: Table) -> str:
    """The type a field has, said or by its kind; empty where neither is known."""
    said, kind = table.get("type"), table.get("kind")
    if isinstance(said, str):
        return said
    return DEFAULT_TYPE_OF_KIND.get(kind, "") if isinstance(kind, str) else ""


def _check_name(name: str, path: Path, to: Findings) -> None:
    if _SNAKE_CASE.fullmatch(name) is None or len(name) > NAME_CHARS_MAX:
        hint = "Name it in snake_case, such as file_count"
        to.add(Code.FIELD_NAME, path, f'"{name}" is not a field name', hint)
    if iskeyword(name):  # it becomes an attribute, and a keyword of the Python client
        hint = f"Choose another name, such as {name}_name"
        to.add(Code.FIELD_NAME, path, f'"{name}" is a reserved word of Python', hint)
    if name in RESERVED_NAMES:
        hint = "Choose another name: exports put envelope and payload side by side"
        to.add(Code.ENVELOPE_NAME, path, f"{name} is a field of every event's envelope", hint)


def _check_kind(sound: Table, name: str, path: Path, to: Findings) -> None:
    kind, type_ = sound.get("kind"), sound.get("type")
    if kind is not None and kind not in KINDS:
        to.add(Code.UNKNOWN_KIND, (*path, "kind"), f'unknown kind "{kind}"', nearest(kind, KINDS))
    if type_ is not None and type_ not in TYPES:
        to.add(Code.UNKNOWN_TYPE, (*path, "type"), f'unknown type "{type_}"', nearest(type_, TYPES))
    elif type_ is not None and type_ not in TYPES_OF_KIND.get(kind or "", TYPES):
        hint = f"Kind {kind} goes with " + ", ".join(TYPES_OF_KIND[kind or ""])
        to.add(Code.TYPE_OF_KIND, (*path, "type"), f"type {type_} does not go with {kind}", hint)
    units = UNITS_OF_KIND.get(kind or "")
    if units is not None and name.rsplit("_", 1)[-1] not in units:
        hint = f"End its name in one of _{', _'.join(units)}"
        to.add(Code.UNIT_MISSING, path, f"{kind} without a unit in its name", hint)


def _check_bin_of(sound: Table, siblings: Table, path: Path, to: Findings) -> None:
    of = sound.get("bin_of")
    if not of:
        return
    source = siblings.get(of)
    numeric = isinstance(source, dict) and type_of(source) in ("integer", "number")
    if not numeric or sound.get("kind") != "enum":
        hint = "It is for an enum, and names a count, duration or size of the same event"
        to.add(Code.BIN_OF, (*path, "bin_of"), f'bin_of "{of}" has no such number', hint)
    elif tuple(sound.get("values", ())) not in BINS:
        hint = "Use one of " + "; ".join(json.dumps(values) for values in BINS)
        to.add(Code.BIN_OF, (*path, "values"), "the daemon knows no such bins", hint)


def _check_object(sound: Table, path: Path, level: Level, to: Findings) -> None:
    if type_of(sound) != "object":
        if "fields" in sound:
            hint = 'Set type = "object", or take the fields away'
            to.add(Code.MISPLACED_ATTRIBUTE, (*path, "fields"), "fields without an object", hint)
        return
    if len(path) > 4:  # ("events", NAME, "fields", FIELD) is the first level
        hint = "Flatten it: a payload holds objects, an object holds no further ones"
        to.add(Code.TOO_DEEP, path, "an object within an object", hint)
    elif not sound.get("fields"):
        hint = "Describe its fields, or use type map for free keys"
        to.add(Code.OBJECT_FIELDS, path, "an object without fields", hint)
    else:
        check_fields(sound["fields"], (*path, "fields"), level, to)
