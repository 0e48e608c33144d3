"""The bounds a field keeps: numbers between two limits, texts of a stated size, closed enums."""

from math import isfinite

from sidespool.wire.catalog import SAFE_INTEGER_MAX
from sidespool.wire.level import Level
from sidespool.wire.lint.attribute import Table
from sidespool.wire.lint.mistake import Code, Findings
from sidespool.wire.lint.position import Path

# What an event may hold in all; a field can hold no more than its event.
EVENT_BYTES_MAX = 64 * 1024
EVENT_BYTES_MAX_FULL = 1024 * 1024
BYTES_MIN = 16  # leaves room for the marker of a cut
ITEMS_MAX = 100
VALUES_MAX = 100
VALUE_CHARS_MAX = 64

FREE_TEXT = ("text", "stack", "content", "url")
NUMERIC_KINDS = ("count", "duration", "size")

_TEXT_TYPES = ("string", "array", "map", "string_or_map")
_LIST_TYPES = ("array", "map", "string_or_map")
_NUMBER_TYPES = ("integer", "number")


def check_bounds(sound: Table, type_: str, path: Path, level: Level, to: Findings) -> None:
    """Notes every mistake in the bounds of one field of the type `type_`."""
    _check_numbers(sound, type_, path, to)
    _check_bytes(sound, type_, path, level, to)
    _check_values(sound, type_, path, to)
    _check_treatment(sound, type_, path, to)


def _misplaced(name: str, needs: str, path: Path, to: Findings) -> None:
    hint = f"Take it away: {name} is for {needs}"
    to.add(Code.MISPLACED_ATTRIBUTE, (*path, name), f"{name} means nothing here", hint)


def _check_numbers(sound: Table, type_: str, path: Path, to: Findings) -> None:
    said = [name for name in ("minimum", "maximum") if name in sound]
    numeric = type_ in _NUMBER_TYPES or (type_ == "map" and sound.get("kind") in NUMERIC_KINDS)
    for name in said:
        if not numeric:
            _misplaced(name, "numbers", path, to)
        elif not isfinite(sound[name]) or abs(sound[name]) > SAFE_INTEGER_MAX:
            hint = f"Stay within ±{SAFE_INTEGER_MAX}, what JavaScript counts exactly"
            to.add(Code.BOUND_RANGE, (*path, name), f"{name} is out of range", hint)
        elif type_ == "integer" and sound[name] != int(sound[name]):
            hint = "Write a whole number, or use type number"
            to.add(Code.BOUND_RANGE, (*path, name), f"{name} of an integer is not whole", hint)
    low, high = sound.get("minimum", 0), sound.get("maximum", SAFE_INTEGER_MAX)
    if said and low > high:
        hint = "Exchange them" if len(said) == 2 else "The minimum is 0 where none is given"
        to.add(Code.BOUNDS_ORDER, (*path, said[-1]), f"minimum {low} > maximum {high}", hint)


def _check_bytes(sound: Table, type_: str, path: Path, level: Level, to: Findings) -> None:
    kind, most = sound.get("kind"), sound.get("max_bytes")
    limit = EVENT_BYTES_MAX_FULL if level is Level.FULL else EVENT_BYTES_MAX
    if most is None:
        if kind in FREE_TEXT and type_ in _TEXT_TYPES:
            hint = "Set max_bytes to what is needed: 500 for a phrase, 8192 for a stack trace"
            to.add(Code.UNBOUNDED_TEXT, path, f"free text ({kind}) without max_bytes", hint)
    elif type_ not in _TEXT_TYPES:
        _misplaced("max_bytes", "texts", path, to)
    elif not BYTES_MIN <= most <= limit:
        hint = f"{BYTES_MIN} to {limit}, the size of a whole event at this level"
        to.add(Code.BOUND_RANGE, (*path, "max_bytes"), f"max_bytes {most} is out of range", hint)
    items = sound.get("max_items")
    if items is not None and type_ not in _LIST_TYPES:
        _misplaced("max_items", "arrays and maps", path, to)
    elif items is not None and not 1 <= items <= ITEMS_MAX:
        hint = f"1 to {ITEMS_MAX}; more are cut at the door"
        to.add(Code.BOUND_RANGE, (*path, "max_items"), f"max_items {items} is out of range", hint)


def _check_values(sound: Table, type_: str, path: Path, to: Findings) -> None:
    values = sound.get("values", ())
    at = (*path, "values")
    if sound.get("kind") != "enum":
        if "values" in sound:
            _misplaced("values", "kind enum", path, to)
        return
    if not values:
        hint = 'List what is possible: values = ["yes", "no"]'
        to.add(Code.ENUM_VALUES, at, "enum without values", hint)
    elif len(set(values)) != len(values):
        to.add(Code.ENUM_VALUES, at, "a value stands twice", "Take one of them away")
    elif len(values) > VALUES_MAX or not all(1 <= len(v) <= VALUE_CHARS_MAX for v in values):
        hint = f"At most {VALUES_MAX} values of 1 to {VALUE_CHARS_MAX} characters; else use an id"
        to.add(Code.ENUM_VALUES, at, "too many values, or one too long or empty", hint)


def _check_treatment(sound: Table, type_: str, path: Path, to: Findings) -> None:
    if sound.get("hash") and (type_ != "string" or sound.get("kind") not in ("id", "path", "url")):
        _misplaced("hash", "an id, path or url that is a string", path, to)
    if sound.get("template") and (type_ != "string" or sound.get("kind") != "text"):
        _misplaced("template", "kind text that is a string", path, to)
    if sound.get("system") and sound.get("kind") != "version":
        _misplaced("system", "kind version", path, to)
