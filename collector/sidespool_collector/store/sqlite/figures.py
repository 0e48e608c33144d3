"""Small questions about the store: intake, holdings, refusals, the audit log."""

import sqlite3

from sidespool_collector.chart.measure import EVENTS
from sidespool_collector.event import Refused
from sidespool_collector.store.contract import Act, Holding, Intake
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.tally import intake_of


def intake(db: sqlite3.Connection, since_ms: int, until_ms: int) -> Intake:
    """Sums by when batches came, not by when their events happened; hours are the finest step."""
    found = db.execute(
        "SELECT what, sum(n) FROM intake WHERE hour >= ? AND hour < ? GROUP BY what",
        (since_ms // HOUR_MS, -(-until_ms // HOUR_MS)),
    )
    return intake_of(found)


def holding(db: sqlite3.Connection) -> Holding:
    """Counts from the rollups, edges from the index: the same cost at any size."""
    by_type = dict(
        db.execute(
            "SELECT key, sum(n) FROM rollup WHERE grain = 24 AND measure = ? GROUP BY key",
            (EVENTS,),
        ).fetchall()
    )
    edges = [
        db.execute(
            "SELECT (SELECT min(at) FROM event WHERE type = ?), "
            "(SELECT max(at) FROM event WHERE type = ?)",
            (number, number),
        ).fetchone()
        for (number,) in db.execute("SELECT id FROM event_type").fetchall()
    ]
    files, file_bytes = db.execute("SELECT count(*), total(size) FROM attachment").fetchone()
    pages, page_size = (
        db.execute(f"PRAGMA {p}").fetchone()[0] for p in ("page_count", "page_size")
    )
    return Holding(
        events=sum(by_type.values()),
        by_type=by_type,
        size_bytes=pages * page_size,
        oldest_ms=min((first for first, _ in edges if first is not None), default=None),
        newest_ms=max((last for _, last in edges if last is not None), default=None),
        rejected=_one(db, "SELECT count(*) FROM rejected"),
        attachments=files,
        attachment_bytes=int(file_bytes),
        pending_deletions=_one(db, "SELECT count(*) FROM erasure WHERE state != 'erased'"),
    )


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def rejected(db: sqlite3.Connection, limit: int) -> list[tuple[int, Refused]]:
    """The latest refusals."""
    rows = db.execute(
        "SELECT received_at, event_id, reason, detail, event_type, user_id, size, content "
        "FROM rejected ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [(received, Refused(*rest)) for received, *rest in rows]


def versions_and_systems(db: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """Values of the dashboard's filters, most used first."""
    found = []
    for column in ("app_version", "os"):
        rows = db.execute(
            f"SELECT {column}, sum(n) AS uses FROM rollup WHERE grain = 24 "  # noqa: S608
            f"AND measure = ? GROUP BY {column} ORDER BY uses DESC LIMIT 50",
            (EVENTS,),
        )
        found.append([value for value, _ in rows])
    return found[0], found[1]


def note(db: sqlite3.Connection, rows: list[tuple[int, str, str, str]]) -> None:
    """Adds to the audit log."""
    db.executemany("INSERT INTO audit (at, who, act, detail) VALUES (?, ?, ?, ?)", rows)


def audit(db: sqlite3.Connection, limit: int) -> list[Act]:
    """The latest acts."""
    rows = db.execute("SELECT at, who, act, detail FROM audit ORDER BY id DESC LIMIT ?", (limit,))
    return [Act(*row) for row in rows]
