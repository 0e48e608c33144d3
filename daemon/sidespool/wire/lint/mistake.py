"""A mistake in a catalog: on which line, of which sort, and what to do about it."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from sidespool.wire.lint.position import Path, Positions


class Code(StrEnum):
    """The sorts of mistakes; the words are stable, `docs/catalog.md` explains each."""

    NOT_UTF8 = "not_utf8"
    TOML_SYNTAX = "toml_syntax"
    DUPLICATE_KEY = "duplicate_key"
    NO_EVENTS = "no_events"
    CATALOG_VERSION = "catalog_version"
    NOT_A_TABLE = "not_a_table"
    UNKNOWN_ATTRIBUTE = "unknown_attribute"
    WRONG_TYPE = "wrong_type"
    EVENT_NAME = "event_name"
    FIELD_NAME = "field_name"
    BUILTIN_NAME = "builtin_name"
    ENVELOPE_NAME = "envelope_name"
    NO_LEVEL = "no_level"
    NO_DESCRIPTION = "no_description"
    NO_WHY = "no_why"
    NO_OWNER = "no_owner"
    NO_EXPIRES = "no_expires"
    NO_SENSITIVITY = "no_sensitivity"
    NO_RETENTION_DAYS = "no_retention_days"
    NO_KIND = "no_kind"
    UNKNOWN_LEVEL = "unknown_level"
    UNKNOWN_SENSITIVITY = "unknown_sensitivity"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_ORIGIN = "unknown_origin"
    BAD_DATE = "bad_date"
    EXPIRED = "expired"
    RETENTION_RANGE = "retention_range"
    LEVEL_TOO_LOW = "level_too_low"
    SENSITIVITY_TOO_LOW = "sensitivity_too_low"
    TYPE_OF_KIND = "type_of_kind"
    UNIT_MISSING = "unit_missing"
    UNBOUNDED_TEXT = "unbounded_text"
    BOUND_RANGE = "bound_range"
    BOUNDS_ORDER = "bounds_order"
    ENUM_VALUES = "enum_values"
    OBJECT_FIELDS = "object_fields"
    TOO_DEEP = "too_deep"
    MISPLACED_ATTRIBUTE = "misplaced_attribute"
    BIN_OF = "bin_of"
    UNKNOWN_NOISE = "unknown_noise"
    NO_EPSILON = "no_epsilon"
    EPSILON_RANGE = "epsilon_range"
    NO_PERIOD_MAXIMUM = "no_period_maximum"
    NOISE_PLACE = "noise_place"


class Mistake(msgspec.Struct, frozen=True):
    """One mistake; `where` is the event or `Event.field`, empty for the file as a whole."""

    line: int
    code: Code
    where: str
    message: str
    hint: str

    def sentence(self) -> str:
        """One line for a log or an exception: `line 12: ChatStarted: no owner. Add …`."""
        where = f"{self.where}: " if self.where else ""
        return f"line {self.line}: {where}{self.message}. {self.hint}"


class Findings:
    """Gathers the mistakes of one text and gives each its line."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._mistakes: list[Mistake] = []

    def add(self, code: Code, path: Path, message: str, hint: str) -> None:
        """Notes a mistake at a path such as ("events", "Chat", "fields", "size")."""
        line = self._positions.line_of(path)
        self._mistakes.append(Mistake(line, code, place(path), message, hint))

    def in_order(self) -> list[Mistake]:
        """All mistakes, by line."""
        return sorted(self._mistakes, key=lambda mistake: mistake.line)


def place(path: Path) -> str:
    """`Chat.size` for any path at or below events.Chat.fields.size; empty above events."""
    if path[:1] != ("events",) or len(path) < 2:
        return ""
    parts = [path[1]]
    rest = path[2:]
    while len(rest) >= 2 and rest[0] == "fields":
        parts.append(rest[1])
        rest = rest[2:]
    return ".".join(parts)


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "x"?` with the nearest known word, or all of them where none is near."""
    import difflib  # only a mistake needs it

    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    return "Known: " + ", ".join(words) + "."
