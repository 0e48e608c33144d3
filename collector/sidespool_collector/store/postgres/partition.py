"""The days of the event table: which one an event belongs to, and the making of partitions.

`day_of` reads the day from a UUIDv7's own 48 bits of time, and puts every other id under day 0.
It depends on the id alone, never on a clock or on a corrected time: the same id always meets the
same partition and with it the same key, whoever sends it, whenever, and however its timestamp
was corrected. That is why `PRIMARY KEY (id, day)` dedupes exactly.

Days from 400 back to two ahead get a partition of their own, when their first event comes.
Others (a clock that is years off) lie in `event_rest`, where they are deduped just as exactly; a
partition made later takes its rows from there. Making one needs no lock that stops appends to
other days: the table is filled beside and then attached.
"""

import calendar
import logging
import time
from collections.abc import Iterable
from typing import Any

import asyncpg

from sidespool_collector.store.postgres.link import Link
from sidespool_collector.store.postgres.schema import LOCK_DAYS
from sidespool_collector.store.span import DAY_MS

DAYS_BACK, DAYS_AHEAD = 400, 2
NAMED = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = 'event'::regclass ORDER BY c.relname"
)
log = logging.getLogger("sidespool_collector")


def day_of(raw: bytes) -> int:
    """Days since 1970 by the id's own time; 0 for an id that holds none."""
    if raw[6] >> 4 != 7 or raw[8] >> 6 != 2:
        return 0
    return int.from_bytes(raw[:6], "big") // DAY_MS


def partition_name(day: int) -> str:
    """`event_20261121`."""
    return time.strftime("event_%Y%m%d", time.gmtime(day * 86_400))


class Days:
    """Remembers which days have their partition."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: set[int] = set()

    def forget(self) -> None:
        """Some were dropped."""
        self._known.clear()

    async def ensure(self, days: Iterable[int]) -> None:
        """Makes what is missing; where it cannot now, the rows go to `event_rest` for a while."""
        missing = sorted(set(days) - self._known)
        if not missing:
            return
        today = time.time_ns() // 1_000_000 // DAY_MS
        wanted = [day for day in missing if today - DAYS_BACK <= day <= today + DAYS_AHEAD]
        if wanted:
            async with self._link.lent() as connection:
                there = {row[0] for row in await connection.fetch(NAMED)}
                for day in wanted:
                    if partition_name(day) not in there:
                        await self._make(connection, day)
        self._known.update(missing)

    async def _make(self, connection: Any, day: int) -> None:
        name = partition_name(day)
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '2s'")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_DAYS)
                if name in {row[0] for row in await connection.fetch(NAMED)}:
                    return
                await connection.execute(
                    "LOCK TABLE event_rest IN ACCESS EXCLUSIVE MODE;"  # noqa: S608  # our own name
                    f"CREATE TABLE {name} (LIKE event INCLUDING ALL);"
                    f"WITH moved AS (DELETE FROM event_rest WHERE day = {day} RETURNING *) "
                    f"INSERT INTO {name} SELECT * FROM moved;"
                    f"ALTER TABLE event ATTACH PARTITION {name} FOR VALUES FROM ({day}) "
                    f"TO ({day + 1})"
                )
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            log.warning("no partition %s for now: %s", name, error)


def dated(names: Iterable[str]) -> list[tuple[int, str]]:
    """Days and names of the partitions that hold one day, oldest first."""
    found = []
    for name in names:
        digits = name.removeprefix("event_")
        if digits.isdecimal():
            found.append((calendar.timegm(time.strptime(digits, "%Y%m%d")) // 86_400, name))
    return sorted(found)
