"""Links files to events; the bytes lie beside the store under their digest.

Linking and removing take one lock, also across collectors that share the directory: a file
cannot vanish between `exists` and its link. A file that loses its last link is noted in
`loose_file` in the same transaction and removed afterwards, so that a crash between the two
leaves a note and not a file.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sidespool_collector.event import id_bytes
from sidespool_collector.store.contract import Attachment
from sidespool_collector.store.postgres.partition import day_of
from sidespool_collector.store.postgres.schema import LOCK_FILES
from sidespool_collector.store.stored import plain


async def _alone(db: Any) -> None:
    await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK_FILES)


async def attach(
    db: Any, attachment: Attachment, max_files: int, exists: Callable[[str], bool]
) -> str:
    """`added`, `known` (the same file again), `no_event`, `too_many`, or `gone`: send it again."""
    raw = id_bytes(attachment.event_id)
    await _alone(db)
    if raw is None or not await db.fetchval(
        "SELECT 1 FROM event WHERE id = $1 AND day = $2 FOR KEY SHARE", raw, day_of(raw)
    ):
        return "no_event"
    found = await db.fetch("SELECT name, digest FROM attachment WHERE event_id = $1", raw)
    others = dict(found)
    name = plain(attachment.name)
    if others.get(name) == attachment.digest:
        return "known"
    if name in others or len(others) >= max_files:
        return "too_many"
    if not await asyncio.to_thread(exists, attachment.digest):
        return "gone"
    await db.execute("DELETE FROM loose_file WHERE digest = $1", attachment.digest)
    await db.execute(
        "INSERT INTO attachment (event_id, name, content_type, size, digest, received_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        raw, name, attachment.content_type, attachment.size_bytes, attachment.digest,
        attachment.received_ms,
    )  # fmt: skip
    return "added"


async def of_event(db: Any, event_id: str) -> list[Attachment]:
    """Files of one event by name."""
    rows = await db.fetch(
        "SELECT name, content_type, size, digest, received_at FROM attachment "
        "WHERE event_id = $1 ORDER BY name",
        id_bytes(event_id),
    )
    return [Attachment(event_id, *row) for row in rows]


async def detach(db: Any, events: str, *arguments: Any) -> int:
    """Unlinks the files of events that go, given as a query for their ids; how many."""
    await _alone(db)
    gone = await db.fetch(
        f"DELETE FROM attachment WHERE event_id IN ({events}) RETURNING digest",  # noqa: S608
        *arguments,
    )
    await db.execute(
        "INSERT INTO loose_file (digest) SELECT DISTINCT d FROM unnest($1::text[]) d "
        "WHERE NOT EXISTS (SELECT 1 FROM attachment WHERE digest = d) ON CONFLICT DO NOTHING",
        [digest for (digest,) in gone],
    )
    return len(gone)


async def release(db: Any, unlink: Callable[[str], None]) -> int:
    """Removes the files nobody links any more."""
    await _alone(db)
    digests = [row[0] for row in await db.fetch("DELETE FROM loose_file RETURNING digest")]
    for digest in digests:
        await asyncio.to_thread(unlink, digest)
    return len(digests)


async def release_one(db: Any, digest: str, unlink: Callable[[str], None]) -> None:
    """Removes a file that was not linked after all, unless another event has it."""
    await _alone(db)
    if not await db.fetchval("SELECT 1 FROM attachment WHERE digest = $1 LIMIT 1", digest):
        await asyncio.to_thread(unlink, digest)
