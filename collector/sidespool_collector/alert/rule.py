"""The alerts file: rules and where their notices go, checked as a whole before anything runs.

    every = "1m"

    [destinations.team]
    kind = "slack"                      # webhook, slack or email
    url_env = "SLACK_URL"               # or url = "https://…"

    [[rules]]
    name = "many errors"
    metric = "errors.errors"            # chart.figure, or events.<event type>
    above = 50
    window = "1h"
    to = ["team"]

Durations are `90s`, `10m`, `1h`, `7d`. Secrets may stand in the environment, never in a notice.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from sidespool.errors import ConfigError

SETTING = "COLLECTOR_ALERTS_FILE"
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
HOUR_MS = _UNITS_MS["h"]
WINDOW_MAX_MS = 90 * _UNITS_MS["d"]
EVERY_MIN_MS = 1000
NAME_MAX = 100


class Webhook(msgspec.Struct, frozen=True, tag_field="kind", tag="webhook", kw_only=True,
              forbid_unknown_fields=True):  # fmt: skip
    """Any receiver of JSON; with a secret the body is signed."""

    url: str = ""
    url_env: str = ""
    secret_env: str = ""
    max_per_hour: int = 20


class Slack(msgspec.Struct, frozen=True, tag_field="kind", tag="slack", kw_only=True,
            forbid_unknown_fields=True):  # fmt: skip
    """An incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat)."""

    url: str = ""
    url_env: str = ""
    max_per_hour: int = 20


class Email(msgspec.Struct, frozen=True, tag_field="kind", tag="email", kw_only=True,
            forbid_unknown_fields=True):  # fmt: skip
    """A mailbox, through an SMTP server. Port 0 is the usual one of `security`."""

    to: list[str]
    sender: str = msgspec.field(name="from")
    host: str = "localhost"
    port: int = 0
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_env: str = ""
    ca_file: str = ""
    max_per_hour: int = 20


Destination = Webhook | Slack | Email
Kind = Literal["threshold", "change", "new_error", "regression"]


class _RawRule(msgspec.Struct, forbid_unknown_fields=True, rename={"hold": "for"}):
    name: str
    to: list[str]
    kind: Kind = "threshold"
    metric: str = ""
    row: str = ""
    above: float | None = None
    below: float | None = None
    at_least: float = 1
    window: str = ""
    hold: str = "0s"
    clear: str = "5m"
    repeat: str = ""
    version: str = ""
    os: str = ""


class _RawFile(msgspec.Struct, forbid_unknown_fields=True):
    destinations: dict[str, Destination]
    rules: list[_RawRule] = []
    every: str = "1m"


class Rule(msgspec.Struct, frozen=True):
    """When to tell whom. `hold_ms`: how long it must be bad first; `clear_ms`: good, to end it.

    `repeat_ms` 0 means to tell once. For `change`, `above` and `below` are percent against the
    same hours a week before, where that was `at_least`.
    """

    name: str
    to: tuple[str, ...]
    kind: Kind = "threshold"
    metric: str = ""
    row: str = ""
    above: float | None = None
    below: float | None = None
    at_least: float = 1
    window_ms: int = HOUR_MS
    hold_ms: int = 0
    clear_ms: int = 300_000
    repeat_ms: int = 0
    version: str = ""
    os: str = ""

    @property
    def is_about_errors(self) -> bool:
        """Whether it tells of error groups, each once, and not of a number."""
        return self.kind in ("new_error", "regression")


class AlertPlan(msgspec.Struct, frozen=True):
    """A whole alerts file."""

    destinations: dict[str, Destination]
    rules: tuple[Rule, ...]
    every_ms: int


def load_plan(path: Path) -> AlertPlan:
    """Reads the file; raises ConfigError naming what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(SETTING, f"cannot read {path}: {error}") from None
    return parse_plan(text)


def parse_plan(text: str) -> AlertPlan:
    """A file's text as a plan; raises ConfigError."""
    try:
        raw = msgspec.convert(tomllib.loads(text), _RawFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(SETTING, str(error)) from None
    rules = tuple(_rule_of(each, raw.destinations) for each in raw.rules)
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(SETTING, f"two rules are named {name!r}")
    for name, destination in raw.destinations.items():
        _check(name, destination)
    every = _duration("every", raw.every, at_least_ms=EVERY_MIN_MS)
    return AlertPlan(raw.destinations, rules, every)


def _rule_of(raw: _RawRule, destinations: dict[str, Destination]) -> Rule:
    where = f"rule {raw.name!r}"
    if not 0 < len(raw.name) <= NAME_MAX or not raw.name.isprintable():
        raise ConfigError(SETTING, f"{where}: a name has 1 to {NAME_MAX} printable characters")
    for name in raw.to:
        if name not in destinations:
            raise ConfigError(SETTING, f"{where}: there is no destination {name!r}")
    is_about_errors = raw.kind in ("new_error", "regression")
    has_limit = raw.above is not None or raw.below is not None
    if is_about_errors and (raw.metric or has_limit):
        raise ConfigError(SETTING, f"{where}: {raw.kind} takes no metric, above or below")
    if not is_about_errors and not (raw.metric and has_limit):
        raise ConfigError(SETTING, f"{where}: needs a metric, and above or below")
    window = _duration(where, raw.window or ("24h" if is_about_errors else "1h"))
    if not HOUR_MS <= window <= WINDOW_MAX_MS:
        raise ConfigError(SETTING, f"{where}: a window is from 1h to 90d")
    repeat = _duration(where, raw.repeat or ("0s" if is_about_errors else "24h"))
    return Rule(
        raw.name, tuple(dict.fromkeys(raw.to)), raw.kind, raw.metric, raw.row, raw.above,
        raw.below, raw.at_least, window, _duration(where, raw.hold), _duration(where, raw.clear),
        repeat, raw.version, raw.os,
    )  # fmt: skip


def _check(name: str, destination: Destination) -> None:
    where = f"destination {name!r}"
    if destination.max_per_hour < 1:
        raise ConfigError(SETTING, f"{where}: max_per_hour is at least 1")
    if isinstance(destination, Email):
        if not destination.to or not all("@" in address for address in destination.to):
            raise ConfigError(SETTING, f"{where}: to is a list of addresses")
        if any(c in text for text in (*destination.to, destination.sender) for c in "\r\n"):
            raise ConfigError(SETTING, f"{where}: an address has no line breaks")
        secrets = [destination.password_env]
    else:
        url = destination.url or os.environ.get(destination.url_env, "")
        if not url.startswith(("http://", "https://")):
            raise ConfigError(SETTING, f"{where}: needs url, or url_env naming a variable with one")
        secrets = [destination.secret_env] if isinstance(destination, Webhook) else []
    for variable in filter(None, secrets):
        if variable not in os.environ:
            raise ConfigError(SETTING, f"{where}: the variable {variable} is not set")


def _duration(where: str, text: str, at_least_ms: int = 0) -> int:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or int(match[1]) * _UNITS_MS[match[2]] < at_least_ms:
        raise ConfigError(SETTING, f"{where}: {text!r} is no duration such as 90s, 10m, 1h or 7d")
    return int(match[1]) * _UNITS_MS[match[2]]
