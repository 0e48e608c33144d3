# ruff: noqa: S608  (names of our own tables; texts are quoted)
"""Forgets users who asked for it.

An erasure begins with its tombstones, written between two appends of this collector and known to
every replica that answers before the request is. So the next append of this collector refuses the
id, and that of any other that begins after the answer.

What another collector had already begun may still arrive: an append is over within `ANSWER_S` of
its look at the tombstones. Collectors say that they are there (`collector`); where one of them
lives, rows are deleted once, and again after `QUIET_S`, before `erased` is said.

Counts are written before rows go, and the highest stands: a collector that dies in between leaves
a request that the next one finishes. The tombstone is a keyed hash; the id itself is kept in
`pending`, and only until its rows are gone.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sidespool_collector.store.clickhouse.append import LEASE_MS, touch
from sidespool_collector.store.clickhouse.attached import Files
from sidespool_collector.store.clickhouse.forget import delete, forgotten
from sidespool_collector.store.clickhouse.link import ANSWER_S, PATIENT_S, Link
from sidespool_collector.store.clickhouse.read import LOADED
from sidespool_collector.store.clickhouse.rollup import INSTALL
from sidespool_collector.store.clickhouse.schema import RANK_OF, add, new_version
from sidespool_collector.store.clickhouse.text import listed, quoted
from sidespool_collector.store.contract import Erasure
from sidespool_collector.store.span import DAY_MS, HOUR_MS

QUIET_S = ANSWER_S + 15
USERS_AT_ONCE = 200
Counts = tuple[int, int, int, int]  # events, sessions, rejected, attachments
_STATES = (
    "SELECT receipt, argMax(state, ver) AS state, min(requested_at) AS requested, "
    "max(finished_at) AS finished, max(events), max(sessions), max(rejected), max(attachments) "
    "FROM erasure {where} GROUP BY receipt"
)


async def request(
    link: Link, mark_of: Callable[[str], bytes], user_ids: list[str], receipt: str, now_ms: int
) -> None:
    """Writes the request and the tombstones; afterwards every replica that answers knows them."""
    users = dict.fromkeys(user_ids)
    await add(link, "pending", [(receipt, user, 0) for user in users])
    await add(link, "erasure", [(receipt, "accepted", now_ms, 0, 0, 0, 0, 0, new_version())])
    await add(link, "tombstone", [(mark, now_ms, RANK_OF) for mark in {mark_of(u) for u in users}])
    for table in ("tombstone", "erasure", "pending"):
        await link.tell(table)


async def state_of(link: Link, receipt: str) -> Erasure | None:
    """What became of a request so far."""
    rows = await link.rows(_STATES.format(where=f"WHERE receipt = {quoted(receipt)}"))
    return _erasure(rows[0]) if rows else None


def _erasure(row: list[Any]) -> Erasure:
    receipt, state, requested, finished, *counts = row
    return Erasure(receipt, state, requested, finished or None, *counts)


async def open_requests(link: Link) -> list[Erasure]:
    """Requests that are not finished, oldest first."""
    query = _STATES.format(where="") + " HAVING state != 'erased' ORDER BY requested"
    return [_erasure(row) for row in await link.rows(query)]


async def users_of(link: Link, receipt: str) -> list[str]:
    """Ids that are still to be erased for a request."""
    query = f"SELECT DISTINCT user_id FROM pending WHERE receipt = {quoted(receipt)}"
    return [user for (user,) in await link.rows(query + " ORDER BY user_id")]


async def say(link: Link, erasure: Erasure, state: str, finished_ms: int = 0) -> None:
    """Writes a request's state and counts."""
    e = erasure
    counts = (e.events, e.sessions, e.rejected, e.attachments)
    row = (e.receipt, state, e.requested_ms, finished_ms, *counts, new_version())
    await add(link, "erasure", [row])


async def erase_rows(link: Link, files: Files, requests: list[Erasure], now_ms: int) -> set[int]:
    """Deletes every row of the requests, and waits for it; the hours whose facts change."""
    hours: set[int] = set()
    everyone: list[str] = []
    for each in requests:
        users = await users_of(link, each.receipt)
        counts, pairs = await _count(link, users)
        hours |= {hour for hour, _ in pairs}
        await touch(link, pairs, now_ms + LEASE_MS)
        attachments = await files.detach(f"SELECT id FROM event WHERE {_of(users)}")
        found = Erasure(each.receipt, "erasing", each.requested_ms, None, *counts, attachments)
        await say(link, found, "erasing")
        everyone += users
    for start in range(0, len(everyone), USERS_AT_ONCE):
        await _delete_users(link, everyone[start : start + USERS_AT_ONCE])
    await forgotten(link)
    return hours


def _of(users: list[str]) -> str:
    return f"user_id IN ({listed(users)})" if users else "0"


async def _count(
    link: Link, users: list[str]
) -> tuple[tuple[int, int, int], list[tuple[int, int]]]:
    """Events, sessions and refused lines of users; and the hours, with days of ids, of events."""
    source = "session_id, user_id, app_id, app_version, os"
    rows = await link.rows(
        f"SELECT count(), uniqExact({source}) FROM event FINAL WHERE {_of(users)}",
        patience_s=PATIENT_S,
    )
    refused = await link.value(f"SELECT count() FROM rejected FINAL WHERE {_of(users)}")
    pairs = await link.rows(
        f"SELECT DISTINCT hour, day FROM event WHERE {_of(users)}", patience_s=PATIENT_S
    )
    return (rows[0][0], rows[0][1], refused), [(hour, day) for hour, day in pairs]


async def _delete_users(link: Link, users: list[str]) -> None:
    """Begins to delete everything of some users."""
    ids = (
        "SELECT concat(substring(h, 1, 8), '-', substring(h, 9, 4), '-', substring(h, 13, 4), "
        "'-', substring(h, 17, 4), '-', substring(h, 21, 12)) FROM (SELECT lower(hex(id)) AS h "
        f"FROM event WHERE {_of(users)})"
    )
    named = await link.rows(
        f"SELECT id FROM rejected WHERE event_id != '' AND lower(event_id) IN ({ids})",
        patience_s=PATIENT_S,
    )
    groups = await link.rows(
        f"SELECT DISTINCT key FROM event WHERE {_of(users)} "
        "AND event_type IN ('Error', 'ErrorReport')",
        patience_s=PATIENT_S,
    )
    if groups:
        loaded = f"start = {LOADED} AND id IN ({listed(group for (group,) in groups)})"
        await delete(link, "error_group", loaded)
    if named:
        await delete(link, "rejected", f"id IN ({listed(number for (number,) in named)})")
    await delete(link, "rejected", _of(users))
    installs = ", ".join(INSTALL.replace("user_id", quoted(user)) for user in users)
    await delete(link, "session", f"install IN ({installs})")
    await delete(link, "event", _of(users))


async def clean(link: Link, hours: set[int], ver: int) -> None:
    """Deletes facts that were computed before `ver` from hours that lost events."""
    if not hours:
        return
    starts = {hour * HOUR_MS for hour in hours} | {hour // 24 * DAY_MS for hour in hours}
    chosen = f"start IN ({listed(sorted(starts))}) AND ver < {ver}"
    for table in ("error_group", "presence", "rollup"):
        await delete(link, table, chosen)


async def finish(link: Link, requests: list[Erasure], now_ms: int) -> None:
    """Takes the ids out of the requests, waits for it, and says so."""
    receipts = listed(each.receipt for each in requests)
    await delete(link, "pending", f"receipt IN ({receipts})")
    await forgotten(link)
    for each in requests:
        counted = await state_of(link, each.receipt)
        await say(link, counted or each, "erased", now_ms)
    await link.tell("erasure")


async def scan(link: Link, user_id: str) -> int:
    """Looks at every row of every table that could hold the id, in every replica."""
    user = quoted(user_id)
    looked = {
        "event": f"user_id = {user} OR session_id = {user} OR position(payload, {user}) > 0 "
        f"OR position(aside, {user}) > 0",
        "session": f"install = {INSTALL.replace('user_id', user)}",
        "rejected": f"user_id = {user} OR position(detail, {user}) > 0 "
        f"OR position(content, {user}) > 0",
        "error_group": f"position(concat(template, stack), {user}) > 0",
        "pending": f"user_id = {user}",
        "audit": f"position(detail, {user}) > 0",
    }
    found = await asyncio.gather(
        *(
            link.everywhere(f"SELECT count() FROM {table} WHERE {condition}", patience_s=PATIENT_S)
            for table, condition in looked.items()
        )
    )
    return sum(n for hosts in found for rows in hosts for (n,) in rows)
