"""The words in which every generated document speaks of levels, kinds, bounds and treatment."""

from collections.abc import Iterator
from math import sqrt

from sidespool.wire.catalog import EventSpec, FieldSpec
from sidespool.wire.level import Level
from sidespool.wire.noise import noise_scale, noise_variance, truth_probability
from sidespool.wire.validate import number_bounds

LEVELS: dict[Level, str] = {
    Level.OFF: "Nothing is collected and nothing is sent.",
    Level.CRASH: "Only that a process of the application ended abnormally.",
    Level.ERROR: "Also errors, scrubbed of names, paths, addresses and secrets.",
    Level.USAGE: "Also how much the application is used: counts, durations and choices.",
    Level.FULL: "Also the text of prompts, answers, diffs and files, for those who choose to.",
}
KINDS: dict[str, str] = {
    "count": "A number; sent as it is.",
    "duration": "A length of time; sent as it is.",
    "size": "A size; sent as it is, never what was measured.",
    "flag": "Yes or no.",
    "enum": "One of a closed list of words; any other is refused.",
    "id": "A name or id the application chose; scrubbed if it does not look like one.",
    "version": "A version, reduced to its release: 2.17.2+local.dev becomes 2.17.2.",
    "path": "A place on disk; account names and private folders are removed, or it is hashed.",
    "url": "An address; only what names nobody is kept.",
    "text": "Free text; scrubbed of names, paths, addresses and secrets, then cut.",
    "stack": "A stack trace; scrubbed, the application's own frames stay readable, then cut.",
    "content": "The user's own content; only at level full, credentials removed, then cut.",
}
SENSITIVITIES: dict[str, str] = {
    "technical": "says something about the machine or the application",
    "interaction": "says something about how a person uses the application",
    "content": "holds what a person wrote or made",
}


def flat_fields(fields: dict[str, FieldSpec], prefix: str = "") -> Iterator[tuple[str, FieldSpec]]:
    """Every field that holds a value, with its dotted name."""
    for spec in fields.values():
        name = f"{prefix}{spec.name}"
        if spec.type == "object":
            yield from flat_fields(spec.fields, f"{name}.")
        else:
            yield name, spec


def bounds(spec: FieldSpec) -> str:
    """What a value may be, such as `0 or more` or `at most 500 bytes`; empty for a flag."""
    if spec.values:
        listed = ", ".join(f"`{value}`" for value in spec.values)
        return f"keys to {listed}" if spec.type == "map" else listed
    if spec.type in ("integer", "number") or spec.kind in ("count", "size", "duration"):
        return _number_bounds(spec)
    if spec.hash:
        return "32 hex digits"
    each = f"at most {spec.max_bytes:,} bytes"
    return {
        "boolean": "",
        "timestamp": "UTC, RFC 3339",
        "array": f"{spec.max_items} texts, each {each}",
        "map": f"{spec.max_items} entries, each {each}",
        "string_or_map": f"{each}, or {spec.max_items} entries of that",
    }.get(spec.type, each)


def treatment(spec: FieldSpec) -> str:
    """What happens to a value of this field before anything is written to disk."""
    if spec.noise:
        return noise_words(spec.epsilon, None if spec.kind == "flag" else spec.period_maximum)
    if spec.hash:
        return "replaced by a hash whose key never leaves the machine"
    if spec.bin_of:
        return f"filled in by the daemon: the bin of {spec.bin_of}"
    if spec.type == "timestamp":
        return "a time; sent as it is"
    if spec.template:
        return "scrubbed and reduced to a template, so that equal errors group"
    if spec.system:
        return "generalised, such as Windows 10/11 or macOS 13.x"
    return KINDS[spec.kind][0].lower() + KINDS[spec.kind][1:].rstrip(".")


def noise_words(epsilon: float, maximum: int | None) -> str:
    """What local noise does to a counter (`maximum`) or a flag (None), and what it costs."""
    cost = f"a period costs epsilon {epsilon:g}"
    if maximum is None:
        truth = truth_probability(epsilon)
        return f"told once a period, true in {truth:.1%} of cases, by chance; {cost}"
    off = sqrt(noise_variance(noise_scale(epsilon, maximum)))
    return (
        f"told once a period as a sum of {maximum:,} at most with random noise "
        f"(standard deviation {off:,.3g}); {cost}"
    )


def until(spec: EventSpec) -> str:
    """When the event stops being collected."""
    return "no date set" if spec.expires == "never" else spec.expires


def _number_bounds(spec: FieldSpec) -> str:
    low, high = number_bounds(spec)
    if spec.maximum is None:
        return f"{low:,g} or more"
    return f"{low:,.15g} to {high:,.15g}"
