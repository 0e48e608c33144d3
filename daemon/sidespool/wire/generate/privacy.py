"""Renders the privacy page (Markdown, HTML) and its machine-readable twin (JSON)."""

import json
from html import escape
from typing import Any

import msgspec

from sidespool.wire.catalog import Catalog, EventSpec
from sidespool.wire.generate.dictionary import table
from sidespool.wire.generate.prose import (
    KINDS,
    LEVELS,
    bounds,
    flat_fields,
    noise_words,
    treatment,
    until,
)
from sidespool.wire.level import Level
from sidespool.wire.noise import counters_of, noisy_counters, period_cost

_TITLE = "What is collected, why, and for how long"
_HEAD = (
    "This page lists everything the application can send, in the words of its event catalog: "
    "an event or a field that is not listed here is refused before it is written to disk.",
    "You decide how much. Each level includes all above it in this list:",
)
_CHOICES = (
    "Switch it off in the application's settings, with `sidespool disable`, or by setting "
    "`DO_NOT_TRACK=1`. Off acts at once: what was collected and not yet sent is removed.",
    "See the exact bytes before they go with `sidespool preview` and `sidespool pending`, and "
    "what was sent with `sidespool history`.",
    "Have everything deleted, here and at the collector, with `sidespool reset`.",
    "Events carry a random id of this installation, unless the application gives one of its own; "
    "never an account's name, an address or a serial number.",
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ccc}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}"
    "th,td{border-color:#444}a{color:#9cf}}"
)


def render_privacy_markdown(catalog: Catalog) -> str:
    """The page for a repository or a documentation site."""
    lines = [f"# {_TITLE}\n", "Generated from the event catalog: do not edit, run `make generate`."]
    lines += ["", *_paragraphs(), ""]
    lines += [f"- **{level.label}**: {words}" for level, words in LEVELS.items()]
    lines += ["", "## Your choices\n", *(f"- {choice}" for choice in _CHOICES)]
    for level, specs in _by_level(catalog):
        lines += ["", f"## Collected from level {level.label} on", ""]
        for spec in specs:
            lines += [f"### {spec.name}\n", f"{spec.description} {_life(spec)}\n"]
            lines += [f"**Why:** {spec.why}\n", _markdown_fields(spec)]
    lines += ["", "## How values are treated\n", table(("Kind", "Treatment"), KINDS.items())]
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def render_privacy_html(catalog: Catalog) -> str:
    """The page as one HTML file without scripts, styles of others, or anything to load."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_TITLE}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{_TITLE}</h1>",
        *(f"<p>{_inline(text)}</p>" for text in _paragraphs()),
        _list(
            f"<strong>{level.label}</strong>: {_inline(words)}" for level, words in LEVELS.items()
        ),
        "<h2>Your choices</h2>",
        _list(_inline(choice) for choice in _CHOICES),
    ]
    for level, specs in _by_level(catalog):
        parts.append(f"<h2>Collected from level {level.label} on</h2>")
        for spec in specs:
            parts += [
                f'<h3 id="{spec.name}">{spec.name}</h3>',
                f"<p>{_inline(spec.description)} {_inline(_life(spec))}</p>",
                f"<p><strong>Why:</strong> {_inline(spec.why)}</p>",
                _html_table(("Field", "Meaning", "Treatment"), _rows(spec)),
            ]
    parts += ["<h2>How values are treated</h2>", _html_table(("Kind", "Treatment"), KINDS.items())]
    return "\n".join([*parts, "</main>\n</body>\n</html>\n"])


def render_privacy_json(catalog: Catalog) -> str:
    """The twin that a program reads: everything the page says, event by event."""
    page = {
        "version": 1,
        "levels": [
            {"level": level.label, "order": int(level), "description": words}
            for level, words in LEVELS.items()
        ],
        "kinds": KINDS,
        "noise_epsilon_per_period": period_cost(noisy_counters(catalog)),
        "events": [describe_event(spec) for spec in catalog.events.values()],
    }
    return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def describe_event(spec: EventSpec) -> dict[str, Any]:
    """Everything there is to say of one event, in plain values."""
    return {
        "event_type": spec.name,
        "level": spec.level_label,
        "description": spec.description,
        "why": spec.why,
        "owner": spec.owner,
        "expires": spec.expires,
        "sensitivity": spec.sensitivity,
        "retention_days": spec.retention_days,
        "origin": spec.origin,
        "aggregate": spec.aggregate,
        "noise": [msgspec.to_builtins(one) for one in counters_of(spec)],
        "fields": [
            {
                "name": name,
                "kind": field.kind,
                "type": field.type,
                "required": field.required,
                "bounds": bounds(field).replace("`", ""),
                "description": field.description,
                "treatment": treatment(field),
            }
            for name, field in flat_fields(spec.fields)
        ],
    }


def _paragraphs() -> tuple[str, ...]:
    return (_HEAD[0] + "\n", _HEAD[1])


def _by_level(catalog: Catalog) -> list[tuple[Level, list[EventSpec]]]:
    every = [
        (level, [spec for spec in catalog.events.values() if spec.level is level])
        for level in LEVELS
    ]
    return [(level, specs) for level, specs in every if specs]


def _life(spec: EventSpec) -> str:
    until_when = "" if spec.expires == "never" else f" Collected until {until(spec)}."
    owner = f"the {spec.owner} team answers for it."
    noise = f" {_noise(spec)}" if spec.is_noisy else ""
    return f"Kept for {spec.retention_days} days; {owner}{until_when}{noise}"


def _noise(spec: EventSpec) -> str:
    cost = period_cost(counters_of(spec))
    own = ""
    if spec.noise:
        own = f"How many there were is {noise_words(spec.epsilon, spec.period_maximum)}. "
    return f"{own}All of it together costs epsilon {cost:g} a period, used or not."


def _rows(spec: EventSpec) -> list[tuple[str, str, str]]:
    return [
        (f"`{name}`", field.description, treatment(field))
        for name, field in flat_fields(spec.fields)
    ]


def _markdown_fields(spec: EventSpec) -> str:
    rows = _rows(spec)
    return table(("Field", "Meaning", "Treatment"), rows) if rows else "It carries no values.\n"


def _html_table(head: tuple[str, ...], rows: Any) -> str:
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _list(items: Any) -> str:
    return "<ul>\n" + "\n".join(f"<li>{item}</li>" for item in items) + "\n</ul>"


def _inline(text: str) -> str:
    """Escaped, with `code` marked as such."""
    pieces = escape(text.strip()).split("`")
    if len(pieces) % 2 == 0:
        return escape(text.strip())
    return "".join(
        f"<code>{piece}</code>" if odd % 2 else piece for odd, piece in enumerate(pieces)
    )
