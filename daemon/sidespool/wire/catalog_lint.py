"""Judges a catalog's text: every mistake with its line, its sort, and what to do about it.

`sidespool catalog check` shows what `lint_catalog` finds; the daemon calls `combine` at its
start. Both take the text of an app's own `telemetry.catalog.toml`, which has the form of the
built-in `catalog.toml` and adds to it.
"""

import re
import tomllib
from datetime import date
from typing import Any

from sidespool.errors import CatalogError
from sidespool.wire.catalog import CATALOG_VERSION, Catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.lint.event_rule import check_event, is_expired
from sidespool.wire.lint.mistake import Code, Findings, Mistake, nearest
from sidespool.wire.lint.noise_rule import check_noise_together
from sidespool.wire.lint.position import Positions

_TOP_LEVEL = ("version", "events")
_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_REPEATED = ("overwrite", "twice")


def lint_catalog(text: str, *, today: date, builtin: Catalog | None = None) -> list[Mistake]:
    """Every mistake in a catalog, by line; empty when there is none.

    `builtin` is the catalog the text adds to (None to judge the built-in one itself); `today`
    decides what is expired. Any text gives a list, none raises.
    """
    text = text.removeprefix("\ufeff")
    positions = Positions(text)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return [_syntax_mistake(error, positions)]
    findings = Findings(positions)
    _check_top_level(document, findings)
    events = document.get("events")
    if isinstance(events, dict):
        for name, table in events.items():
            check_event(name, table, builtin, today, findings)
        check_noise_together(events, findings)
    return findings.in_order()


def combine(builtin: Catalog, text: str, source: str, today: date) -> Catalog:
    """The built-in catalog and an app's own; raises CatalogError listing the text's mistakes.

    An event whose last day has passed is no mistake here: it is left out, so that an installed
    app that grew old goes on without it and nothing is collected beyond its date.
    """
    mistakes = lint_catalog(text, today=today, builtin=builtin)
    fatal = [mistake.sentence() for mistake in mistakes if mistake.code is not Code.EXPIRED]
    if fatal:
        raise CatalogError(source, fatal)
    own = parse_catalog(text, source)
    alive = {name: spec for name, spec in own.events.items() if not is_expired(spec.expires, today)}
    return builtin.extended(Catalog(events=alive))


def decode_text(raw: bytes) -> str | Mistake:
    """The text of a catalog file, or the mistake with the line that is not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Mistake(line, Code.NOT_UTF8, "", "not UTF-8", "Save the file as UTF-8")


def _syntax_mistake(error: Exception, positions: Positions) -> Mistake:
    """tomllib stops at the first error and says where it stood, mostly at the end of a value."""
    said = str(error)
    if any(word in said for word in _REPEATED) and positions.repeated:
        path, line, first = positions.repeated[0]
        message = f'"{".".join(path)}" stands twice, first on line {first}'
        return Mistake(line, Code.DUPLICATE_KEY, "", message, "Keep one of the two")
    found = _LINE.search(said)
    line = int(found[1]) if found else positions.last_line()
    if isinstance(error, RecursionError):
        said = "nested too deeply"
    message = _LINE.sub("", said).replace("(at end of document)", "").strip()
    hint = "Correct the line, then check again: what follows it was not read"
    return Mistake(line, Code.TOML_SYNTAX, "", f"not TOML: {message}", hint)


def _check_top_level(document: dict[str, Any], to: Findings) -> None:
    for name in document:
        if name not in _TOP_LEVEL:
            message = f'unknown key "{name}" at the top'
            to.add(Code.UNKNOWN_ATTRIBUTE, (name,), message, nearest(name, _TOP_LEVEL))
    version = document.get("version", CATALOG_VERSION)
    if isinstance(version, bool) or version != CATALOG_VERSION:
        hint = f"This Sidespool reads catalogs with version = {CATALOG_VERSION}"
        to.add(Code.CATALOG_VERSION, ("version",), f"version {version!r} is unknown", hint)
    events = document.get("events")
    if not isinstance(events, dict) or not events:
        hint = "Begin with a table such as [events.ExportFinished]"
        to.add(Code.NO_EVENTS, ("events",), "no events", hint)
