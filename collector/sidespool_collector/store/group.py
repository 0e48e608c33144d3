"""Error groups: errors of one type and one templated message, whoever met them.

The daemon has already reduced the message to a template, so the group's id is a hash of type and
template, the same on every machine and in every store.
"""

import hashlib
from typing import Any

import msgspec

from sidespool_collector.store.contract import ErrorGroup

STATUSES = ("open", "resolved", "ignored")
STACK_MAX = 4000


class Seen(msgspec.Struct, frozen=True):
    """A group as met in a span of events."""

    group: str
    error_type: str
    template: str
    stack: str
    first_ms: int
    last_ms: int

    def merged(self, other: "Seen") -> "Seen":
        """Both spans; the newer stack stands."""
        newer = other if other.last_ms >= self.last_ms else self
        return msgspec.structs.replace(
            newer,
            first_ms=min(self.first_ms, other.first_ms),
            stack=newer.stack or self.stack or other.stack,
        )


def group_of(event_type: str, payload: dict[str, Any], at: int) -> Seen:
    """The group of one `Error` or `ErrorReport`."""
    if event_type == "ErrorReport":
        details = payload.get("error_details") or {}
        kind = str(details.get("error_type") or "Error")
        template = str(details.get("error_message_template") or "")
        stack = "\n".join(details.get("anonymized_stack_trace") or [])
    else:
        kind = str(payload.get("error_type") or "Error")
        template = str(payload.get("message") or "")
        stack = str(payload.get("stack_trace") or "")
    digest = hashlib.blake2b(f"{kind}\0{template}".encode(), digest_size=8).hexdigest()
    return Seen(digest, kind, template[:1000], stack[:STACK_MAX], at, at)


GroupRow = tuple[str, str, str, int, int, str, int | None]
"""`(error_type, template, stack, first_at, last_at, status, resolved_at)` as stores keep it."""


def error_group(group: str, row: GroupRow, n: int, versions: set[str]) -> ErrorGroup:
    """A group with its state: one that was resolved and met again is a regression."""
    kind, template, stack, first, last, status, resolved_at = row
    is_back = status == "resolved" and resolved_at is not None and last > resolved_at
    return ErrorGroup(
        group, kind, template, first, last, n, tuple(sorted(versions)), stack,
        "open" if is_back else status, is_back,
    )  # fmt: skip
