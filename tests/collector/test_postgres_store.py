"""What is particular to the PostgreSQL store: days, several collectors, and a failing database."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.event import uuid7
from sidespool_collector.event import Batch, id_bytes
from sidespool_collector.ingest.reader import EventReader, split_lines
from sidespool_collector.store.contract import (
    Attachment,
    EventQuery,
    FactQuery,
    Store,
    StoreError,
)  # fmt: skip
from sidespool_collector.store.opening import shown
from sidespool_collector.store.postgres.partition import dated, day_of, partition_name
from sidespool_collector.store.postgres.store import PostgresStore
from support.collector_world import NOON_MS, event, lines
from support.postgres import Postgres

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TODAY_MS = 1_790_000_000_000


def batch(*events: dict[str, Any], key: str | None = None) -> Batch:
    reading = READER.read(split_lines(lines(*events)))
    assert not reading.refused
    return Batch(key, NOON_MS, "t", reading.rows, [])


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: PostgresStore, url: str) -> AsyncIterator[PostgresStore]:
    """A second collector on the same database."""
    opened = PostgresStore(url)
    await opened.open()
    yield opened
    await opened.close()


async def ask(url: str, query: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def tables(url: str) -> list[str]:
    """Names of the event table's partitions and of what was one."""
    found = await ask(
        url, "SELECT relname FROM pg_class WHERE relname ~ '^event_2' AND relkind='r'"
    )
    return sorted(name for (name,) in found)


async def seqs(store: Store) -> list[int]:
    return [e.seq async for chunk in store.export(EventQuery()) for e in chunk]


@given(st.integers(0, 2**48 - 1), st.integers(0, 4095), st.integers(0, 2**62 - 1))
def test_the_day_of_a_dated_id_is_its_own(at: int, a: int, b: int) -> None:
    raw = id_bytes(uuid7(at, a, b))
    assert raw is not None
    assert day_of(raw) == at // DAY_MS


@given(st.uuids(version=4))
def test_any_other_id_has_day_zero(found: uuid.UUID) -> None:
    assert day_of(found.bytes) == 0


def test_partitions_are_named_by_their_day_and_back() -> None:
    days = [20_000, 20_454, 20_789]
    names = [partition_name(day) for day in days]
    assert names[0] == "event_20241004"
    assert dated([*names, "event_rest", "event_undated"]) == list(zip(days, names, strict=True))


async def test_ids_of_every_kind_are_deduped_in_their_partition(
    store: PostgresStore, url: str
) -> None:
    ids = {
        "event_undated": str(uuid.uuid4()),
        "event_rest": uuid7(4_000_000_000_000, 1, 2),
        partition_name(NOON_MS // DAY_MS): uuid7(NOON_MS, 1, 2),
    }
    events = [{**event(n), "event_id": i} for n, i in enumerate(ids.values())]
    for expected in (3, 0):
        assert (await store.append(batch(*events))).accepted == expected
    found = await ask(url, "SELECT tableoid::regclass::text, id::text FROM event")
    assert dict(found) == ids


async def test_an_id_counts_once_whatever_its_timestamp_and_clock(store: PostgresStore) -> None:
    first = event(1)
    moved = {**first, "timestamp": event(1, at_ms=NOON_MS - 3 * DAY_MS)["timestamp"]}
    await store.append(batch(first))
    assert (await store.append(batch(moved))).duplicates == 1


async def test_a_partition_made_late_takes_its_rows_along(store: PostgresStore, url: str) -> None:
    await store.append(batch(event(1)))
    name = partition_name(NOON_MS // DAY_MS)
    await ask(url, f"ALTER TABLE event DETACH PARTITION {name}")
    await ask(url, f"INSERT INTO event SELECT * FROM {name}")
    await ask(url, f"DROP TABLE {name}")
    assert [r for (r,) in await ask(url, "SELECT count(*) FROM event_rest")] == [1]
    again = PostgresStore(url)
    await again.open()
    receipt = await again.append(batch(event(1), event(2)))
    assert (receipt.accepted, receipt.duplicates) == (1, 1)
    assert [r for (r,) in await ask(url, f"SELECT count(*) FROM {name}")] == [2]
    await again.close()


async def test_a_purge_drops_whole_days(store: PostgresStore, url: str) -> None:
    files: list[str] = []
    await store.append(batch(*(event(n, at_ms=NOON_MS - n * DAY_MS) for n in range(5))))
    old = Attachment(
        event(4, at_ms=NOON_MS - 4 * DAY_MS)["event_id"], "f", "text/plain", 1, "d", NOON_MS
    )
    assert await store.attach(old, 8, lambda d: True) == "added"
    cutoff = (NOON_MS // DAY_MS - 2) * DAY_MS
    assert await store.purge({}, cutoff, dry_run=False) == {"ChatTurn": 2}
    assert await tables(url) == [partition_name(NOON_MS // DAY_MS - n) for n in (2, 1, 0)]
    assert await seqs(store) == [2, 1, 0]
    assert await store.release_files(files.append) == 1
    await store.refresh(60)
    assert (await store.holding()).events == 3
    receipt = await store.append(batch(event(9, at_ms=NOON_MS - 4 * DAY_MS)))
    assert receipt.accepted == 1


async def test_a_day_with_a_row_to_be_kept_stays(store: PostgresStore, url: str) -> None:
    old = event(1, at_ms=NOON_MS - 40 * DAY_MS)
    slow_clock = {**event(2, at_ms=NOON_MS - 40 * DAY_MS), "timestamp": event()["timestamp"]}
    await store.append(batch(old, slow_clock))
    assert await store.purge({}, NOON_MS - DAY_MS, dry_run=False) == {"ChatTurn": 1}
    assert await seqs(store) == [2]


async def test_a_purge_that_died_half_way_is_finished_by_the_next(
    store: PostgresStore, url: str
) -> None:
    old = event(1, at_ms=NOON_MS - 40 * DAY_MS)
    kept = {**event(2, at_ms=NOON_MS - 40 * DAY_MS), "timestamp": event()["timestamp"]}
    await store.append(batch(old, kept))
    name = partition_name(NOON_MS // DAY_MS - 40)
    await ask(url, f"ALTER TABLE event DETACH PARTITION {name}")
    assert await seqs(store) == []
    assert await store.purge({}, NOON_MS - DAY_MS, dry_run=False) == {"ChatTurn": 1}
    assert await tables(url) == []
    assert await seqs(store) == [2]
    assert (await store.append(batch(kept))).duplicates == 1


async def test_two_collectors_count_an_event_once(
    store: PostgresStore, other: PostgresStore
) -> None:
    batches = [
        batch(*(event(n % 120, session=f"s{n % 7}", user=f"u{n % 5}") for n in range(i, i + 40)))
        for i in range(0, 240, 8)
    ]
    receipts = await asyncio.gather(*(s.append(b) for b in batches for s in (store, other)))
    assert sum(r.accepted for r in receipts) == len(await seqs(store))
    assert sum(r.accepted + r.duplicates for r in receipts) == 2 * len(batches) * 40


async def test_two_collectors_count_a_batch_once(
    store: PostgresStore, other: PostgresStore
) -> None:
    batches = [batch(event(n), event(n + 100), key=f"k{n}") for n in range(20)]
    receipts = await asyncio.gather(*(s.append(b) for b in batches for s in (store, other)))
    assert sum(r.accepted for r in receipts) == 40
    assert sum(r.duplicates for r in receipts) == 40


async def test_an_erasure_asked_of_one_collector_holds_for_all(
    store: PostgresStore, other: PostgresStore
) -> None:
    await other.append(batch(event(1)))
    await store.request_erasure(["user-a"], "r", NOON_MS)
    assert (await other.append(batch(event(2)))).erased
    assert await other.erase_pending(NOON_MS, lambda digest: None) == 1
    assert await store.scan("user-a") == 0


async def test_appends_beside_an_erasure_leave_nothing_behind(
    store: PostgresStore, other: PostgresStore
) -> None:
    async def flood(s: PostgresStore, start: int) -> None:
        for n in range(start, start + 40):
            await s.append(batch(event(n, user=f"user-{n % 2}", session=f"s{n % 2}")))

    async def erase() -> None:
        await store.append(batch(event(5000, user="user-1", session="s1")))
        await store.request_erasure(["user-1"], "r", NOON_MS)
        assert await store.erase_pending(NOON_MS, lambda digest: None) == 1

    await asyncio.gather(flood(store, 0), flood(other, 100), erase())
    assert await store.scan("user-1") == 0


async def test_a_purge_by_one_collector_is_noticed_by_the_other(
    store: PostgresStore, other: PostgresStore
) -> None:
    await other.append(batch(event(1)))
    await store.purge({}, NOON_MS + DAY_MS, dry_run=False)
    await other.append(batch(event(2)))
    assert [e.user_id async for c in store.export(EventQuery()) for e in c] == ["user-a"]


async def test_two_collectors_adding_up_beside_ingest_lose_nothing(
    store: PostgresStore, other: PostgresStore
) -> None:
    async def grow(s: PostgresStore, start: int) -> None:
        for n in range(start, start + 30):
            await s.append(batch(event(n)))

    rolls = (s.refresh(1) for s in (store, other) * 5)
    await asyncio.gather(grow(store, 0), grow(other, 100), *rolls)
    await store.refresh(60)
    assert [f.n for f in await store.facts(FactQuery("event", 0, 2 * NOON_MS))] == [60]


async def test_a_newer_schema_is_refused_with_what_to_do(store: PostgresStore, url: str) -> None:
    await ask(url, "UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(StoreError, match="install the newer collector"):
        await PostgresStore(url).open()


async def test_two_collectors_may_start_at_the_same_moment(url: str) -> None:
    stores = [PostgresStore(url) for _ in range(4)]
    await asyncio.gather(*(s.open() for s in stores))
    receipts = await asyncio.gather(*(s.append(batch(event(1))) for s in stores))
    assert sum(r.accepted for r in receipts) == 1
    await asyncio.gather(*(s.close() for s in stores))


async def test_a_database_that_is_not_there_is_told_at_start(postgres: Postgres) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        await PostgresStore(postgres.url("nowhere")).open()
    with pytest.raises(StoreError, match="COLLECTOR_STORE"):
        await PostgresStore("postgresql://u@127.0.0.1:1/x").open()


async def test_text_with_a_nul_character_is_kept_and_erased(store: PostgresStore) -> None:
    bad = event(1, user="a\0b", session="s\0", payload={"model": "m\0x"})
    await store.append(batch(bad))
    (found,) = [e async for c in store.export(EventQuery()) for e in c]
    assert json.loads(bytes(found.payload)) == {"model": "m\0x"}
    await store.refresh(60)
    await store.request_erasure(["a\0b"], "r", NOON_MS)
    await store.erase_pending(NOON_MS, lambda digest: None)
    assert await seqs(store) == []


async def test_the_sql_behind_charts_runs_and_agrees(store: PostgresStore, url: str) -> None:
    await store.append(batch(*(event(n, at_ms=NOON_MS + n) for n in range(5))))
    found = {}
    for measure in ("session", "adoption", "data", "event", "error", "tool", "decision", "chat"):
        query = store.sql(measure).replace(":since", "0").replace(":until", str(2 * NOON_MS))
        found[measure] = await ask(url, query)
    assert found["chat"] == [("m1", 5, 1200.5)]
    assert found["session"][0][1] == 1
    (row,) = await ask(url, "SELECT DISTINCT event_type, user_id, payload->>'model' FROM events")
    assert row == ("ChatTurn", "user-a", "m1")


def test_a_password_is_never_shown() -> None:
    assert shown("postgresql://me:secret@db:5432/x?password=y") == "postgresql://me@db:5432/x"
    assert shown("sqlite:////data/c.db") == "sqlite:////data/c.db"
