"""The rules an event keeps: named, justified, owned, dated, and at a level its fields allow."""

import re
from datetime import date
from typing import Any

from sidespool.wire.catalog import SENSITIVITIES, Catalog
from sidespool.wire.level import LEVEL_BY_LABEL, Level
from sidespool.wire.lint.attribute import EVENT_ATTRIBUTES, EVENT_REQUIRED, Table, checked
from sidespool.wire.lint.field_rule import check_fields, kinds_within
from sidespool.wire.lint.mistake import Code, Findings, nearest
from sidespool.wire.lint.noise_rule import check_noise
from sidespool.wire.lint.position import Path

NAME_CHARS_MAX = 64
RETENTION_DAYS_MAX = 3650
LEVELS = tuple(label for label, level in LEVEL_BY_LABEL.items() if level is not Level.OFF)
ORIGINS = ("client", "daemon")
NEVER = "never"

# What a kind of field asks of the event's level: free text can hold anything a user typed.
LEVEL_OF_KIND = {"content": Level.FULL, "text": Level.ERROR, "stack": Level.ERROR}

_PASCAL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def check_event(name: str, table: Any, builtin: Catalog | None, today: date, to: Findings) -> None:
    """Notes every mistake of one event; `builtin` is None where the built-in one is checked."""
    path = ("events", name)
    _check_name(name, path, builtin, to)
    if not isinstance(table, dict):
        to.add(Code.NOT_A_TABLE, path, "not a table", f"Write [events.{name}] and its attributes")
        return
    sound = checked(table, EVENT_ATTRIBUTES, EVENT_REQUIRED, path, to)
    _check_words(sound, path, builtin, to)
    _check_expiry(sound, path, today, to)
    _check_retention(sound, path, to)
    fields = sound.get("fields", {})
    level = LEVEL_BY_LABEL.get(sound.get("level", ""), Level.FULL)
    check_fields(fields, (*path, "fields"), level, to)
    _check_level(sound, fields, path, level, to)
    check_noise(sound, path, to)


def expiry_of(text: str) -> date | None:
    """The last day of `expires`; None for `never` and for what is not a date."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def is_expired(expires: str, today: date) -> bool:
    """Whether the last day on which the event may be collected has passed."""
    last = expiry_of(expires)
    return last is not None and last < today


def _check_name(name: str, path: Path, builtin: Catalog | None, to: Findings) -> None:
    if _PASCAL_CASE.fullmatch(name) is None or len(name) > NAME_CHARS_MAX:
        hint = "Name it in PascalCase, letters and digits only, such as ExportFinished"
        to.add(Code.EVENT_NAME, path, f'"{name}" is not an event name', hint)
    if builtin is not None and name in builtin.events:
        hint = "Choose another name: what a built-in event means is the same in every app"
        to.add(Code.BUILTIN_NAME, path, f"{name} is a built-in event", hint)


def _check_words(sound: Table, path: Path, builtin: Catalog | None, to: Findings) -> None:
    level = sound.get("level")
    if level is not None and level not in LEVELS:
        message = f'unknown level "{level}"'
        hint = "Events at off are never collected." if level == "off" else nearest(level, LEVELS)
        to.add(Code.UNKNOWN_LEVEL, (*path, "level"), message, hint)
    worth = sound.get("sensitivity")
    if worth is not None and worth not in SENSITIVITIES:
        hint = nearest(worth, SENSITIVITIES)
        to.add(
            Code.UNKNOWN_SENSITIVITY, (*path, "sensitivity"), f'unknown sensitivity "{worth}"', hint
        )
    origin = sound.get("origin", "client")
    if origin not in ORIGINS or (builtin is not None and origin != "client"):
        hint = 'Leave it out: events of an app come from "client"'
        to.add(Code.UNKNOWN_ORIGIN, (*path, "origin"), f'origin "{origin}" is not the app\'s', hint)


def _check_expiry(sound: Table, path: Path, today: date, to: Findings) -> None:
    expires = sound.get("expires")
    if expires is None or expires == NEVER:
        return
    at = (*path, "expires")
    if expiry_of(expires) is None:
        hint = 'Write the last day as "2027-06-30", or "never"'
        to.add(Code.BAD_DATE, at, f'expires "{expires}" is not a date', hint)
    elif is_expired(expires, today):
        hint = "Remove the event, or set a later date if its question is still open"
        to.add(Code.EXPIRED, at, f"expired on {expires}", hint)


def _check_retention(sound: Table, path: Path, to: Findings) -> None:
    days = sound.get("retention_days")
    if days is not None and not 1 <= days <= RETENTION_DAYS_MAX:
        message = f"retention_days {days} is out of range"
        hint = f"Keep it for 1 to {RETENTION_DAYS_MAX} days"
        to.add(Code.RETENTION_RANGE, (*path, "retention_days"), message, hint)


def _check_level(sound: Table, fields: Any, path: Path, level: Level, to: Findings) -> None:
    """Free text and content need more consent than counts do."""
    for kind, at in kinds_within(fields, (*path, "fields")):
        needed = LEVEL_OF_KIND.get(kind, Level.CRASH)
        if level < needed:
            message = f"kind {kind} needs level {needed.label}, the event has {level.label}"
            hint = f'Raise the event to "{needed.label}", or send a count, enum or id instead'
            to.add(Code.LEVEL_TOO_LOW, at, message, hint)
        if kind == "content" and sound.get("sensitivity") in ("technical", "interaction"):
            message = "kind content in an event that is not of sensitivity content"
            to.add(Code.SENSITIVITY_TOO_LOW, at, message, 'Set sensitivity = "content"')
