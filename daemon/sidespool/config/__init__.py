"""What a user or an app may set: the `TELEMETRY_*` environment, as one checked value.

`read_config` is on the start path, so it reads with the plain parsers below. They are the same
ones that the pydantic-settings model (`config/model.py`) is built from; the model is loaded when
a value is refused, to say which and why, and by the verbs that have time (`doctor`, `status`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sidespool.wire.event import USER_SHAPE
from sidespool.wire.level import LEVEL_BY_LABEL, Level

EXPORTERS = ("http", "otlp", "posthog", "file", "stdout", "none")
TRUE_WORDS = ("1", "true", "on", "yes")
FALSE_WORDS = ("0", "false", "off", "no")
_APP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default; units are in the names."""

    enabled: bool | None = None
    full_content: bool | None = None
    full_content_key: str = "keychain"
    usage: str = "events"
    level: Level = Level.USAGE
    consent_model: str = "opt_out"
    policy_version: str = ""
    feature: bool = True
    do_not_track: bool = False
    local: bool = False
    endpoint: str = ""
    allow_insecure: bool = False
    token: str = ""
    exporter: tuple[str, ...] = ("http",)
    app_id: str = "app"
    app_version: str = "0"
    user_id: str = ""
    identity: str = "random"
    data_dir: str = ""
    settings_file: str = ""
    catalog: str = ""
    spool_max_bytes: int = 50 * 1024 * 1024
    spool_max_age_days: float = 14.0
    flush_interval_s: float = 30.0
    shutdown_grace_s: float = 10.0
    origins: tuple[str, ...] = ("file://", "app://")
    proxy: str = ""
    ca_file: str = ""
    deletion: str = "http"


def parse_switch(text: str) -> bool:
    """`1/true/on/yes` or `0/false/off/no`."""
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError("use 1, true, on, yes or 0, false, off, no")


def parse_do_not_track(text: str) -> bool:
    """Anything but empty, `0` and `false` means: do not track."""
    return text.strip().lower() not in ("", "0", "false")


def parse_level(text: str) -> Level:
    """One of the five levels by name."""
    found = LEVEL_BY_LABEL.get(text.strip().lower())
    if found is None:
        raise ValueError("use off, crash, error, usage or full")
    return found


def _words(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in allowed:
            raise ValueError("use " + " or ".join(allowed))
        return word

    return parse


def parse_exporters(text: str) -> tuple[str, ...]:
    """Comma-separated exporter names."""
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not names or any(name not in EXPORTERS for name in names):
        raise ValueError("use a comma-separated list of " + ", ".join(EXPORTERS))
    return names


def parse_list(text: str) -> tuple[str, ...]:
    """Comma-separated entries, blanks trimmed."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _number(low: float, high: float, kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = kind(text.strip())
        except ValueError:
            raise ValueError(f"use a number from {low:g} to {high:g}") from None
        if not low <= value <= high:
            raise ValueError(f"use a number from {low:g} to {high:g}")
        return value

    return parse


def _shape(pattern: re.Pattern[str], hint: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if pattern.fullmatch(text.strip()) is None:
            raise ValueError(hint)
        return text.strip()

    return parse


def parse_deletion(text: str) -> str:
    """`http`, `email:ADDRESS` or `event`."""
    word = text.strip()
    if word in ("http", "event") or (word.startswith("email:") and "@" in word[6:]):
        return word
    raise ValueError("use http, email:ADDRESS or event")


def parse_text(text: str) -> str:
    """Any text, blanks trimmed."""
    return text.strip()


PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "TELEMETRY_ENABLED": ("enabled", parse_switch),
    "TELEMETRY_FULL_CONTENT": ("full_content", parse_switch),
    "TELEMETRY_FULL_CONTENT_KEY": ("full_content_key", _words("keychain", "file")),
    "TELEMETRY_LEVEL": ("level", parse_level),
    "TELEMETRY_USAGE": ("usage", _words("events", "summary")),
    "TELEMETRY_CONSENT_MODEL": ("consent_model", _words("opt_out", "opt_in")),
    "TELEMETRY_POLICY_VERSION": ("policy_version", parse_text),
    "TELEMETRY_FEATURE": ("feature", parse_switch),
    "DO_NOT_TRACK": ("do_not_track", parse_do_not_track),
    "TELEMETRY_LOCAL": ("local", parse_switch),
    "TELEMETRY_ENDPOINT": ("endpoint", parse_text),
    "TELEMETRY_ALLOW_INSECURE": ("allow_insecure", parse_switch),
    "TELEMETRY_TOKEN": ("token", parse_text),
    "TELEMETRY_EXPORTER": ("exporter", parse_exporters),
    "TELEMETRY_APP_ID": ("app_id", _shape(_APP_ID, "use 1 to 64 letters, digits, . _ -")),
    "TELEMETRY_APP_VERSION": ("app_version", parse_text),
    "TELEMETRY_USER_ID": ("user_id", _shape(USER_SHAPE, "use 1 to 128 letters, digits, . _ : @ -")),
    "TELEMETRY_IDENTITY": ("identity", _words("random", "machine")),
    "TELEMETRY_DATA_DIR": ("data_dir", parse_text),
    "TELEMETRY_SETTINGS_FILE": ("settings_file", parse_text),
    "TELEMETRY_CATALOG": ("catalog", parse_text),
    "TELEMETRY_SPOOL_MAX_BYTES": ("spool_max_bytes", _number(4_096, 2**40, int)),
    "TELEMETRY_SPOOL_MAX_AGE_DAYS": ("spool_max_age_days", _number(0.001, 3_650, float)),
    "TELEMETRY_FLUSH_INTERVAL_S": ("flush_interval_s", _number(0.05, 86_400, float)),
    "TELEMETRY_SHUTDOWN_GRACE_S": ("shutdown_grace_s", _number(0, 300, float)),
    "TELEMETRY_ORIGINS": ("origins", parse_list),
    "TELEMETRY_PROXY": ("proxy", parse_text),
    "TELEMETRY_CA_FILE": ("ca_file", parse_text),
    "TELEMETRY_DELETION": ("deletion", parse_deletion),
}


def read_config(environ: Mapping[str, str]) -> Config:
    """The settings in an environment; raises ConfigError naming the first bad one.

    A variable that is set but empty counts as not set.
    """
    values: dict[str, Any] = {}
    for name, (field, parse) in PARSERS.items():
        text = environ.get(name, "")
        if not text.strip():
            continue
        try:
            values[field] = parse(text)
        except ValueError:
            from sidespool.config.model import explain_config

            raise explain_config(environ) from None
    return Config(**values)


def unknown_names(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """`TELEMETRY_*` names nobody reads, each with the nearest known one (or "")."""
    strange = [name for name in environ if name.startswith("TELEMETRY_") and name not in PARSERS]
    if not strange:
        return []
    import difflib

    return [(name, next(iter(difflib.get_close_matches(name, PARSERS, 1)), "")) for name in strange]
