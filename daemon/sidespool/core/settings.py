"""Merges what the app sets, from the environment, the settings file and the `set` operation.

The environment speaks at start; a key of the settings file or of a `set` overrides it from then
on, the later change winning. A `set` of null takes an earlier `set` back: the file's word counts
again, or else the environment's. A key that goes from the file gives way to the environment. A
value that cannot be understood never opens anything: a broken `telemetryEnabled` counts as off, a
broken level as `off`; a broken user id or endpoint is left out.
"""

from typing import Any

import msgspec

from sidespool.core.consent import AppSettings
from sidespool.wire.event import USER_SHAPE
from sidespool.wire.frame import Settings
from sidespool.wire.level import LEVEL_BY_LABEL, Level

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors on Windows begin a file with it
FILE_KEYS = {
    "telemetryEnabled": "enabled",
    "telemetryFullContent": "full_content",
    "telemetryLevel": "level",
    "telemetryEndpoint": "endpoint",
    "telemetryUserId": "user_id",
    "telemetryUsage": "usage",
}


class Overrides(msgspec.Struct, frozen=True):
    """What was changed since the start, by whom."""

    file: dict[str, Any] = {}
    set: dict[str, Any] = {}

    def on_file(self, content: dict[str, Any]) -> "Overrides":
        """The file was read; a key that changed in it, or went, is later than any `set`."""
        changed = changed_keys(self.file, content)
        kept = {name: value for name, value in self.set.items() if name not in changed}
        return Overrides(content, kept)

    def on_set(self, changes: dict[str, Any]) -> "Overrides":
        """A client changed keys, or took its changes back (None)."""
        both = {**self.set, **changes}
        return Overrides(
            self.file, {name: value for name, value in both.items() if value is not None}
        )

    @property
    def effective(self) -> dict[str, Any]:
        """The word that counts, by key."""
        return {**self.file, **self.set}


class LiveSettings(msgspec.Struct, frozen=True):
    """What the app has set by now; `warnings` are sentences for `status`."""

    app: AppSettings
    endpoint: str
    user_id: str
    warnings: tuple[str, ...] = ()
    usage: str = "events"


def from_file(raw: bytes) -> dict[str, Any] | None:
    """The known keys of an electron-store file; None while it is not JSON (being written)."""
    try:
        document = msgspec.json.decode(raw.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if not isinstance(document, dict):
        return None
    return {ours: document[key] for key, ours in FILE_KEYS.items() if key in document}


def from_set(settings: Settings) -> dict[str, Any]:
    """The keys of a `set` operation; a null stays, to take the change back."""
    return {
        name: value
        for name in ("enabled", "full_content", "level")
        if (value := getattr(settings, name)) is not msgspec.UNSET
    }


def valid_set(settings: Settings) -> str:
    """Why a `set` cannot be carried out, or ""."""
    if isinstance(settings.level, str) and settings.level not in LEVEL_BY_LABEL:
        return "level is not off, crash, error, usage or full"
    return ""


def unknown_setting(names: list[str]) -> str:
    """What to say of keys that are no settings; they are cut, for they may be anything."""
    known = ", ".join(Settings.__struct_fields__)
    return f"{names[0][:40]!r} is not a setting; nothing was changed. Known: {known}"


def changed_keys(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The keys in which two readings of the file differ."""
    gone = msgspec.UNSET
    return {name for name in old.keys() | new.keys() if old.get(name, gone) != new.get(name, gone)}


def merged(start: LiveSettings, overrides: dict[str, Any]) -> LiveSettings:
    """The environment's settings with later changes over them."""
    warnings: list[str] = []
    app = AppSettings(
        enabled=_switch(overrides, "enabled", start.app.enabled, warnings),
        full_content=_switch(overrides, "full_content", start.app.full_content, warnings),
        level=_level(overrides, start.app.level, warnings),
    )
    endpoint = _text(overrides, "endpoint", start.endpoint)
    user_id = _text(overrides, "user_id", start.user_id)
    if user_id != start.user_id and USER_SHAPE.fullmatch(user_id) is None:
        warnings.append("the setting user_id is not 1 to 128 letters, digits, . _ : @ -: left out")
        user_id = start.user_id
    usage = _usage(overrides, start.usage, warnings)
    return LiveSettings(app, endpoint, user_id, tuple(warnings), usage)


def _switch(
    overrides: dict[str, Any], name: str, start: bool | None, warnings: list[str]
) -> bool | None:
    value = overrides.get(name)
    if value is None:
        return start
    if isinstance(value, bool):
        return value
    warnings.append(f"the setting {name} is neither true nor false: taken as false")
    return False


def _level(overrides: dict[str, Any], start: Level, warnings: list[str]) -> Level:
    value = overrides.get("level")
    if value is None:
        return start
    if isinstance(value, str) and value in LEVEL_BY_LABEL:
        return LEVEL_BY_LABEL[value]
    warnings.append("the setting level is not off, crash, error, usage or full: taken as off")
    return Level.OFF


def _usage(overrides: dict[str, Any], start: str, warnings: list[str]) -> str:
    value = overrides.get("usage")
    if value is None:
        return start
    if value in ("events", "summary"):
        return str(value)
    warnings.append("the setting usage is neither events nor summary: taken as summary")
    return "summary"


def _text(overrides: dict[str, Any], name: str, start: str) -> str:
    value = overrides.get(name)
    return value.strip() if isinstance(value, str) and value.strip() else start
