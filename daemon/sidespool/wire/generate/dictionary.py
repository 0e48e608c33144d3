"""Renders the data dictionary: every event and field of a catalog, in Markdown."""

from collections.abc import Iterable

from sidespool.wire.catalog import Catalog, EventSpec
from sidespool.wire.generate.prose import (
    SENSITIVITIES,
    bounds,
    flat_fields,
    noise_words,
    treatment,
    until,
)

_HEAD = """# Data dictionary

Generated from the event catalog: do not edit, run `make generate`.

Every event the catalog knows, with every field it may carry. What is not listed here is refused
at the door. No field is required unless it says so: what an application does not know it leaves
out. The consent level is the least at which the event is collected at all
(`crash` < `error` < `usage` < `full`).

Beside its payload each event carries `event_id`, `event_type`, `timestamp`, `session_id`,
`user_id` (a random install id unless the application set another), `app_id`, `app_version`, `os`
and `seq`, the event's number on this installation.
"""


def render_dictionary(catalog: Catalog) -> str:
    """The whole document."""
    index = table(
        ("Event", "Level", "What happened"),
        (
            (f"[{spec.name}](#{spec.name.lower()})", spec.level_label, spec.description)
            for spec in catalog.events.values()
        ),
    )
    sections = [_section(spec) for spec in catalog.events.values()]
    return "\n".join([_HEAD, index, *sections])


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; bars and line ends in cells are made harmless."""
    lines = [_row(head), _row(tuple("---" for _ in head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _section(spec: EventSpec) -> str:
    origin = "the daemon itself" if spec.origin == "daemon" else "the application"
    facts = [
        f"- **Why:** {spec.why}",
        f"- **Level:** `{spec.level_label}`; sensitivity `{spec.sensitivity}`: "
        f"{SENSITIVITIES[spec.sensitivity]}",
        f"- **Owner:** {spec.owner}; collected until: {until(spec)}; "
        f"kept by a collector for {spec.retention_days} days",
        f"- **Comes from:** {origin}",
    ]
    if spec.aggregate:
        facts.append("- **Only as a sum:** single events never leave the machine")
    if spec.noise:
        words = noise_words(spec.epsilon, spec.period_maximum)
        facts.append(f"- **With noise:** how many there were is {words}")
    return "\n".join([f"## {spec.name}\n", f"{spec.description}\n", *facts, "", _fields(spec)])


def _fields(spec: EventSpec) -> str:
    rows = [
        (
            f"`{name}`" + (" (required)" if field.required else ""),
            field.type.replace("string_or_map", "string or map"),
            field.kind,
            bounds(field),
            f"{field.description} *{treatment(field)}*",
        )
        for name, field in flat_fields(spec.fields)
    ]
    if not rows:
        return "It carries no payload.\n"
    return table(("Field", "Type", "Kind", "Bounds", "Meaning and treatment"), rows)
