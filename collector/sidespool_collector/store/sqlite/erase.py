"""Forgets: users who asked for it, and events whose time is up.

Both delete in chunks through the writer, so ingest goes on between them; both can be stopped
anywhere and go on later, because what is left to do is read from the tables themselves.

An erasure begins with its tombstones, committed before the request is answered: from then on
arrivals of the id are refused, so the rows found afterwards are all there will ever be. The
tombstone is a keyed hash; the id itself is kept only until its rows are gone.
"""

import sqlite3
from typing import Any

import msgspec

from sidespool_collector.chart.measure import ERROR_EVENT_TYPES
from sidespool_collector.event import id_text
from sidespool_collector.store.contract import Erasure
from sidespool_collector.store.group import group_of
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.sqlite.append import Appender, touch
from sidespool_collector.store.sqlite.attached import detach
from sidespool_collector.store.sqlite.groups import blank_stacks, drop_orphans
from sidespool_collector.store.sqlite.writer import Writer
from sidespool_collector.store.stored import payload_of

Found = tuple[bytes, int, str, dict[str, Any] | None]  # id, at, type, payload where it is an error


def request(
    db: sqlite3.Connection, appender: Appender, user_ids: list[str], receipt: str, now_ms: int
) -> None:
    """Writes the tombstones and the request."""
    marks = [appender.mark_of(user_id) for user_id in user_ids]
    db.executemany(
        "INSERT OR IGNORE INTO tombstone (mark, at) VALUES (?, ?)", [(m, now_ms) for m in marks]
    )
    db.execute(
        "INSERT INTO erasure (receipt, state, requested_at, pending) VALUES (?, 'accepted', ?, ?)",
        (receipt, now_ms, msgspec.json.encode(user_ids).decode()),
    )
    appender.tombstones.update(marks)


def state_of(db: sqlite3.Connection, receipt: str) -> Erasure | None:
    """What became of a request so far."""
    row = db.execute(
        "SELECT receipt, state, requested_at, finished_at, events, sessions, rejected, "
        "attachments FROM erasure WHERE receipt = ?",
        (receipt,),
    ).fetchone()
    return Erasure(*row) if row else None


async def erase_rows(writer: Writer, chunk: int) -> list[str]:
    """Deletes every row of every open request; the receipts that are now only to be finished."""
    requests = await writer.run(_open_requests)
    for receipt, users in requests:
        for user in users:
            while await writer.run(lambda db: _erase_some(db, receipt, user, chunk)):  # noqa: B023
                pass
    return [receipt for receipt, _ in requests]


def _open_requests(db: sqlite3.Connection) -> list[tuple[str, list[str]]]:
    rows = db.execute(
        "SELECT receipt, pending FROM erasure WHERE state != 'erased' ORDER BY requested_at"
    ).fetchall()
    db.execute("UPDATE erasure SET state = 'erasing' WHERE state = 'accepted'")
    return [(receipt, msgspec.json.decode(pending)) for receipt, pending in rows]


def _erase_some(db: sqlite3.Connection, receipt: str, user: str, chunk: int) -> bool:
    source = db.execute(
        "SELECT id, first_at, last_at FROM source WHERE user_id = ? LIMIT 1", (user,)
    ).fetchone()
    if source is None:
        refused = db.execute("DELETE FROM rejected WHERE user_id = ?", (user,)).rowcount
        _count(db, receipt, rejected=refused)
        return False
    found = _events_of(db, source, chunk)
    if not found:
        db.execute("DELETE FROM source WHERE id = ?", (source[0],))
        touch(db, source[1] // HOUR_MS)
        _count(db, receipt, sessions=1)
        return True
    groups = {group_of(name, p, at).group for _, at, name, p in found if p is not None}
    blank_stacks(db, groups)
    files = remove(db, found)
    _count(db, receipt, events=len(found), attachments=files)
    return True


def _events_of(db: sqlite3.Connection, source: tuple[int, int, int], chunk: int) -> list[Found]:
    number, first, last = source
    found: list[Found] = []
    types = db.execute("SELECT id, name, fields FROM event_type").fetchall()
    for kind, name, fields in types:
        wanted = "payload" if name in ERROR_EVENT_TYPES else "NULL"
        rows = db.execute(
            f"SELECT id, at, {wanted} FROM event WHERE type = ? AND at >= ? AND at <= ? "  # noqa: S608
            "AND source = ? LIMIT ?",
            (kind, first, last, number, chunk - len(found)),
        )
        names = msgspec.json.decode(fields)
        found += [
            (raw, at, name, payload_of(names, payload) if payload else None)
            for raw, at, payload in rows
        ]
        if len(found) >= chunk:
            break
    return found


def remove(db: sqlite3.Connection, found: list[Found]) -> int:
    """Deletes events, unlinks their files; their hours are to be computed again."""
    ids = [raw for raw, *_ in found]
    files = detach(db, ids)
    db.executemany("DELETE FROM event WHERE id = ?", [(raw,) for raw in ids])
    texts = [(id_text(raw),) for raw in ids]
    db.executemany("UPDATE rejected SET event_id = NULL, content = NULL WHERE event_id = ?", texts)
    for hour in {at // HOUR_MS for _, at, _, _ in found}:
        touch(db, hour)
    return files


def _count(db: sqlite3.Connection, receipt: str, **more: int) -> None:
    for column, n in more.items():
        db.execute(
            f"UPDATE erasure SET {column} = {column} + ? WHERE receipt = ?",  # noqa: S608
            (n, receipt),
        )


def forget_names(db: sqlite3.Connection, receipts: list[str]) -> None:
    """Takes the ids out of requests whose rows are gone; only the tombstones' hashes stay."""
    drop_orphans(db)
    db.executemany("UPDATE erasure SET pending = '[]' WHERE receipt = ?", [(r,) for r in receipts])


def finish(db: sqlite3.Connection, receipts: list[str], now_ms: int) -> None:
    """Says so, when everything is gone from the file and its log."""
    db.executemany(
        "UPDATE erasure SET state = 'erased', finished_at = ? WHERE receipt = ?",
        [(now_ms, receipt) for receipt in receipts],
    )


def scan(db: sqlite3.Connection, user_id: str) -> int:
    """Looks at every row of every table that could hold the id; slow, and sure."""
    looked = (
        "SELECT count(*) FROM source WHERE user_id = :u OR session_id = :u",
        "SELECT count(*) FROM event e JOIN source s ON s.id = e.source WHERE s.user_id = :u",
        "SELECT count(*) FROM event WHERE instr(payload, :u) OR instr(coalesce(aside, ''), :u)",
        "SELECT count(*) FROM rejected WHERE user_id = :u OR instr(detail, :u) "
        "OR instr(coalesce(content, ''), :u)",
        "SELECT count(*) FROM error_group WHERE instr(template, :u) OR instr(stack, :u)",
        "SELECT count(*) FROM erasure WHERE instr(pending, :u)",
        "SELECT count(*) FROM audit WHERE instr(detail, :u)",
    )
    return sum(int(db.execute(query, {"u": user_id}).fetchone()[0]) for query in looked)


def count_expired(
    db: sqlite3.Connection, cutoffs: dict[str, int], default_ms: int
) -> dict[str, int]:
    """Events older than their type's cutoff, by type, and refused lines under `(rejected)`."""
    counts: dict[str, int] = {}
    for number, name in db.execute("SELECT id, name FROM event_type ORDER BY name").fetchall():
        n = db.execute(
            "SELECT count(*) FROM event WHERE type = ? AND at < ?",
            (number, cutoffs.get(name, default_ms)),
        ).fetchone()[0]
        if n:
            counts[name] = counts.get(name, 0) + n
    n = db.execute("SELECT count(*) FROM rejected WHERE received_at < ?", (default_ms,)).fetchone()
    return {**counts, "(rejected)": n[0]} if n[0] else counts


async def purge(
    writer: Writer, appender: Appender, cutoffs: dict[str, int], default_ms: int, chunk: int
) -> dict[str, int]:
    """Removes what is expired, a chunk a transaction."""
    counts: dict[str, int] = {}
    types = await writer.run(lambda db: db.execute("SELECT id, name FROM event_type").fetchall())
    for number, name in types:
        cutoff = cutoffs.get(name, default_ms)
        while True:
            n = await writer.run(
                lambda db: _purge_some(db, number, name, cutoff, chunk)  # noqa: B023
            )
            if n:
                counts[name] = counts.get(name, 0) + n
            if n < chunk:
                break
    oldest_kept = min([default_ms, *cutoffs.values()])
    refused = await writer.run(lambda db: _purge_rest(db, appender, default_ms, oldest_kept))
    return {**counts, "(rejected)": refused} if refused else counts


def _purge_some(db: sqlite3.Connection, number: int, name: str, cutoff: int, chunk: int) -> int:
    rows = db.execute(
        "SELECT id, at FROM event WHERE type = ? AND at < ? ORDER BY at LIMIT ?",
        (number, cutoff, chunk),
    ).fetchall()
    remove(db, [(raw, at, name, None) for raw, at in rows])
    return len(rows)


def _purge_rest(
    db: sqlite3.Connection, appender: Appender, default_ms: int, oldest_kept: int
) -> int:
    refused = db.execute("DELETE FROM rejected WHERE received_at < ?", (default_ms,)).rowcount
    db.execute("DELETE FROM batch WHERE received_at < ?", (oldest_kept,))
    db.execute("DELETE FROM intake WHERE hour < ?", (oldest_kept // HOUR_MS,))
    hours = "SELECT DISTINCT first_at / ? FROM source WHERE last_at < ?"
    for (hour,) in db.execute(hours, (HOUR_MS, oldest_kept)).fetchall():
        touch(db, hour)
    db.execute("DELETE FROM source WHERE last_at < ?", (oldest_kept,))
    appender.forget()
    return refused
