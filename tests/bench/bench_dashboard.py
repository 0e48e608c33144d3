"""How long the dashboard's page takes over a month of believable events.

Run: python tests/bench/bench_dashboard.py [millions] [store URL]

Without a URL an SQLite file is made. The month is drawn for some hundred installs, and each of its
sessions is played by many, with ids, users and minutes of their own. The collector then serves it
as an operator starts it, and the page is fetched with and without filters. Printed: filling,
rolling up, bytes an event, and the wall time of each page, the first and the median of ten.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bench.bench_collector import process  # noqa: E402
from sidespool.wire.builtin import builtin_catalog  # noqa: E402
from sidespool_collector.event import Batch, Row  # noqa: E402
from sidespool_collector.ingest.reader import EventReader  # noqa: E402
from sidespool_collector.store.contract import Store  # noqa: E402
from sidespool_collector.store.opening import store_of  # noqa: E402
from support.believable import Month  # noqa: E402

DAY_MS = 86_400_000
DAYS = 30
BATCH = 100  # what daemons send at once is small: each flush of 30 s is a batch
EVENTS_PER_INSTALL = 345
DRAWN = 400
PAGES = {
    "30 days": "",
    "7 days": "?from={week}",
    "30 days, one version": "?version=2.4.1",
    "30 days, one version and system": "?version=2.4.0&os=windows",
    "24 hours": "?from={day}",
}


def days_of_rows(until_ms: int, count: int) -> Iterator[list[Row]]:
    """Rows of one day at a time, in order of time."""
    reader = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
    players = max(1, count // (DRAWN * EVENTS_PER_INSTALL))
    day, end = [], until_ms - (DAYS - 1) * DAY_MS
    for session in Month(until_ms, days=DAYS, installs=DRAWN).sessions():
        rows = reader.read([json.dumps(event).encode() for event in session]).rows
        if rows and rows[0][2] >= end:
            yield sorted(day, key=lambda row: row[2])
            day, end = [], end + DAY_MS
        for player in range(players):
            day += played(rows, player)
    yield sorted(day, key=lambda row: row[2])


def played(rows: list[Row], player: int) -> Iterator[Row]:
    """The same session by another install, some minutes off."""
    shift = random.randrange(-3_600_000, 3_600_000)
    for _, kind, at, skew, (session, user, *rest), seq, payload, aside in rows:
        moved = at + shift
        new = moved.to_bytes(6, "big") + b"\x70" + random.randbytes(1) + b"\x80"
        source = (f"{session[:-4]}{player:04d}", f"{user[:-4]}{player:04d}", *rest)
        yield (new + random.randbytes(7), kind, moved, skew, source, seq, payload, aside)


async def fill(store: Store, until_ms: int, count: int) -> int:
    """Appends the month; how many events it has."""
    total = 0
    for rows in days_of_rows(until_ms, count):
        for at in range(0, len(rows), BATCH * 200):
            step = rows[at : at + BATCH * 200]
            groups = [step[i : i + BATCH] for i in range(0, len(step), BATCH)]
            await asyncio.gather(
                *(store.append(Batch(None, g[-1][2] + 20_000, "bench", g, [])) for g in groups)
            )
        total += len(rows)
        print(f"\r{total:,} events", end="", file=sys.stderr, flush=True)
    return total


async def prepare(url: str, until_ms: int, count: int) -> None:
    """A filled store, every fact computed."""
    store = store_of(url)
    await store.open()
    began = time.perf_counter()
    total = await fill(store, until_ms, count)
    filled = time.perf_counter()
    await store.refresh(36_000)
    rolled = time.perf_counter()
    holding = await store.holding()
    await store.close()
    print(f"\n{total:,} events in batches of {BATCH}: {total / (filled - began):,.0f} a second")
    print(f"rollups {rolled - filled:.1f} s, {holding.size_bytes / total:.0f} bytes an event")


async def time_pages(url: str, until_ms: int) -> None:
    """Fetches each page eleven times."""
    dates = {
        name: time.strftime("%Y-%m-%d", time.gmtime((until_ms - n * DAY_MS) / 1000))
        for name, n in (("week", 7), ("day", 1))
    }
    print(f"{'page':<36} {'first ms':>9} {'median ms':>10}")
    async with aiohttp.ClientSession() as client:
        for name, query in PAGES.items():
            took = []
            for _ in range(11):
                began = time.perf_counter()
                async with client.get(url + "/" + query.format(**dates)) as got:
                    assert got.status == 200, got.status
                    await got.read()
                took.append((time.perf_counter() - began) * 1000)
            print(f"{name:<36} {took[0]:>9.0f} {statistics.median(took[1:]):>10.0f}")


def main() -> None:
    """Prints the figures."""
    count = int(float(sys.argv[1]) * 1_000_000) if len(sys.argv) > 1 else 1_000_000
    until = (int(time.time() * 1000) // DAY_MS + 1) * DAY_MS
    with tempfile.TemporaryDirectory() as directory:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{directory}/c.db"
        random.seed(11)
        asyncio.run(prepare(url, until, count))
        environment = {
            **os.environ, "COLLECTOR_STORE": url, "COLLECTOR_RETENTION_DAYS": "3650",
            "XDG_DATA_HOME": directory,
        }  # fmt: skip
        command = [
            sys.executable, "-m", "sidespool_collector.cli", "serve", "--json",
            "--open-dashboard", "--listen", "127.0.0.1:0",
        ]  # fmt: skip
        with process(command, environment) as child:
            assert child.stdout is not None
            line = json.loads(child.stdout.readline())
            asyncio.run(time_pages(line["url"], until))


if __name__ == "__main__":
    main()
