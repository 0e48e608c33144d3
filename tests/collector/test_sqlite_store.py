"""What is particular to the SQLite store: files, other processes, and failing disks."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidespool.wire.builtin import builtin_catalog
from sidespool_collector.chart.measure import bucket_of, percentile
from sidespool_collector.event import Batch
from sidespool_collector.ingest.reader import EventReader, split_lines
from sidespool_collector.store.contract import (
    EventQuery,
    Fact,
    FactQuery,
    Store,
    StoreBusyError,
    StoreError,
)  # fmt: skip
from sidespool_collector.store.sqlite.schema import MIGRATIONS, SCHEMA_VERSION, connect
from sidespool_collector.store.sqlite.store import SqliteStore
from sidespool_collector.store.sqlite.writer import Writer
from support.collector_world import NOON_MS, event, lines

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)


def batch(*events: dict[str, Any]) -> Batch:
    return Batch(None, NOON_MS, "t", READER.read(split_lines(lines(*events))).rows, [])


async def facts(store: Store, query: FactQuery) -> list[Fact]:
    await store.refresh(60)
    return await store.facts(query)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "s.db")
    await opened.open()
    yield opened
    await opened.close()


async def test_an_erased_id_is_in_no_byte_of_the_files(store: SqliteStore, tmp_path: Path) -> None:
    user = "user-who-wants-to-be-forgotten"
    await store.append(batch(*(event(n, user=user) for n in range(300)), event(999)))
    await store.refresh(60)
    assert any(user.encode() in file.read_bytes() for file in tmp_path.iterdir())
    await store.request_erasure([user], "r", NOON_MS)
    await store.erase_pending(NOON_MS, lambda digest: None)
    for file in tmp_path.iterdir():
        assert user.encode() not in file.read_bytes(), file


async def test_a_newer_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    await store.open()
    await store.close()
    with sqlite3.connect(tmp_path / "s.db") as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match="install the newer collector"):
        await SqliteStore(tmp_path / "s.db").open()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StoreError, match="cannot open"):
        await SqliteStore(tmp_path / "s.db").open()


async def test_the_file_is_its_owners_alone(store: SqliteStore, tmp_path: Path) -> None:
    assert (tmp_path / "s.db").stat().st_mode & 0o077 == 0


async def test_another_process_may_purge_and_erase_beside_it(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.append(batch(event(1)))
    other = SqliteStore(tmp_path / "s.db")
    await other.open()
    await other.purge({}, NOON_MS + 1, dry_run=False)
    await store.append(batch(event(2)))
    found = [e.session_id async for chunk in store.export(EventQuery()) for e in chunk]
    assert found == ["session-a"]
    await other.request_erasure(["user-a"], "r", NOON_MS)
    assert (await store.append(batch(event(3)))).erased
    await other.close()


async def test_one_bad_job_does_not_take_others_with_it(tmp_path: Path) -> None:
    db = connect(str(tmp_path / "w.db"))
    db.execute("CREATE TABLE t (n INTEGER)")
    writer = Writer(str(tmp_path / "w.db"), db, lambda _: None)

    def add(n: int, db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO t VALUES (?)", (n,))
        if n == 2:
            raise ValueError(n)
        return n

    async def late() -> None:
        while writer.waiting < 4:  # all four are to go into one transaction
            await asyncio.sleep(0)
        writer.start()

    jobs = [writer.run(partial(add, n)) for n in range(4)]
    *results, _ = await asyncio.gather(*jobs, late(), return_exceptions=True)
    assert [r if isinstance(r, int) else type(r) for r in results] == [0, 1, ValueError, 3]
    assert [n for (n,) in db.execute("SELECT n FROM t ORDER BY n")] == [0, 1, 3]
    await writer.close()
    writer.close_connection()


async def test_a_full_disk_is_told_as_busy_and_heals(store: SqliteStore, tmp_path: Path) -> None:
    pages = store._write._connection.execute("PRAGMA page_count").fetchone()[0]
    store._write._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [event(n, session=f"s{n}") for n in range(2000)]
    with pytest.raises(StoreBusyError, match="full") as caught:
        await store.append(batch(*many))
    assert caught.value.retry_after_s >= 30
    store._write._connection.execute("PRAGMA max_page_count = 1000000")
    assert (await store.append(batch(*many))).accepted == 2000


async def test_after_close_writes_are_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    await store.open()
    await store.close()
    with pytest.raises(StoreBusyError):
        await store.append(batch(event(1)))


async def test_an_hour_that_grew_while_it_was_read_is_read_again(store: SqliteStore) -> None:
    query = FactQuery("event", 0, 2 * NOON_MS)

    async def grow() -> None:
        for n in range(40):
            await store.append(batch(event(n)))

    await asyncio.gather(grow(), *(store.refresh(1) for _ in range(10)))
    assert [f.n for f in await facts(store, query)] == [40]


async def test_the_view_for_people_reads_like_the_export(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.append(batch(event(5)))
    with sqlite3.connect(tmp_path / "s.db") as db:
        row = db.execute(
            "SELECT event_id, event_type, user_id, timestamp_ms FROM events"
        ).fetchone()
    db.close()
    assert row == (event(5)["event_id"], "ChatTurn", "user-a", NOON_MS)


async def test_the_sql_behind_charts_runs_and_agrees(store: SqliteStore, tmp_path: Path) -> None:
    await store.append(batch(*(event(n, at_ms=NOON_MS + n) for n in range(5))))
    with sqlite3.connect(tmp_path / "s.db") as db:
        span = {"since": 0, "until": 2 * NOON_MS}
        for measure in ("session", "adoption", "data", "event", "error", "tool", "decision"):
            db.execute(store.sql(measure), span).fetchall()
        assert db.execute(store.sql("chat"), span).fetchall() == [("m1", 5, 1200.5)]
    db.close()


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95]))
@settings(max_examples=200)
def test_a_percentile_from_the_histogram_is_right_within_its_bucket(
    values: list[float], share: float
) -> None:
    histogram: dict[int, int] = {}
    for value in values:
        histogram[bucket_of(value)] = histogram.get(bucket_of(value), 0) + 1
    exact = sorted(values)[max(0, -(-round(share * len(values) * 1e9) // 10**9) - 1)]
    found = percentile(histogram, share)
    assert found is not None
    assert abs(found - exact) <= max(1.0, 0.05 * exact)


async def test_figures_of_a_bulk_load_are_whole_at_the_first_look(store: SqliteStore) -> None:
    hour = 3_600_000
    for n in range(60):
        await store.append(batch(*(event(k, at_ms=NOON_MS - (n * 5 + k) * hour) for k in range(5))))
    found, again = await asyncio.gather(
        *(facts(store, FactQuery("event", 0, 2 * NOON_MS)) for _ in range(2))
    )
    assert [f.n for f in found] == [f.n for f in again] == [300]


async def test_without_time_to_add_up_it_says_so_and_goes_on_later(store: SqliteStore) -> None:
    hour = 3_600_000
    await store.append(batch(*(event(n, at_ms=NOON_MS - n * hour) for n in range(100))))
    assert not await store.refresh(0)
    while not await store.refresh(0):
        pass
    assert [f.n for f in await facts(store, FactQuery("event", 0, 2 * NOON_MS))] == [100]


async def test_two_processes_adding_up_beside_ingest_lose_nothing(
    store: SqliteStore, tmp_path: Path
) -> None:
    other = SqliteStore(tmp_path / "s.db")
    await other.open()

    async def grow() -> None:
        for n in range(60):
            await store.append(batch(event(n)))

    await asyncio.gather(grow(), *(s.refresh(1) for s in (store, other) * 10))
    query = FactQuery("event", 0, 2 * NOON_MS)
    assert [f.n for f in await facts(store, query)] == [60]
    await other.close()


async def test_a_file_of_the_first_schema_is_carried_forward(tmp_path: Path) -> None:
    db = connect(str(tmp_path / "s.db"))
    db.executescript(f"BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT")
    for n, user in enumerate(("a", "b", "a")):
        source = (f"s{n}", user, "app", "1.0", "linux", NOON_MS, NOON_MS, 77)
        db.execute("INSERT INTO source VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", source)
    db.execute(
        "INSERT INTO batch (token, received_at, accepted, duplicates, rejected, skew, delay) "
        "VALUES ('t', ?, 5, 1, 2, 90000, 400)",
        (NOON_MS,),
    )
    db.close()
    store = SqliteStore(tmp_path / "s.db")
    await store.open()
    await store.refresh(60)
    query = FactQuery("session", NOON_MS - 3_600_000, NOON_MS + 1)
    (count,) = await store.installs(query)
    assert (count.sessions, count.installs) == (3, 2)
    intake = await store.intake(NOON_MS, NOON_MS + 1)
    assert (intake.events, intake.skewed_batches) == (8, 1)
    assert intake.delay_p50_ms == pytest.approx(400, rel=0.05)
    await store.close()
