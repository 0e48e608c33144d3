"""Looks through encodings: ANSI colours, percent-encoding, JSON and Python string escapes.

Each view is decoded, scrubbed like any text, and written back only when that changed something, so
a text without a secret keeps every byte.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy

Scrub = Callable[[str], str]

_ANSI = Lazy(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\-_])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_ENCODED = Lazy(r"[^\s\"'<>()`]*%[0-9A-Fa-f]{2}[^\s\"'<>()`]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PIECE = re.compile(r"%[0-9A-Fa-f]{2}")
# The closing quote is optional, so an open string is passed over once and not tried at every quote.
_LITERAL = Lazy(r"\"((?:[^\"\\\n]|\\[^\n])*)(\"?)")
_ESCAPES = Lazy(r"\\[\"\\/bfnrtu]")


def strip_ansi(text: str) -> str:
    """The text without terminal escapes."""
    return _ANSI.sub("", text)


def scrub_percent(text: str, scrub: Scrub) -> str:
    """Scrubs what percent-encoded tokens say; an encoded blank does not end such a token."""
    if ph.BLANK in text:
        return text
    return _ENCODED.sub(lambda match: _decoded(match[0], scrub), text)


# The path pass reads encoded paths itself; decoded, a bracket or a quote would end them.
_FILE_URL = Lazy(r"[\W_]{0,8}(?:file|vscode-file|vscode-remote|vscode-local):/", re.IGNORECASE)


def _decoded(token: str, scrub: Scrub) -> str:
    if _FILE_URL.match(token):
        return token
    plain = unquote(token)
    if _PIECE.search(plain):
        plain = unquote(plain)
    if plain == token or _CONTROL.search(plain):
        return token  # "fe80::1%12": what decodes to a control character was not encoded
    joined = "".join(ph.BLANK if c.isspace() else c for c in plain)
    for view in (joined, plain) if joined != plain else (plain,):
        scrubbed = scrub(view)
        if scrubbed != view:
            return "".join("%20" if c == ph.BLANK or c.isspace() else c for c in scrubbed)
    return token


def scrub_literals(text: str, scrub: Scrub) -> str:
    """Scrubs what double-quoted strings with escapes say, and writes them back as JSON strings."""
    if "\\u002" in text:
        text = _ESCAPED_RUN.sub(lambda match: _escaped_run(match[0], scrub), text)
    if '"' not in text:
        return text
    return _LITERAL.sub(lambda match: _literal(match, scrub), text)


# \u002fhome\u002fkaren outside of quotes
_ESCAPED_RUN = Lazy(
    r"(?:[A-Za-z]:)?\\u00(?:2[fF]|5[cC])(?:[^\s\"'<>|`,;\\]|\\u00(?:2[fF]|5[cC]|20)){1,1000}"
)


def _escaped_run(run: str, scrub: Scrub) -> str:
    plain = _SLASH.sub(lambda match: chr(int(match[1], 16)), run)
    scrubbed = scrub(plain)
    return run if scrubbed == plain else scrubbed


_SLASH = Lazy(r"\\u00(2[fF]|5[cC]|20)")


def _literal(match: re.Match[str], scrub: Scrub) -> str:
    if not match[2] or not _ESCAPES.search(match[1]):
        return match[0]
    try:
        plain = msgspec.json.decode(match[0].encode(), type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return match[0]
    scrubbed = scrub(plain)
    if scrubbed == plain:
        return match[0]
    written = msgspec.json.encode(scrubbed).decode()
    return written.replace("/", "\\/") if "\\/" in match[0] else written
