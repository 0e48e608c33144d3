"""Moves content that is too long for its field into attachments, and leaves a cut text there."""

from typing import Any

import msgspec

from sidespool.core.treatment import TextScrubber
from sidespool.wire.catalog import EventSpec
from sidespool.wire.event import cut_text


class Overflow(msgspec.Struct, frozen=True):
    """The whole text of one field, credentials removed."""

    event_id: str
    name: str
    text: str


def content_fields(spec: EventSpec) -> list[tuple[str, int]]:
    """The fields that may overflow, with their limits in bytes."""
    found = spec.fields.values()
    return [(one.name, one.max_bytes) for one in found if one.kind == "content"]


def take_overflow(
    fields: list[tuple[str, int]], event_id: str, payload: Any, scrubber: TextScrubber
) -> list[Overflow]:
    """What does not fit; the payload keeps its beginning, with the marker.

    Credentials are removed before the cut: half a secret would not be known as one.
    """
    out = []
    for name, max_bytes in fields:
        text = getattr(payload, name, None)
        if not isinstance(text, str) or len(text) * 4 <= max_bytes:
            continue
        if len(text.encode("utf-8", "surrogatepass")) <= max_bytes:
            continue
        clean = scrubber.secrets(text)
        setattr(payload, name, cut_text(clean, max_bytes))
        out.append(Overflow(event_id, f"{name}.txt", clean))
    return out
