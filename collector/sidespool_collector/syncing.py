"""Keeps a local SQLite copy of a collector's events up to date, by hours that changed.

The collector says a fingerprint of each hour; hours that differ from the copy's are fetched and
replaced in one transaction each, hours that are gone are removed. So late events, purges and
erasures reach the copy as well, and a run that was interrupted is simply run again. After any
erasure every hour is fetched again, because a fingerprint alone could miss one (see
chart/fingerprint.py). A fingerprint is read before its events: what comes in between makes the
hour differ at the next run.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from sidespool.errors import ConfigError, SidespoolError
from sidespool.wire.event import format_time, parse_time
from sidespool_collector.store.contract import StoredEvent
from sidespool_collector.writing import COLUMNS, row_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WINDOW_MS = 28 * DAY_MS
FETCH_MS = DAY_MS  # hours fetched with one request
TIMEOUT_S = 300
_MOMENT = "coalesce(corrected_timestamp, timestamp)"
_DECODER = msgspec.json.Decoder(StoredEvent)
_SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS events (
        {", ".join(f"{name} {'INTEGER' if name == 'seq' else 'TEXT'}" for name in COLUMNS)},
        PRIMARY KEY (event_id)
    );
    CREATE INDEX IF NOT EXISTS events_time ON events (event_type, timestamp);
    CREATE INDEX IF NOT EXISTS events_moment ON events ({_MOMENT});
    CREATE TABLE IF NOT EXISTS sync_hour (start INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS sync_state (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Synced(msgspec.Struct, frozen=True):
    """What a run did: hours fetched, hours that are gone, and events in the copy now."""

    hours_fetched: int
    hours_removed: int
    events: int


class _Hour(msgspec.Struct, frozen=True):
    start: str
    events: int
    fingerprint: str


class _Hours(msgspec.Struct, frozen=True):
    erasures: str
    hours: list[_Hour]
    oldest: str | None = None
    newest: str | None = None


class Copy:
    """The local file; made where it is not there. Raises ConfigError for a file of another kind."""

    def __init__(self, path: Path, url: str) -> None:
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise ConfigError("--to", f"{path} cannot be used: {error}") from None
        source = self._state("source")
        if source not in ("", url):
            raise ConfigError("--to", f"{path} is a copy of {source}", hint="Name another file")
        self._set("source", url)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def hours(self) -> dict[int, str]:
        """What the copy holds: hour → fingerprint."""
        return dict(self._db.execute("SELECT start, fingerprint FROM sync_hour").fetchall())

    def count(self) -> int:
        """Events held."""
        return int(self._db.execute("SELECT count(*) FROM events").fetchone()[0])

    def forget_if_erased(self, mark: str) -> None:
        """Makes every hour differ where an erasure happened since the last whole run."""
        if self._state("erasures") != mark:
            self._db.execute("UPDATE sync_hour SET fingerprint = ''")

    def finish(self, mark: str) -> None:
        """Notes that a run was whole."""
        self._set("erasures", mark)

    def replace(self, hours: dict[int, str], rows: list[tuple[Any, ...]]) -> None:
        """Puts hours in the place of what they were."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for start in hours:
                self._clear(start)
            marks = ", ".join("?" * len(COLUMNS))
            self._db.executemany(f"INSERT OR REPLACE INTO events VALUES ({marks})", rows)  # noqa: S608
            self._db.executemany("INSERT INTO sync_hour VALUES (?, ?)", hours.items())
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def remove(self, hours: list[int]) -> None:
        """Takes hours out that the collector has no more."""
        self._db.execute("BEGIN IMMEDIATE")
        for start in hours:
            self._clear(start)
        self._db.execute("COMMIT")

    def _clear(self, start: int) -> None:
        span = (format_time(start), format_time(start + HOUR_MS))
        self._db.execute(f"DELETE FROM events WHERE {_MOMENT} >= ? AND {_MOMENT} < ?", span)  # noqa: S608
        self._db.execute("DELETE FROM sync_hour WHERE start = ?", (start,))

    def _state(self, key: str) -> str:
        row = self._db.execute("SELECT value FROM sync_state WHERE key = ?", (key,)).fetchone()
        return row[0] if row else ""

    def _set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO sync_state VALUES (?, ?)", (key, value))


async def sync(
    url: str, token: str, path: Path, said: Callable[[int, int], None] | None = None
) -> Synced:
    """Brings the copy up to date; `said` hears how many hours of how many are done."""
    url = url.rstrip("/")
    copy = await asyncio.to_thread(Copy, path, url)
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(
            headers=headers, timeout=timeout, trust_env=True
        ) as client:
            return await _sync(_Source(client, url), copy, said)
    except aiohttp.ClientError as error:
        raise SidespoolError(
            f"{url} cannot be reached: {error}", hint="Run it again: it goes on where it stopped"
        ) from None
    finally:
        await asyncio.to_thread(copy.close)


async def _sync(source: "_Source", copy: Copy, said: Callable[[int, int], None] | None) -> Synced:
    mark, theirs = await source.hours()
    await asyncio.to_thread(copy.forget_if_erased, mark)
    ours = await asyncio.to_thread(copy.hours)
    gone = [start for start in ours if start not in theirs]
    await asyncio.to_thread(copy.remove, gone)
    differing = sorted(start for start, print_ in theirs.items() if ours.get(start) != print_)
    done = 0
    for group in _groups(differing):
        rows = await source.events(group[0], group[-1] + HOUR_MS)
        wanted = {start: theirs[start] for start in group}
        kept = [row for row in rows if _hour_of(row) in wanted]
        await asyncio.to_thread(copy.replace, wanted, kept)
        done += len(group)
        if said is not None:
            said(done, len(differing))
    await asyncio.to_thread(copy.finish, mark)
    return Synced(len(differing), len(gone), await asyncio.to_thread(copy.count))


def _groups(hours: list[int]) -> list[list[int]]:
    """Neighbours together, up to a day in one request."""
    groups: list[list[int]] = []
    for start in hours:
        is_near = groups and start - groups[-1][-1] == HOUR_MS and start - groups[-1][0] < FETCH_MS
        if is_near:
            groups[-1].append(start)
        else:
            groups.append([start])
    return groups


def _hour_of(row: tuple[Any, ...]) -> int:
    event = dict(zip(COLUMNS, row, strict=True))
    at = parse_time(event["corrected_timestamp"] or event["timestamp"]) or 0
    return at - at % HOUR_MS


class _Source:
    """The collector's API, as far as a copy needs it."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url

    async def hours(self) -> tuple[str, dict[int, str]]:
        """The erasures' mark, and every hour with its fingerprint."""
        found = msgspec.json.decode(await self._get("hours", {}), type=_Hours)
        mark, theirs = found.erasures, _starts(found)
        if found.oldest is None or found.newest is None:
            return mark, theirs
        since = (parse_time(found.oldest) or 0) // DAY_MS * DAY_MS
        until = (parse_time(found.newest) or 0) + 1
        while since < until:
            end = min(since + WINDOW_MS, until + HOUR_MS)
            query = {"from": format_time(since), "to": format_time(end)}
            part = msgspec.json.decode(await self._get("hours", query), type=_Hours)
            theirs |= _starts(part)
            since = end
        return mark, theirs

    async def events(self, since_ms: int, until_ms: int) -> list[tuple[Any, ...]]:
        """Events of a period as rows."""
        query = {"from": format_time(since_ms), "to": format_time(until_ms)}
        body = await self._get("export", {"format": "jsonl", **query})
        return [row_of(_DECODER.decode(line)) for line in body.splitlines()]

    async def _get(self, path: str, query: dict[str, str]) -> bytes:
        url = f"{self._url}/api/v1/{path}"
        async with self._client.get(url, params=query, allow_redirects=False) as answer:
            body = await answer.read()
            if answer.status == 200:
                return body
        raise SidespoolError(
            f"the collector answered {answer.status} to {path}", hint=_todo(answer)
        )


def _starts(found: _Hours) -> dict[int, str]:
    return {parse_time(hour.start) or 0: hour.fingerprint for hour in found.hours}


def _todo(answer: aiohttp.ClientResponse) -> str:
    if answer.status in (401, 403):
        return "Give a token with the role read"
    if answer.status in (429, 503):
        return f"Come again in {answer.headers.get('Retry-After', '60')} s"
    return "Check the URL, and that the collector is of this version or newer"
