# ruff: noqa: S608  (names of our own tables, numbers)
"""Removes events whose time is up: days by dropping their partition, the rest by deletion.

A day of ids goes whole when nothing in it is to be kept. Where types have different ages, a type's
rows of a day are deleted at once when all of them are expired: the day's parts are written anew
once for each age, not once an hour. So an event is kept at most a day longer than its age. In
days that should be empty (a client's clock was off) and among ids that hold no time, rows are
deleted as they expire.

Several collectors may purge at once: dropping and deleting twice is dropping and deleting once.
"""

import msgspec

from sidespool_collector.store.clickhouse.append import LEASE_MS, touch
from sidespool_collector.store.clickhouse.attached import Files
from sidespool_collector.store.clickhouse.forget import delete, forgotten
from sidespool_collector.store.clickhouse.link import PATIENT_S, Link
from sidespool_collector.store.clickhouse.text import listed, quoted
from sidespool_collector.store.span import DAY_MS, HOUR_MS


class Plan(msgspec.Struct):
    """What goes: whole days; conditions on days; counts by type."""

    days: list[int] = []
    parts: list[tuple[int, str]] = []
    counts: dict[str, int] = {}


async def plan(link: Link, cutoffs: dict[str, int], default_ms: int) -> Plan:
    """Looks at each day of ids that may hold something expired."""
    made = Plan()
    newest = max([default_ms, *cutoffs.values()])
    types = sorted(cutoffs)
    limits = ", ".join(f"toInt64({cutoffs[name]})" for name in types)
    limit = f"toInt64({default_ms})"
    if types:
        limit = f"transform(event_type, [{listed(types)}], [{limits}], {limit})"
    for day in await _days(link):
        if day * DAY_MS >= newest:
            continue
        rows = await link.rows(
            f"SELECT event_type, any({limit}), count(), countIf(at < {limit}) "
            f"FROM event FINAL WHERE day = {day} GROUP BY event_type",
            patience_s=PATIENT_S,
        )
        going = [
            (name, cutoff, expired)
            for name, cutoff, n, expired in rows
            if expired and (n == expired or day == 0 or (day + 1) * DAY_MS <= cutoff)
        ]
        for name, _, expired in going:
            made.counts[name] = made.counts.get(name, 0) + expired
        if going and sum(n for *_, n in going) == sum(n for _, _, n, _ in rows):
            made.days.append(day)
        else:
            made.parts += [
                (day, f"event_type = {quoted(name)} AND at < {cutoff}") for name, cutoff, _ in going
            ]
    return made


async def _days(link: Link) -> list[int]:
    found = await link.rows(
        "SELECT DISTINCT toUInt16(partition) AS day FROM system.parts WHERE active "
        f"AND table = 'event' AND database = {quoted(link.database)} ORDER BY day"
    )
    return [day for (day,) in found]


async def purge(
    link: Link, files: Files, cutoffs: dict[str, int], default_ms: int, now_ms: int,
    *, dry_run: bool,
) -> dict[str, int]:  # fmt: skip
    """Removes what is expired; how many events, by type, and refused lines as `(rejected)`."""
    await link.sync("event")
    made = await plan(link, cutoffs, default_ms)
    old = f"received_at < {default_ms}"
    refused = await link.value(f"SELECT count() FROM rejected FINAL WHERE {old}")
    if refused:
        made.counts["(rejected)"] = refused
    if dry_run:
        return made.counts
    for day in made.days:
        await _go(link, files, day, f"day = {day}", now_ms)
        await link.run(f"ALTER TABLE event DROP PARTITION {day}", patience_s=PATIENT_S)
    for day, condition in made.parts:
        await _go(link, files, day, f"day = {day} AND {condition}", now_ms)
        await delete(link, "event", f"day = {day} AND {condition}")
    if refused:
        await delete(link, "rejected", old)
    await _purge_rest(link, min([default_ms, *cutoffs.values()]))
    if made.parts or refused:
        await forgotten(link)
    return made.counts


async def _go(link: Link, files: Files, day: int, condition: str, now_ms: int) -> None:
    """Before events go: their hours are marked, their files unlinked."""
    hours = await link.rows(
        f"SELECT DISTINCT hour FROM event WHERE {condition}", patience_s=PATIENT_S
    )
    await touch(link, [(hour, day) for (hour,) in hours], now_ms + LEASE_MS)
    await files.detach(f"SELECT id FROM event WHERE {condition}")


async def _purge_rest(link: Link, oldest_kept: int) -> None:
    """Batches by the day of their keys, and facts of hours that no event is kept from."""
    last = oldest_kept // DAY_MS
    found = await link.rows(
        "SELECT DISTINCT toUInt16(partition) AS day FROM system.parts WHERE active "
        f"AND table = 'batch' AND database = {quoted(link.database)} AND day < {last}"
    )
    for (day,) in found:
        if day:
            await link.run(f"ALTER TABLE batch DROP PARTITION {day}", patience_s=PATIENT_S)
    hour = last * 24 - 24  # a day later than the events themselves
    for table, condition in (
        ("session", f"hour < {hour}"),
        ("rollup", f"start < {hour * HOUR_MS}"),
        ("presence", f"start < {hour * HOUR_MS}"),
        ("rolled", f"start < {hour * HOUR_MS}"),
        ("error_group", f"start >= 0 AND start < {hour * HOUR_MS}"),
        ("intake", f"hour < {hour}"),
        ("batch", f"day = 0 AND received_at < {oldest_kept}"),
    ):
        if await link.value(f"SELECT count() FROM {table} WHERE {condition}"):
            await delete(link, table, condition)
    gone = f"hour < {hour} AND day NOT IN ({listed([*await _days(link), 65535])})"
    if await link.value(f"SELECT count() FROM touched WHERE {gone}"):
        await delete(link, "touched", gone)
