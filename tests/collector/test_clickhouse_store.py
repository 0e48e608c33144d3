"""What is particular to the ClickHouse store: days, versions, and rows that are not merged yet."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.errors import ConfigError
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.event import uuid7
from sidespool_collector.event import Batch, id_bytes
from sidespool_collector.ingest.reader import EventReader, split_lines
from sidespool_collector.store.clickhouse.block import block_of, sized, varint
from sidespool_collector.store.clickhouse.day import day_of, day_of_key
from sidespool_collector.store.clickhouse.place import place_of
from sidespool_collector.store.clickhouse.store import ClickHouseStore
from sidespool_collector.store.clickhouse.text import quoted
from sidespool_collector.store.contract import (
    Attachment,
    EventQuery,
    FactQuery,
    Store,
    StoreError,
)  # fmt: skip
from support.clickhouse import ClickHouse
from support.collector_world import NOON_MS, event, lines

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MUTATIONS = (
    "SELECT count() FROM system.mutations WHERE table = 'event' AND database = currentDatabase()"
)


def batch(*events: dict[str, Any], key: str | None = None) -> Batch:
    reading = READER.read(split_lines(lines(*events)))
    assert not reading.refused
    return Batch(key, NOON_MS, "t", reading.rows, [])


class Server:
    """One test's database on the shared server."""

    def __init__(self, server: ClickHouse) -> None:
        self.url = server.new_database()
        self._server = server
        self._database = self.url.rpartition("/")[2]

    def ask(self, query: str) -> list[list[str]]:
        """Rows of texts."""
        found = self._server.ask(query, self._database)
        return [line.split("\t") for line in found.splitlines()]

    def create(self) -> None:
        """The database, where no store does it."""
        self._server.ask(f"CREATE DATABASE {self._database}")

    def insert(self, table: str, block: bytes) -> None:
        """Adds a block."""
        self._server.insert(f"INSERT INTO {self._database}.{table} FORMAT Native", block)

    def days(self) -> list[int]:
        """Partitions of the event table that hold anything."""
        query = "SELECT DISTINCT partition FROM system.parts WHERE active AND table = 'event' "
        found = self.ask(query + f"AND database = '{self._database}' ORDER BY partition")
        return [int(day) for (day,) in found]


@pytest.fixture
def server(clickhouse: ClickHouse) -> Server:
    return Server(clickhouse)


@pytest.fixture
async def store(server: Server) -> AsyncIterator[ClickHouseStore]:
    opened = ClickHouseStore(server.url, quiet_s=0.05)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: ClickHouseStore, server: Server) -> AsyncIterator[ClickHouseStore]:
    """A second collector on the same database."""
    opened = ClickHouseStore(server.url, quiet_s=0.05)
    await opened.open()
    yield opened
    await opened.close()


async def seqs(store: Store) -> list[int]:
    return [e.seq async for chunk in store.export(EventQuery()) for e in chunk]


async def counted(store: Store) -> list[int]:
    await store.refresh(60)
    return [f.n for f in await store.facts(FactQuery("event", 0, 2 * NOON_MS))]


@given(st.integers(19_000 * DAY_MS, 29_000 * DAY_MS - 1), st.integers(0, 4095))
def test_the_day_of_a_dated_id_is_its_own(at: int, a: int) -> None:
    raw = id_bytes(uuid7(at, a, 5))
    assert raw is not None
    assert day_of(raw) == at // DAY_MS
    assert day_of_key(uuid7(at, a, 5), 0) == at // DAY_MS


@given(st.uuids(version=4) | st.integers(0, 19_000 * DAY_MS - 1).map(lambda at: uuid7(at, 1, 1)))
def test_any_other_id_has_day_zero(found: uuid.UUID | str) -> None:
    raw = id_bytes(str(found))
    assert raw is not None
    assert day_of(raw) == 0


@given(st.integers(0, 2**40))
def test_a_length_is_written_seven_bits_at_a_time(number: int) -> None:
    raw = varint(number)
    assert sum((byte & 127) << 7 * n for n, byte in enumerate(raw)) == number
    assert [byte >> 7 for byte in raw] == [1] * (len(raw) - 1) + [0]
    assert sized(b"ab") == b"\x02ab"


def test_texts_come_back_from_a_literal_and_from_a_block(server: Server) -> None:
    odd = ["", "it's", "a\\b", "\\'", "größer ✓", "x" * 5000]
    server.create()
    literals = ", ".join(f"hex({quoted(text)})" for text in [*odd, "a\nb\tc\0d"])
    found = server.ask(f"SELECT {literals}")[0]
    assert [bytes.fromhex(text).decode() for text in found] == [*odd, "a\nb\tc\0d"]
    shape = {"t": "String", "n": "Int64", "f": "Float64", "a": "Array(String)", "b": "Array(Int32)"}
    rows = [(text, -n, n / 3, [text] * n, [n, -n]) for n, text in enumerate(odd)]
    raw = block_of(shape, rows)
    assert raw[:1] == b"\x05"
    columns = ", ".join(f"{name} {kind}" for name, kind in shape.items())
    server.ask(f"CREATE TABLE odd ({columns}) ENGINE = Memory")
    server.insert("odd", raw)
    back = server.ask("SELECT hex(t), n, f = -n / 3, arrayStringConcat(a, ','), b FROM odd")
    assert [bytes.fromhex(t).decode() for t, *_ in back] == odd
    assert [(int(n), f) for _, n, f, *_ in back] == [(-n, "1") for n in range(len(odd))]
    assert back[3][4] == "[3,-3]"


def test_a_url_says_where_the_store_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of("clickhouse://me:p%40ss@a:1,b/telemetry?cluster=team&quorum=2")
    assert place.hosts == ("http://a:1/", "http://b:8123/")
    assert (place.user, place.password, place.cluster, place.quorum) == ("me", "p@ss", "team", 2)
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", "secret")
    assert place_of("clickhouse://h/d?secure=1").hosts == ("https://h:8443/",)
    assert place_of("clickhouse://h/d").password == "secret"
    for bad in ("h", "h/bad-name", "h:99999/d", "h/d?quorum=2", "h/d?clutser=x", "h/d;x"):
        with pytest.raises(ConfigError, match="COLLECTOR_STORE"):
            place_of(f"clickhouse://{bad}")


async def test_ids_of_every_kind_are_deduped_in_their_partition(
    store: ClickHouseStore, server: Server
) -> None:
    ids = [str(uuid.uuid4()), uuid7(4_000_000_000_000, 1, 2), uuid7(NOON_MS, 1, 2)]
    events = [{**event(n), "event_id": i} for n, i in enumerate(ids)]
    for expected in (3, 0):
        assert (await store.append(batch(*events))).accepted == expected
    assert server.days() == [0, NOON_MS // DAY_MS]


async def test_an_id_counts_once_whatever_its_timestamp_and_clock(store: ClickHouseStore) -> None:
    first = event(1)
    moved = {**first, "timestamp": event(1, at_ms=NOON_MS - 3 * DAY_MS)["timestamp"]}
    await store.append(batch(first))
    assert (await store.append(batch(moved))).duplicates == 1


async def test_rows_that_are_not_merged_yet_are_seen_once(
    store: ClickHouseStore, server: Server
) -> None:
    """What two collectors leave that took in one event at the same moment."""
    await store.append(batch(event(1), event(2)))
    server.ask("INSERT INTO event SELECT * FROM event")
    server.ask("INSERT INTO batch SELECT * FROM batch")
    assert server.ask("SELECT count() FROM event") == [["4"]]
    assert sorted(await seqs(store)) == [1, 2]
    assert await counted(store) == [2]
    assert (await store.intake(NOON_MS, NOON_MS + 1)).accepted == 2
    assert server.ask("SELECT count() FROM events") == [["2"]]
    server.ask("OPTIMIZE TABLE event FINAL")
    assert server.ask("SELECT count() FROM event") == [["2"]]
    assert await counted(store) == [2]


async def test_of_two_rows_of_an_event_the_one_received_first_stands(
    store: ClickHouseStore, server: Server
) -> None:
    await store.append(batch(event(1)))
    names = [name for name, *_ in server.ask("DESCRIBE TABLE event")]
    later = ", ".join("rank - 5000 AS rank" if name == "rank" else name for name in names)
    server.ask(f"INSERT INTO event SELECT {later} FROM event")
    ((found,),) = [chunk async for chunk in store.export(EventQuery())]
    assert found.received_at == event(1)["timestamp"]


async def test_facts_that_were_broken_off_do_not_count(
    store: ClickHouseStore, server: Server
) -> None:
    """A collector died after it wrote an hour's facts and before it said that they count."""
    await store.append(batch(event(1)))
    assert await counted(store) == [1]
    names = [name for name, *_ in server.ask("DESCRIBE TABLE rollup")]
    torn = ", ".join("ver + 1 AS ver" if name == "ver" else name for name in names)
    server.ask(f"INSERT INTO rollup SELECT {torn} FROM rollup WHERE measure = 'event'")
    found = await store.facts(FactQuery("event", 0, 2 * NOON_MS))
    assert [f.n for f in found] == [1]
    await store.append(batch(event(2)))
    assert await counted(store) == [2]


async def test_what_daemons_lost_is_added_up(store: ClickHouseStore) -> None:
    reports = [
        event(n, kind="ClientReport", payload={"dropped": {"spool_full": n, "rate_limited": 1}})
        for n in (1, 2)
    ]
    await store.append(batch(*reports, event(3)))
    await store.refresh(60)
    found = await store.facts(FactQuery("drop", 0, 2 * NOON_MS))
    assert {f.key: f.n for f in found} == {"rate_limited": 2, "spool_full": 3}


async def test_a_purge_drops_whole_days(store: ClickHouseStore, server: Server) -> None:
    files: list[str] = []
    await store.append(batch(*(event(n, at_ms=NOON_MS - n * DAY_MS) for n in range(5))))
    old = Attachment(
        event(4, at_ms=NOON_MS - 4 * DAY_MS)["event_id"], "f", "text/plain", 1, "d", NOON_MS
    )
    assert await store.attach(old, 8, lambda d: True) == "added"
    cutoff = (NOON_MS // DAY_MS - 2) * DAY_MS
    assert await store.purge({}, cutoff, dry_run=False) == {"ChatTurn": 2}
    assert server.days() == [NOON_MS // DAY_MS - n for n in (2, 1, 0)]
    assert server.ask(MUTATIONS) == [["0"]]
    assert await seqs(store) == [2, 1, 0]
    assert await store.release_files(files.append) == 1
    await store.refresh(60)
    assert (await store.holding()).events == 3
    receipt = await store.append(batch(event(9, at_ms=NOON_MS - 4 * DAY_MS)))
    assert receipt.accepted == 1


async def test_a_day_with_a_row_to_be_kept_stays(store: ClickHouseStore) -> None:
    old = event(1, at_ms=NOON_MS - 40 * DAY_MS)
    slow_clock = {**event(2, at_ms=NOON_MS - 40 * DAY_MS), "timestamp": event()["timestamp"]}
    await store.append(batch(old, slow_clock))
    assert await store.purge({}, NOON_MS - DAY_MS, dry_run=False) == {"ChatTurn": 1}
    assert await seqs(store) == [2]


async def test_two_collectors_store_an_event_once(
    store: ClickHouseStore, other: ClickHouseStore
) -> None:
    batches = [
        batch(
            *(event(n % 120, session=f"s{n % 7}", user=f"u{n % 5}") for n in range(i, i + 40)),
            key=f"k{i}",
        )
        for i in range(0, 240, 8)
    ]
    receipts = await asyncio.gather(*(s.append(b) for b in batches for s in (store, other)))
    assert sum(r.accepted for r in receipts) >= 120
    assert len(await seqs(store)) == 120
    assert await counted(other) == [120]


async def test_an_erasure_asked_of_one_collector_holds_for_all(
    store: ClickHouseStore, other: ClickHouseStore
) -> None:
    await other.append(batch(event(1)))
    await store.request_erasure(["user-a"], "r", NOON_MS)
    assert (await other.append(batch(event(2)))).erased
    assert await other.erase_pending(NOON_MS, lambda digest: None) == 1
    assert await store.scan("user-a") == 0


async def test_appends_beside_an_erasure_leave_nothing_behind(
    store: ClickHouseStore, other: ClickHouseStore
) -> None:
    async def flood(s: ClickHouseStore, start: int) -> None:
        for n in range(start, start + 12):
            await s.append(batch(event(n, user=f"user-{n % 2}", session=f"s{n % 2}")))

    async def erase() -> None:
        await store.append(batch(event(5000, user="user-1", session="s1")))
        await store.request_erasure(["user-1"], "r", NOON_MS)
        assert await store.erase_pending(NOON_MS, lambda digest: None) == 1

    await asyncio.gather(flood(store, 0), flood(other, 100), erase())
    assert await store.scan("user-1") == 0


async def test_an_append_that_began_before_a_request_is_erased_after_the_quiet_time(
    store: ClickHouseStore, other: ClickHouseStore, server: Server
) -> None:
    """Another collector had looked at the tombstones, and inserts when all seems done."""
    await store.append(batch(event(1)))
    server.ask("CREATE TABLE late AS event ENGINE = Memory")
    server.ask("INSERT INTO late SELECT * FROM event")
    await store.request_erasure(["user-a"], "r", NOON_MS)
    store._quiet_s = 0.6
    erasing = asyncio.create_task(  # noqa: TID251
        store.erase_pending(NOON_MS, lambda digest: None)
    )
    while (found := await store.erasure("r")) is None or found.state != "erasing":
        await asyncio.sleep(0.01)
    while server.ask("SELECT count() FROM event") != [["0"]]:
        await asyncio.sleep(0.01)
    server.ask("INSERT INTO event SELECT * FROM late")
    server.ask("DROP TABLE late")
    assert await erasing == 1
    assert await store.scan("user-a") == 0
    assert await counted(store) == []


async def test_an_erasure_that_died_half_way_keeps_its_counts(
    store: ClickHouseStore, server: Server
) -> None:
    await store.append(batch(event(1), event(2)))
    await store.request_erasure(["user-a"], "r", NOON_MS)
    await store._erase(await _requests(store))
    assert server.ask("SELECT count() FROM event") == [["0"]]
    assert await store.erase_pending(NOON_MS, lambda digest: None) == 1
    found = await store.erasure("r")
    assert found is not None
    assert (found.state, found.events, found.sessions) == ("erased", 2, 1)


async def _requests(store: ClickHouseStore) -> list[Any]:
    found = await store.erasure("r")
    return [found]


async def test_a_newer_schema_is_refused_with_what_to_do(
    store: ClickHouseStore, server: Server
) -> None:
    await store.set_memo("schema", b"99")
    with pytest.raises(StoreError, match="install the newer collector"):
        await ClickHouseStore(server.url).open()


async def test_several_collectors_may_start_at_the_same_moment(server: Server) -> None:
    stores = [ClickHouseStore(server.url) for _ in range(4)]
    await asyncio.gather(*(s.open() for s in stores))
    keys = {await s.memo("tombstone_key") for s in stores}
    assert len({s._appender.mark_of("u") for s in stores}) == len(keys) == 1
    for each in stores:
        await each.close()


async def test_a_database_that_is_not_there_is_told_at_start() -> None:
    with pytest.raises(StoreError, match="COLLECTOR_STORE"):
        await ClickHouseStore("clickhouse://u@127.0.0.1:1/x").open()


async def test_text_with_a_nul_character_is_kept_and_erased(store: ClickHouseStore) -> None:
    bad = event(1, user="a\0b'\\", session="s\0", payload={"model": "m\0x"})
    await store.append(batch(bad))
    (found,) = [e async for c in store.export(EventQuery()) for e in c]
    assert json.loads(bytes(found.payload)) == {"model": "m\0x"}
    await store.refresh(60)
    await store.request_erasure(["a\0b'\\"], "r", NOON_MS)
    await store.erase_pending(NOON_MS, lambda digest: None)
    assert await seqs(store) == []
    assert await store.scan("a\0b'\\") == 0


async def test_the_sql_behind_charts_runs_and_agrees(
    store: ClickHouseStore, server: Server
) -> None:
    await store.append(batch(*(event(n, at_ms=NOON_MS + n) for n in range(5))))
    found = {}
    for measure in ("session", "adoption", "data", "event", "error", "tool", "decision", "chat"):
        query = store.sql(measure).replace(":since", "0").replace(":until", str(2 * NOON_MS))
        found[measure] = server.ask(query)
    assert found["chat"] == [["m1", "5", "1200.5"]]
    assert found["session"][0][1] == "1"
    query = "SELECT DISTINCT event_type, user_id, visitParamExtractString(payload, 'model') "
    assert server.ask(query + "FROM events") == [["ChatTurn", "user-a", "m1"]]
