"""The closed list of placeholders, and their hiding while a text is worked on.

While the passes run, every placeholder is one Unicode noncharacter (U+FDD0 and up). No pattern can
match into it or across it by accident, and a class such as ``[^\\s"]`` sees one character instead
of a word in braces. Noncharacters never occur in interchanged text, so nothing real is mistaken.
"""

from sidespool.core.scrub.lazy import Lazy

NAMES = (
    "USER_HOME_PATH",
    "PROJECT_PATH",
    "APP_PATH",
    "PATH",
    "UNC_PATH",
    "FILE_NAME",
    "URL",
    "EMAIL",
    "IP",
    "MAC",
    "PHONE",
    "CREDIT_CARD",
    "IBAN",
    "NATIONAL_ID",
    "GPS",
    "USER",
    "HOST",
    "HARDWARE_ID",
    "SECRET",
    "PROPERTY_NAME",
    "STATUS_CODE",
    "DATE",
    "TIME",
    "DURATION",
    "UUID",
    "HEX",
    "NUMBER",
    "STRING",
    "ID",
    "TEXT",
)

_FIRST = 0xFDD0
_MARK_OF = {name: chr(_FIRST + index) for index, name in enumerate(NAMES)}
_SHOWN = {ord(mark): "{" + name + "}" for name, mark in _MARK_OF.items()}

# For use inside a character class.
MARKS = f"{chr(_FIRST)}-{chr(_FIRST + len(NAMES) - 1)}"
# Stands for a percent-encoded blank while an encoded token is looked at: a blank would end it.
BLANK = "\ufdef"

(
    USER_HOME_PATH,
    PROJECT_PATH,
    APP_PATH,
    PATH,
    UNC_PATH,
    FILE_NAME,
    URL,
    EMAIL,
    IP,
    MAC,
    PHONE,
    CREDIT_CARD,
    IBAN,
    NATIONAL_ID,
    GPS,
    USER,
    HOST,
    HARDWARE_ID,
    SECRET,
    PROPERTY_NAME,
    STATUS_CODE,
    DATE,
    TIME,
    DURATION,
    UUID,
    HEX,
    NUMBER,
    STRING,
    ID,
    TEXT,
) = (_MARK_OF[name] for name in NAMES)

ROOT_MARKS = USER_HOME_PATH + PROJECT_PATH + APP_PATH + PATH + UNC_PATH

_WRITTEN = Lazy(r"\{(" + "|".join(NAMES) + r")\}")
_ANY_MARK = Lazy(f"[{MARKS}]")


def hide(text: str) -> str:
    """Replaces every written placeholder by its mark. What follows it stays open to the passes."""
    if "{" not in text:
        return text
    return _WRITTEN.sub(lambda match: _MARK_OF[match[1]], text)


def reveal(text: str) -> str:
    """Writes every mark out as ``{NAME}``."""
    return text.translate(_SHOWN) if _ANY_MARK.search(text) else text


_NONCHARACTER = Lazy("[\ufdd0-\ufdef]")


def purge(text: str) -> str:
    """Replaces noncharacters that came in with the text: nobody may forge a mark."""
    return _NONCHARACTER.sub("\ufffd", text)


def has_mark(text: str) -> bool:
    return _ANY_MARK.search(text) is not None
