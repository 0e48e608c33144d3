"""Error groups: errors of one type and one templated message, whoever met them.

The daemon has already reduced the message to a template, so the group's id is a hash of type and
template, the same on every machine and in every store.
"""

import hashlib
import sqlite3
from typing import Any

import msgspec

from sidespool_collector.chart.measure import ERRORS
from sidespool_collector.store.contract import ErrorGroup, FactQuery

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


def keep_groups(db: sqlite3.Connection, groups: dict[str, Seen]) -> None:
    """Adds groups, or widens those known."""
    db.executemany(
        "INSERT INTO error_group (id, error_type, template, stack, first_at, last_at) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "stack = CASE WHEN excluded.stack != '' AND (stack = '' OR excluded.last_at >= last_at) "
        "THEN excluded.stack ELSE stack END, "
        "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
        [
            (g.group, g.error_type, g.template, g.stack, g.first_ms, g.last_ms)
            for g in groups.values()
        ],
    )


def read_groups(db: sqlite3.Connection, query: FactQuery, limit: int) -> list[ErrorGroup]:
    """The groups met most often in a range; hours are the finest step."""
    counts: dict[str, int] = {}
    versions: dict[str, set[str]] = {}
    day_ms = 24 * 3_600_000
    rows = db.execute(
        "SELECT key, app_version, sum(n) FROM rollup WHERE grain = 24 AND measure = ? "
        "AND start >= ? AND start < ? AND (? = '' OR app_version = ?) AND (? = '' OR os = ?) "
        "GROUP BY key, app_version",
        (
            ERRORS, query.since_ms - query.since_ms % day_ms, query.until_ms,
            *([query.app_version] * 2), *([query.os] * 2),
        ),
    )  # fmt: skip
    for group, version, n in rows:
        counts[group] = counts.get(group, 0) + n
        versions.setdefault(group, set()).add(version)
    frequent = sorted(counts, key=lambda group: (-counts[group], group))[:limit]
    return [
        found
        for group in frequent
        if (found := _group(db, group, counts[group], versions[group])) is not None
    ]


def _group(db: sqlite3.Connection, group: str, n: int, versions: set[str]) -> ErrorGroup | None:
    row = db.execute(
        "SELECT error_type, template, stack, first_at, last_at, status, resolved_at "
        "FROM error_group WHERE id = ?",
        (group,),
    ).fetchone()
    if row is None:
        return None
    kind, template, stack, first, last, status, resolved_at = row
    is_back = status == "resolved" and resolved_at is not None and last > resolved_at
    return ErrorGroup(
        group, kind, template, first, last, n, tuple(sorted(versions)), stack,
        "open" if is_back else status, is_back,
    )  # fmt: skip


def set_status(db: sqlite3.Connection, group: str, status: str, now_ms: int) -> bool:
    """Marks a group; `resolved` remembers when, so that a later error is a regression."""
    changed = db.execute(
        "UPDATE error_group SET status = ?, resolved_at = ? WHERE id = ?",
        (status, now_ms if status == "resolved" else None, group),
    )
    return changed.rowcount > 0


def blank_stacks(db: sqlite3.Connection, groups: set[str]) -> None:
    """Takes the sample traces out: they may stem from events that are being erased."""
    db.executemany("UPDATE error_group SET stack = '' WHERE id = ?", [(g,) for g in groups])


def drop_orphans(db: sqlite3.Connection) -> None:
    """Removes groups that no event belongs to any more; the rollups must be up to date."""
    db.execute(
        "DELETE FROM error_group WHERE id NOT IN (SELECT key FROM rollup WHERE measure = ?)",
        (ERRORS,),
    )
