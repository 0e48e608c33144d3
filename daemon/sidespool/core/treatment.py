"""Compiles, for each event type, the function that makes its payload fit to be written.

The field's kind decides: numbers, flags and closed enums are left as they are (they cost
nothing), versions are generalised, paths hashed, short names (`id`) passed when they look like an
id and scrubbed otherwise, text and stacks scrubbed, content freed of credentials, long strings
cut after scrubbing, so that no half secret survives a cut. One function is generated per event
type, with the lookups resolved; what repeats (model names, tool names, versions) is treated once
and remembered.
"""

import re
from collections.abc import Callable
from typing import Any, Protocol

from sidespool.core.minimise import (
    duration_bin,
    keyed_hash,
    normal_path,
    plain_os_version,
    plain_version,
    session_minutes_bin,
    size_bin,
)
from sidespool.core.policy import MAP_KEY_CHARS_MAX
from sidespool.core.text_memory import TextMemory
from sidespool.wire.catalog import EventSpec, FieldSpec
from sidespool.wire.event import CUT_MARKER, cut_text

# UUIDs, digests, numbers: nothing in them to scrub; but 13 to 19 digits may be a card's.
_PLAIN_ID = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?![0-9]{13,19}\Z)[0-9a-f]{1,64}"
)
_MEMORY = 1_024  # distinct short values remembered per field; a flood of new ones is bounded
_BINS = {"<1min": duration_bin, "0-5": session_minutes_bin, "<50KB": size_bin}

Treat = Callable[[Any], None]
TreatText = Callable[[str], str]


class TextScrubber(Protocol):
    """What treatment needs of core/scrub."""

    def text(self, s: str, /) -> str: ...
    def template(self, s: str, /) -> str: ...
    def secrets(self, s: str, /) -> str: ...
    def url(self, s: str, /) -> str: ...
    def path(self, s: str, /) -> str: ...
    def forget(self) -> None: ...


def compile_treatment(spec: EventSpec, scrubber: TextScrubber, key: bytes) -> Treat | None:
    """A function that treats a payload of this event in place; None where nothing needs it."""
    return _compile(spec.fields, scrubber, key)


def _compile(fields: dict[str, FieldSpec], scrubber: TextScrubber, key: bytes) -> Treat | None:
    names: dict[str, Any] = {}
    body: list[str] = []
    for index, spec in enumerate(fields.values()):
        step = _step(spec, scrubber, key)
        if step is None:
            continue
        names[f"f{index}"] = step
        target = f"p.{spec.name}"
        if spec.type == "object":
            body += [f" if {target} is not None: f{index}({target})"]
        elif spec.bin_of:
            body += [
                f" v = p.{spec.bin_of}",
                f" {target} = None if v is None else f{index}(v)",
            ]
        else:
            body += [
                f" v = {target}",
                " if v is not None:",
                f"  w = f{index}(v)",
                f"  if w is not v: {target} = w",
            ]
    if not body:
        return None
    source = "def treat(p):\n" + "\n".join(body)
    # The source is made of catalog names only, which are checked to be identifiers.
    exec(compile(source, "<treatment>", "exec"), names)  # noqa: S102
    treat: Treat = names["treat"]
    return treat


def _step(spec: FieldSpec, scrubber: TextScrubber, key: bytes) -> Callable[[Any], Any] | None:
    if spec.bin_of:
        return _BINS[spec.values[0]]
    if spec.type in ("integer", "number", "boolean", "enum", "timestamp"):
        return None
    if spec.type == "object":
        return _compile(spec.fields, scrubber, key)
    text = treat_text(spec, scrubber, key)
    if spec.type == "array":
        return _array(text, spec)
    if spec.type == "map":
        return _map(text, scrubber, spec)
    if spec.type == "string_or_map":
        whole = _map(text, scrubber, spec)
        return lambda value: text(value) if isinstance(value, str) else whole(value)
    return text


def treat_text(spec: FieldSpec, scrubber: TextScrubber, key: bytes) -> TreatText:
    """The treatment of one string of this kind."""
    if spec.hash:
        purpose = spec.name
        return lambda value: keyed_hash(key, purpose, normal_path(value))
    if spec.kind == "version":
        return _remembered(plain_os_version if spec.system else plain_version)
    if spec.kind == "id":
        return _short(scrubber, spec.max_bytes)
    scrub = {
        "path": scrubber.path,
        "url": scrubber.url,
        "content": scrubber.secrets,
    }.get(spec.kind, scrubber.template if spec.template else scrubber.text)
    limit = spec.max_bytes
    if spec.kind == "stack":
        return TextMemory(lambda value: cut_text(scrub(value), limit)).recall
    return lambda value: cut_text(scrub(value), limit)


def _remembered(treat: TreatText) -> TreatText:
    """The same, remembering what repeats; the memory is emptied when full."""
    memory: dict[str, str] = {}
    find = memory.get

    def remembered(value: str) -> str:
        known = find(value)
        if known is None:
            known = treat(value)
            if len(value) <= 256:
                if len(memory) >= _MEMORY:
                    memory.clear()
                memory[value] = known
        return known

    return remembered


def _short(scrubber: TextScrubber, limit: int) -> TreatText:
    """Names and ids: passed when they are plain, scrubbed and cut otherwise."""
    plain = _PLAIN_ID.fullmatch
    memory: dict[str, str] = {}
    find = memory.get

    def short(value: str) -> str:
        known = find(value)
        if known is not None:
            return known
        if plain(value) is not None:  # seldom comes twice
            return value
        known = cut_text(scrubber.text(value), limit)
        if len(value) <= 256:
            if len(memory) >= _MEMORY:
                memory.clear()
            memory[value] = known
        return known

    return short


def _array(text: TreatText, spec: FieldSpec) -> Callable[[list[str]], list[str]]:
    def treat(values: list[str]) -> list[str]:
        if len(values) > spec.max_items:
            return [text(value) for value in values[: spec.max_items - 1]] + [CUT_MARKER]
        return [text(value) for value in values]

    return treat


def _map(
    text: TreatText, scrubber: TextScrubber, spec: FieldSpec
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Keys are scrubbed too: a map may be keyed by what nobody agreed to send.

    A text value is scrubbed together with its key, so that `{"password": "x"}` is known as one.
    """

    def treat(values: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in list(values.items())[: spec.max_items]:
            # Cut after scrubbing: half a secret is not known as one.
            label = scrubber.text(name)[:MAP_KEY_CHARS_MAX]
            out[label] = _keyed(text, label, value) if isinstance(value, str) else value
        return out

    return treat


def _keyed(text: TreatText, label: str, value: str) -> str:
    """Twice: what stands before a value may also hide what it is (`{EMAIL}=a@b.example`)."""
    lead = f"{label}="
    joined = text(lead + value)
    return text(joined[len(lead) :] if joined.startswith(lead) else value)
