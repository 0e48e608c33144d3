"""Links files to events; the bytes lie beside the store under their digest.

A file that loses its last link is noted in `loose_file` in the same transaction and removed
afterwards, so that a crash between the two leaves a note and not a file. Linking and removing
both happen on the writer thread: a file cannot vanish between `exists` and its link.
"""

import sqlite3
from collections.abc import Callable, Iterable

from sidespool_collector.event import id_bytes
from sidespool_collector.store.contract import Attachment


def attach(
    db: sqlite3.Connection, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
) -> str:
    """`added`, `known` (the same file again), `no_event`, `too_many`, or `gone`: send it again."""
    raw = id_bytes(attachment.event_id)
    if raw is None or not db.execute("SELECT 1 FROM event WHERE id = ?", (raw,)).fetchone():
        return "no_event"
    others = dict(
        db.execute("SELECT name, digest FROM attachment WHERE event_id = ?", (raw,)).fetchall()
    )
    if others.get(attachment.name) == attachment.digest:
        return "known"
    if attachment.name in others or len(others) >= max_files:
        return "too_many"
    if not exists(attachment.digest):
        return "gone"
    db.execute("DELETE FROM loose_file WHERE digest = ?", (attachment.digest,))
    db.execute(
        "INSERT INTO attachment (event_id, name, content_type, size, digest, received_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            raw, attachment.name, attachment.content_type, attachment.size_bytes,
            attachment.digest, attachment.received_ms,
        ),
    )  # fmt: skip
    return "added"


def of_event(db: sqlite3.Connection, event_id: str) -> list[Attachment]:
    """Files of one event by name."""
    rows = db.execute(
        "SELECT name, content_type, size, digest, received_at FROM attachment "
        "WHERE event_id = ? ORDER BY name",
        (id_bytes(event_id),),
    )
    return [Attachment(event_id, *row) for row in rows]


def detach(db: sqlite3.Connection, ids: Iterable[bytes]) -> int:
    """Unlinks the files of events that go; how many."""
    gone: list[tuple[bytes, str, str]] = []
    for raw in ids:
        rows = db.execute("SELECT name, digest FROM attachment WHERE event_id = ?", (raw,))
        gone += [(raw, name, digest) for name, digest in rows]
    db.executemany(
        "DELETE FROM attachment WHERE event_id = ? AND name = ?", [(r, n) for r, n, _ in gone]
    )
    for digest in {digest for _, _, digest in gone}:
        if not db.execute("SELECT 1 FROM attachment WHERE digest = ?", (digest,)).fetchone():
            db.execute("INSERT OR IGNORE INTO loose_file (digest) VALUES (?)", (digest,))
    return len(gone)


def release(db: sqlite3.Connection, unlink: Callable[[str], None], limit: int) -> int:
    """Removes some of the files nobody links any more; how many."""
    found = db.execute("SELECT digest FROM loose_file LIMIT ?", (limit,))
    digests = [digest for (digest,) in found]
    for digest in digests:
        unlink(digest)
        db.execute("DELETE FROM loose_file WHERE digest = ?", (digest,))
    return len(digests)


def release_one(db: sqlite3.Connection, digest: str, unlink: Callable[[str], None]) -> None:
    """Removes a file that was not linked after all, unless another event has it."""
    if not db.execute("SELECT 1 FROM attachment WHERE digest = ?", (digest,)).fetchone():
        unlink(digest)
