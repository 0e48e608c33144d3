# ruff: noqa: S608  (names of our own tables, numbers)
"""Keeps hourly and daily facts beside the events, so that a chart reads hundreds of rows.

The database computes an hour anew from its events (INSERT SELECT), whenever they may have
changed. Nothing is added to a fact, so duplicates that are not merged yet, late events, purges and
erasures need no code of their own; materialized views, which see each insert and not what becomes
of it, would count duplicates twice.

Which hours: an append first marks `(hour, day of ids)` in `touched` as changing `until` a time by
which it will be over. `rolled` says which `ver` of an hour counts, and `ver` begins with the time
at which its computing began. An hour is due while `until` and some allowance for clocks that differ
lie after that.

1. an append that ends after the hour was read: its mark lies after the reading, so the hour is due;
2. a crash before `rolled`: the hour is still due; the rows written have a `ver` that never counts;
3. two collectors compute the same hour: both are right, the later `ver` counts;
4. replicas: before computing, the one in use waits a little for what its peers were given. Where
   it cannot have all of it (a node died that had not passed on what it took in), it computes what
   is there; once it has all, every hour marked since some time before that is computed again.

An hour whose partitions have the very parts they had when this collector last computed it has not
changed and is passed over.

A session counts where it began. `session` has a row for each hour a session was active in, so the
hours of its beginning, before and after a change, are found there and computed after the facts.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from sidespool_collector.chart.measure import BUCKETS_PER_E, ERROR_EVENT_TYPES, ERRORS, MEASURES
from sidespool_collector.store.clickhouse.append import now_ms, touch
from sidespool_collector.store.clickhouse.link import PATIENT_S, Link
from sidespool_collector.store.clickhouse.schema import VERSION_BITS, add, new_version
from sidespool_collector.store.clickhouse.text import listed, quoted
from sidespool_collector.store.group import group_of
from sidespool_collector.store.span import DAY, DAY_MS, HOUR, HOUR_MS
from sidespool_collector.store.stored import plain

HOURS_PER_STEP = 48
CLOCKS_MS = 10_000
LAG_MS, STARTED_MS = 600_000, 3_600_000
FOREVER_MS = 1 << 62
PRESENCE = 100  # `rolled.kind` is the grain of facts, or this and the grain of presence
SKEY = "cityHash64(session_id, user_id, app_id, app_version, os)"
INSTALL = "sipHash64(user_id)"
_BUCKET = f"toInt32(if(value >= 1, floor(log(value) * {BUCKETS_PER_E}) + 1, 0))"
_SAMPLES = (
    f"sumMap(if(isNaN(value), emptyArrayInt32(), [{_BUCKET}]), "
    "if(isNaN(value), emptyArrayUInt64(), [toUInt64(1)]))"
)
_TYPES = [m.event_type for m in MEASURES] + list(ERROR_EVENT_TYPES)
_NAMES = [m.name for m in MEASURES] + [ERRORS] * len(ERROR_EVENT_TYPES)
_MEASURE = f"transform(event_type, [{listed(_TYPES)}], [{listed(_NAMES)}], '')"
_START = f"toInt64(hour) * {HOUR_MS}"
_FACTS = "grain, measure, start, key, app_version, os, n, ok, samples, total, buckets, counts, ver"
_NO_SAMPLES = "0, 0, 0, emptyArrayInt32(), emptyArrayUInt64()"
_DAY_START = f"toInt64(floor(start / {DAY_MS})) * {DAY_MS}"
_DUE = (
    "SELECT hour, groupUniqArrayArray(days) AS every FROM ("
    "SELECT hour, [day] AS days, until AS ends, toUInt64(0) AS began FROM touched UNION ALL "
    f"SELECT toInt32(intDiv(start, {HOUR_MS})), emptyArrayUInt16(), toUInt64(0), "
    f"bitShiftRight(ver, {VERSION_BITS}) FROM rolled WHERE kind = {HOUR}) GROUP BY hour "
    f"HAVING max(ends) + {CLOCKS_MS} > max(began) ORDER BY hour DESC"
)
Hours = dict[int, list[int]]  # hour → days of ids that have events in it


def current(kind: int, condition: str = "1") -> str:
    """A condition that leaves the rows whose `ver` counts."""
    return (
        f"(start, ver) IN (SELECT start, max(ver) FROM rolled WHERE kind = {kind} "
        f"AND {condition} GROUP BY start)"
    )


class Roller:
    """Computes what is due. One at a time in this collector."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._alone = asyncio.Lock()
        self._parts: dict[int, tuple[int, ...]] = {}
        self._whole_until = now_ms() - STARTED_MS  # what this collector could not have noticed

    async def roll_up(self, budget_s: float) -> bool:
        """Works for about `budget_s`, newest hours first; whether each due hour had its turn."""
        ends = asyncio.get_running_loop().time() + budget_s
        try:
            async with asyncio.timeout(budget_s):
                await self._alone.acquire()
        except TimeoutError:
            return False
        try:
            return await self._work(ends)
        finally:
            self._alone.release()

    async def _work(self, ends: float) -> bool:
        await self._catch_up()
        due: Hours = {hour: sorted(days) for hour, days in await self._link.rows(_DUE)}
        parts = await self._fingerprints() if due else {}
        wanted = [hour for hour in due if self._parts.get(hour) != _of(parts, due[hour])]
        for at in range(0, len(wanted), HOURS_PER_STEP):
            if at and asyncio.get_running_loop().time() > ends:
                return False
            step = {hour: due[hour] for hour in wanted[at : at + HOURS_PER_STEP]}
            await self._compute(step)
            self._parts.update({hour: _of(parts, days) for hour, days in step.items()})
        return True

    async def _catch_up(self) -> None:
        if not self._link.is_cluster:
            return
        now = now_ms()
        if not await self._link.sync("touched", "event"):
            self._whole_until = min(self._whole_until, now - LAG_MS)
        elif self._whole_until < now:
            query = f"SELECT DISTINCT hour, day FROM touched WHERE until >= {self._whole_until}"
            await touch(self._link, await self._link.rows(query), now)
            self._whole_until = FOREVER_MS

    async def _fingerprints(self) -> dict[int, int]:
        query = (
            "SELECT toUInt16(partition), sum(cityHash64(name)) FROM system.parts "
            f"WHERE database = {quoted(self._link.database)} AND table = 'event' AND active "
            "GROUP BY partition"
        )
        return dict(await self._link.rows(query))

    async def _run(self, statement: str) -> None:
        """Not tried again where the answer is lost: rows of one `ver` that come twice add up."""
        await self._link.run(statement, patience_s=PATIENT_S, is_once=True)

    async def _compute(self, hours: Hours) -> None:
        ver = new_version()
        began = await self._hours_of_sessions(hours)
        for statement in _of_hours(hours, ver):
            await self._run(statement)
        await self._keep_groups(hours, ver)
        await self._mark(HOUR, (hour * HOUR_MS for hour in hours), ver)
        began |= await self._hours_of_sessions(hours)
        await self._run(_presence(sorted(began), ver))
        await self._mark(PRESENCE + HOUR, (hour * HOUR_MS for hour in began), ver)
        days = sorted({hour // 24 for hour in (*hours, *began)})
        for statement in _of_days(days, ver):
            await self._run(statement)
        for kind in (DAY, PRESENCE + DAY):
            await self._mark(kind, (day * DAY_MS for day in days), ver)

    async def _mark(self, kind: int, starts: Iterable[int], ver: int) -> None:
        await add(self._link, "rolled", [(kind, start, ver) for start in starts])

    async def _hours_of_sessions(self, hours: Hours) -> set[int]:
        """The given hours, and those of all sessions that were ever seen in them."""
        listed_hours = listed(hours)
        found = await self._link.rows(
            "SELECT DISTINCT hour FROM session WHERE skey IN "
            f"(SELECT skey FROM session WHERE hour IN ({listed_hours}))",
            patience_s=PATIENT_S,
        )
        return {hour for (hour,) in found} | set(hours)

    async def _keep_groups(self, hours: Hours, ver: int) -> None:
        found = await self._link.rows(
            f"SELECT {_START} AS start, key, argMax(event_type, at), argMax(payload, at), min(at), "
            f"max(at) {_events(hours)} AND event_type IN ({listed(ERROR_EVENT_TYPES)}) "
            "GROUP BY start, key",
            patience_s=PATIENT_S,
        )
        rows = []
        for start, key, name, payload, first, last in found:
            seen = group_of(name, msgspec.json.decode(payload), last)
            texts = (plain(seen.error_type), plain(seen.template), plain(seen.stack))
            rows.append((start, key, *texts, first, last, ver))
        await add(self._link, "error_group", rows)


def _of(parts: dict[int, int], days: list[int]) -> tuple[int, ...]:
    return tuple(parts.get(day, 0) for day in days)


def _events(hours: Hours) -> str:
    days = listed(sorted({day for days in hours.values() for day in days}))
    return f"FROM event FINAL WHERE day IN ({days}) AND hour IN ({listed(hours)})"


def _of_hours(hours: Hours, ver: int) -> list[str]:
    events = _events(hours)
    return [
        f"INSERT INTO rollup ({_FACTS}) SELECT {HOUR}, 'event', {_START} AS start, event_type, "
        f"app_version, os, count(), {_NO_SAMPLES}, {ver} {events} "
        "GROUP BY start, event_type, app_version, os",
        f"INSERT INTO rollup ({_FACTS}) SELECT {HOUR}, measure, start, key, app_version, os, n, "
        f"oks, samples, total, h.1, h.2, {ver} FROM (SELECT {_MEASURE} AS measure, "
        f"{_START} AS start, key, app_version, os, count() AS n, sum(ok) AS oks, "
        "countIf(NOT isNaN(value)) AS samples, sumIf(value, NOT isNaN(value)) AS total, "
        f"{_SAMPLES} AS h {events} AND event_type IN ({listed(_TYPES)}) "
        "GROUP BY measure, start, key, app_version, os)",
        f"INSERT INTO rollup ({_FACTS}) SELECT {HOUR}, 'drop', start, reason, app_version, os, "
        f"sum(lost), {_NO_SAMPLES}, {ver} FROM (SELECT {_START} AS start, reasons, losses, "
        f"app_version, os {events} AND event_type = 'ClientReport') "
        "ARRAY JOIN reasons AS reason, losses AS lost GROUP BY start, reason, app_version, os",
        "INSERT INTO session (hour, skey, install, app_version, os, first_at, ver) "
        f"SELECT hour, {SKEY} AS skey, any({INSTALL}), any(app_version), any(os), min(at), {ver} "
        f"{events} GROUP BY hour, skey",
    ]


def _presence(hours: list[int], ver: int) -> str:
    chosen = listed(hours)
    now = current(HOUR).replace("(start, ver) IN", f"({_START}, ver) IN", 1)
    return (
        "INSERT INTO presence (grain, start, app_version, os, sessions, installs, ver) "
        f"SELECT {HOUR}, toInt64(began) * {HOUR_MS} AS start, version, system, count(), "
        f"uniqExactState(user), {ver} FROM (SELECT skey, min(hour) AS began, "
        "any(install) AS user, any(app_version) AS version, any(os) AS system FROM session "
        f"WHERE skey IN (SELECT skey FROM session WHERE hour IN ({chosen})) AND {now} "
        f"GROUP BY skey) WHERE began IN ({chosen}) GROUP BY start, version, system"
    )


def _of_days(days: list[int], ver: int) -> list[str]:
    since, until = days[0] * DAY_MS, (days[-1] + 1) * DAY_MS
    span = f"start >= {since} AND start < {until}"
    chosen = f"grain = {HOUR} AND {span} AND {_DAY_START} IN ({listed(d * DAY_MS for d in days)})"
    return [
        f"INSERT INTO rollup ({_FACTS}) SELECT {DAY}, measure, date, key, app_version, os, ns, "
        f"oks, values, totals, h.1, h.2, {ver} FROM (SELECT measure, {_DAY_START} AS date, key, "
        "app_version, os, sum(n) AS ns, sum(ok) AS oks, sum(samples) AS values, "
        "sum(total) AS totals, sumMap(buckets, counts) AS h FROM rollup "
        f"WHERE {chosen} AND {current(HOUR, span)} GROUP BY measure, date, key, app_version, os)",
        "INSERT INTO presence (grain, start, app_version, os, sessions, installs, ver) "
        f"SELECT {DAY}, {_DAY_START} AS date, app_version, os, sum(sessions), "
        f"uniqExactMergeState(installs), {ver} FROM presence WHERE {chosen} "
        f"AND {current(PRESENCE + HOUR, span)} GROUP BY date, app_version, os",
    ]
