"""Merges what the app sets, from the environment, the settings file and the `set` operation.

The environment speaks at start; a key of the settings file or of a `set` overrides it from then
on, the later change winning. A key taken back (null, or gone from the file) falls back to the
environment's word. A value that cannot be understood never opens anything: a broken
`telemetryEnabled` counts as off, a broken level as `off`.
"""

from typing import Any

import msgspec

from sidespool.core.consent import AppSettings
from sidespool.wire.frame import Settings
from sidespool.wire.level import LEVEL_BY_LABEL, Level

FILE_KEYS = {
    "telemetryEnabled": "enabled",
    "telemetryFullContent": "full_content",
    "telemetryLevel": "level",
    "telemetryEndpoint": "endpoint",
    "telemetryUserId": "user_id",
}


class LiveSettings(msgspec.Struct, frozen=True):
    """What the app has set by now; `warnings` are sentences for `status`."""

    app: AppSettings
    endpoint: str
    user_id: str
    warnings: tuple[str, ...] = ()


def from_file(raw: bytes) -> dict[str, Any] | None:
    """The known keys of an electron-store file; None while it is not JSON (being written)."""
    try:
        document = msgspec.json.decode(raw)
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


def changed_keys(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What differs from the last reading of the file; a key that went away becomes None."""
    out = {name: value for name, value in new.items() if old.get(name, msgspec.UNSET) != value}
    out.update({name: None for name in old if name not in new})
    return out


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
    return LiveSettings(app, endpoint, user_id, tuple(warnings))


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


def _text(overrides: dict[str, Any], name: str, start: str) -> str:
    value = overrides.get(name)
    return value.strip() if isinstance(value, str) and value.strip() else start
