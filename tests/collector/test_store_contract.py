"""What every store promises. Each test runs on every store that this machine can serve."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidespool.wire.builtin import builtin_catalog
from sidespool_collector.event import Batch, Refused
from sidespool_collector.ingest.reader import EventReader, correct_clock, split_lines
from sidespool_collector.store.contract import (
    Act,
    Attachment,
    ErrorGroup,
    EventQuery,
    Fact,
    FactQuery,
    Holding,
    Store,
    StoredEvent,
)  # fmt: skip
from sidespool_collector.store.opening import store_of
from support import chdb_link
from support.collector_world import NOON_MS, event, lines
from support.store_urls import STORES, url_of

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
Opener = Callable[[], Store]


@pytest.fixture(params=(*STORES, "chdb"))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the test's own store, each time the same."""
    if request.param == "chdb":  # today's ClickHouse, for the dialect
        if chdb_link.missing():
            pytest.skip(f"not run: {chdb_link.missing()}")
        return chdb_link.chdb_store()
    url = url_of(request, tmp_path)
    return lambda: store_of(url)


@pytest.fixture
async def store(opener: Opener) -> AsyncIterator[Store]:
    opened = opener()
    await opened.open()
    yield opened
    await opened.close()


def batch(*events: dict[str, Any], key: str | None = None, received_ms: int = NOON_MS) -> Batch:
    reading = READER.read(split_lines(lines(*events)))
    rows, skew = correct_clock(reading.rows, received_ms, None)
    return Batch(key, received_ms, "tests", rows, reading.refused, skew)


async def facts(store: Store, query: FactQuery) -> list[Fact]:
    await store.refresh(60)
    return await store.facts(query)


async def installs(store: Store, query: FactQuery) -> list[tuple[int, int]]:
    await store.refresh(60)
    return [(count.sessions, count.installs) for count in await store.installs(query)]


async def error_groups(store: Store, query: FactQuery, limit: int) -> list[ErrorGroup]:
    await store.refresh(60)
    return await store.error_groups(query, limit)


async def holding(store: Store) -> Holding:
    await store.refresh(60)
    return await store.holding()


async def exported(store: Store, **query: Any) -> list[StoredEvent]:
    return [e async for chunk in store.export(EventQuery(**query)) for e in chunk]


async def test_an_event_is_counted_once_in_a_batch_and_across_batches(store: Store) -> None:
    first = await store.append(batch(event(1), event(2), event(1)))
    again = await store.append(batch(event(2), event(3)))
    assert (first.accepted, first.duplicates) == (2, 1)
    assert (again.accepted, again.duplicates) == (1, 1)
    assert len(await exported(store)) == 3


async def test_an_id_is_the_same_in_either_case(store: Store) -> None:
    upper = {**event(1), "event_id": event(1)["event_id"].upper()}
    await store.append(batch(event(1)))
    assert (await store.append(batch(upper))).duplicates == 1


async def test_an_idempotency_key_is_counted_once(store: Store) -> None:
    await store.append(batch(event(1), key="k"))
    again = await store.append(batch(event(2), event(3), key="k"))
    assert (again.accepted, again.duplicates) == (0, 2)
    assert await store.seen("k")
    assert not await store.seen("other")
    assert len(await exported(store)) == 1


async def test_what_was_accepted_is_there_after_a_restart(opener: Opener) -> None:
    for n in range(3):
        store = opener()
        await store.open()
        receipt = await store.append(batch(event(n), event(100), key=f"k{n}"))
        assert receipt.duplicates == (1 if n else 0)
        assert len(await exported(store)) == n + 2
        await store.close()


async def test_many_at_once_lose_and_double_nothing(store: Store) -> None:
    batches = [batch(*(event(n % 150) for n in range(i, i + 50))) for i in range(0, 400, 10)]
    receipts = await asyncio.gather(*(store.append(b) for b in batches))
    assert sum(r.accepted for r in receipts) == 150
    assert sum(r.accepted + r.duplicates for r in receipts) == 40 * 50
    assert len(await exported(store)) == 150


async def test_an_event_comes_back_as_it_was_sent(store: Store) -> None:
    sent = event(7, payload={"model": "größer ✓", "latency_ms": 12.5, "token_count": 3})
    await store.append(batch(sent))
    (found,) = await exported(store)
    plain = msgspec.json.decode(msgspec.json.encode(found))
    assert {name: plain[name] for name in sent} == sent


async def test_the_clients_time_and_the_corrected_one_are_both_kept(store: Store) -> None:
    await store.append(batch(event(1), received_ms=NOON_MS - HOUR_MS))
    (found,) = await exported(store, until_ms=NOON_MS)
    assert found.timestamp == event(1)["timestamp"]
    assert found.corrected_timestamp == found.received_at


async def test_export_is_in_order_of_time_and_takes_filters(store: Store) -> None:
    events = [
        event(n, at_ms=NOON_MS - n * HOUR_MS, kind=kind, payload={})
        for n, kind in enumerate(["ChatTurn", "ToolCall", "Crash", "ChatTurn", "SessionEnd"])
    ]
    await store.append(batch(*events))
    assert [e.seq for e in await exported(store)] == [4, 3, 2, 1, 0]
    chosen = await exported(store, event_types=("ChatTurn",), since_ms=NOON_MS - HOUR_MS)
    assert [e.seq for e in chosen] == [0]
    between = await exported(store, since_ms=NOON_MS - 3 * HOUR_MS, until_ms=NOON_MS - HOUR_MS)
    assert [e.seq for e in between] == [3, 2]
    assert await exported(store, event_types=("Unheard",)) == []


async def test_an_export_larger_than_a_chunk_is_whole(store: Store) -> None:
    await store.append(
        batch(*(event(n, at_ms=NOON_MS + n) for n in range(2500)), received_ms=NOON_MS * 2)
    )
    assert [e.seq for e in await exported(store)] == list(range(2500))


def turn(model: str, latency_ms: int) -> dict[str, Any]:
    return {"model": model, "latency_ms": latency_ms}


async def test_facts_count_by_step_and_key(store: Store) -> None:
    turns = [
        event(n, at_ms=NOON_MS - n * DAY_MS, payload=turn(f"m{n % 2}", 100 * n + 100))
        for n in range(4)
    ]  # fmt: skip
    await store.append(batch(*turns))
    query = FactQuery("chat", NOON_MS - 10 * DAY_MS, NOON_MS + DAY_MS)
    by_key = {f.key: f for f in await facts(store, query)}
    assert {key: fact.n for key, fact in by_key.items()} == {"m0": 2, "m1": 2}
    assert by_key["m0"].total == 400
    assert sum(by_key["m1"].histogram.values()) == 2
    stepped = await facts(store, msgspec.structs.replace(query, step_ms=DAY_MS))
    assert [f.n for f in stepped] == [1, 1, 1, 1]


async def test_facts_follow_late_events_purges_and_filters(store: Store) -> None:
    query = FactQuery("event", 0, 2 * NOON_MS)
    await store.append(batch(event(1), event(2, app_version="2.0.0")))
    assert [f.n for f in await facts(store, query)] == [2]
    await store.append(batch(event(3), event(4, at_ms=NOON_MS - 20 * DAY_MS)))
    assert [f.n for f in await facts(store, query)] == [4]
    only = msgspec.structs.replace(query, app_version="2.0.0")
    assert [f.n for f in await facts(store, only)] == [1]
    await store.purge({}, NOON_MS - DAY_MS, dry_run=False)
    assert [f.n for f in await facts(store, query)] == [3]


async def test_sessions_count_once_on_the_day_they_began(store: Store) -> None:
    await store.append(
        batch(event(1, session="s1"), event(2, session="s1", at_ms=NOON_MS - DAY_MS))
    )
    await store.append(batch(event(3, session="s2", user="user-b")))
    query = FactQuery("session", NOON_MS - 9 * DAY_MS, NOON_MS + DAY_MS, DAY_MS)
    assert await installs(store, query) == [(1, 1), (1, 1)]
    assert await installs(store, msgspec.structs.replace(query, step_ms=0)) == [(2, 2)]


async def test_a_session_moves_to_the_day_of_an_earlier_event_that_comes_late(store: Store) -> None:
    query = FactQuery("session", NOON_MS - 9 * DAY_MS, NOON_MS + DAY_MS, DAY_MS)
    await store.append(batch(event(1)))
    assert await installs(store, query) == [(1, 1)]
    await store.append(batch(event(2, at_ms=NOON_MS - 3 * DAY_MS)))
    await store.refresh(60)
    (count,) = await store.installs(query)
    assert count.start_ms // DAY_MS == NOON_MS // DAY_MS - 3


async def test_installs_of_many_days_and_systems_are_counted_once_each(store: Store) -> None:
    events = [
        event(n, user=f"u{n % 7}", session=f"s{n}", at_ms=NOON_MS - n * DAY_MS // 4,
              os=("linux", "macos")[n % 2], app_version=f"1.{n % 3}")
        for n in range(60)
    ]  # fmt: skip
    await store.append(batch(*events))
    query = FactQuery("session", NOON_MS - 30 * DAY_MS, NOON_MS + DAY_MS)
    assert await installs(store, query) == [(60, 7)]
    filtered = msgspec.structs.replace(query, os="linux", app_version="1.0")
    assert await installs(store, filtered) == [(10, len({n % 7 for n in range(0, 60, 6)}))]
    await store.refresh(60)
    found = await store.installs(msgspec.structs.replace(query, by="version_os"))
    assert [c.key for c in found] == [f"1.{v} · {s}" for v in range(3) for s in ("linux", "macos")]
    assert sum(c.sessions for c in found) == 60


async def test_an_erased_install_is_no_longer_counted(store: Store) -> None:
    query = FactQuery("session", NOON_MS - DAY_MS, NOON_MS + DAY_MS)
    await store.append(batch(event(1), event(2, user="other", session="s2")))
    assert await installs(store, query) == [(2, 2)]
    await erase(store, "other")
    assert await installs(store, query) == [(1, 1)]


def error(n: int, at_ms: int = NOON_MS, **payload: Any) -> dict[str, Any]:
    usual = {"error_type": "TypeError", "message": "no {STRING}", "stack_trace": "at x"}
    return event(n, at_ms=at_ms, kind="Error", payload={**usual, **payload})


async def test_errors_group_by_type_and_template(store: Store) -> None:
    await store.append(batch(error(1), error(2, NOON_MS - HOUR_MS), error(3, message="other")))
    groups = await error_groups(store, FactQuery("error", 0, 2 * NOON_MS), 10)
    assert [(g.template, g.n) for g in groups] == [("no {STRING}", 2), ("other", 1)]
    assert (groups[0].first_ms, groups[0].last_ms) == (NOON_MS - HOUR_MS, NOON_MS)
    assert groups[0].versions == ("1.2.3",)
    assert groups[0].sample_stack == "at x"


async def test_a_resolved_error_that_comes_back_is_a_regression(store: Store) -> None:
    query = FactQuery("error", 0, 2 * NOON_MS)
    await store.append(batch(error(1)))
    (group,) = await error_groups(store, query, 10)
    assert await store.set_error_status(group.group, "resolved", NOON_MS + 1)
    (resolved,) = await error_groups(store, query, 10)
    assert (resolved.status, resolved.is_regression) == ("resolved", False)
    await store.append(batch(error(2, NOON_MS + HOUR_MS), received_ms=NOON_MS + HOUR_MS))
    (back,) = await error_groups(store, query, 10)
    assert (back.status, back.is_regression) == ("open", True)
    assert not await store.set_error_status("unheard", "open", 0)


async def test_a_purge_takes_each_type_at_its_own_age(store: Store) -> None:
    old = NOON_MS - 40 * DAY_MS
    await store.append(
        batch(
            event(1, at_ms=old, kind="Crash", payload={}),
            event(2, at_ms=old, session="s2"),
            event(3),
        )
    )
    cutoffs, default = {"Crash": NOON_MS - 90 * DAY_MS}, NOON_MS - 30 * DAY_MS
    assert await store.purge(cutoffs, default, dry_run=True) == {"ChatTurn": 1}
    assert len(await exported(store)) == 3
    assert await store.purge(cutoffs, default, dry_run=False) == {"ChatTurn": 1}
    assert sorted(e.seq for e in await exported(store)) == [1, 3]
    assert await store.purge(cutoffs, default, dry_run=False) == {}


async def test_appends_work_after_a_purge_took_their_session(store: Store) -> None:
    await store.append(batch(event(1, at_ms=NOON_MS - 40 * DAY_MS)))
    await store.purge({}, NOON_MS - DAY_MS, dry_run=False)
    await store.append(batch(event(2)))
    assert [e.session_id for e in await exported(store)] == ["session-a"]


async def erase(store: Store, *users: str, receipt: str = "r") -> None:
    await store.request_erasure(list(users), receipt, NOON_MS)
    await store.erase_pending(NOON_MS + 5, lambda digest: None)


async def test_an_erasure_leaves_no_row_and_says_how_many_it_took(store: Store) -> None:
    await store.append(batch(event(1), event(2, session="s2"), error(3), event(4, user="other")))
    bad = Refused(None, "malformed", "x", user_id="user-a", size_bytes=3)
    await store.append(Batch(None, NOON_MS, "t", [], [bad]))
    assert await store.scan("user-a") > 0
    await erase(store, "user-a")
    found = await store.erasure("r")
    assert found is not None
    assert (found.state, found.events, found.sessions, found.rejected) == ("erased", 3, 2, 1)
    assert await store.scan("user-a") == 0
    assert [e.user_id for e in await exported(store)] == ["other"]
    assert await error_groups(store, FactQuery("error", 0, 2 * NOON_MS), 9) == []
    assert await store.erasure("unheard") is None


async def test_late_arrivals_of_an_erased_user_are_refused(store: Store) -> None:
    await erase(store, "user-a")
    receipt = await store.append(batch(event(1), event(2, user="other")))
    assert receipt.accepted == 1
    assert receipt.erased == [event(1)["event_id"]]
    assert await store.scan("user-a") == 0


async def test_tombstones_hold_after_a_restart(opener: Opener) -> None:
    store = opener()
    await store.open()
    await store.request_erasure(["user-a"], "r", NOON_MS)
    await store.close()
    again = opener()
    await again.open()
    assert (await again.append(batch(event(1)))).erased
    assert await again.erase_pending(NOON_MS, lambda digest: None) == 1
    found = await again.erasure("r")
    assert found is not None
    assert found.state == "erased"
    await again.close()


async def test_an_export_under_way_skips_a_user_who_is_erased_meanwhile(store: Store) -> None:
    await store.append(
        batch(*(event(n, at_ms=NOON_MS + n) for n in range(2500)), received_ms=2 * NOON_MS)
    )
    seen: list[StoredEvent] = []
    async for chunk in store.export(EventQuery()):
        if not seen:
            await store.request_erasure(["user-a"], "r", NOON_MS)
        seen += chunk
    assert len(seen) == 1000


def attachment(n: int, name: str = "log.txt", digest: str = "d1") -> Attachment:
    return Attachment(event(n)["event_id"], name, "text/plain", 3, digest, NOON_MS)


async def test_files_belong_to_events_and_go_with_the_last_of_them(store: Store) -> None:
    await store.append(batch(event(1), event(2, user="other")))
    assert await store.attach(attachment(9), 2, lambda d: True) == "no_event"
    assert await store.attach(attachment(1), 2, lambda d: False) == "gone"
    assert await store.attach(attachment(1), 2, lambda d: True) == "added"
    assert await store.attach(attachment(1), 2, lambda d: True) == "known"
    assert await store.attach(attachment(1, digest="d2"), 2, lambda d: True) == "too_many"
    assert await store.attach(attachment(1, "b"), 1, lambda d: True) == "too_many"
    assert await store.attach(attachment(2), 2, lambda d: True) == "added"
    assert [a.name for a in await store.attachments(event(1)["event_id"])] == ["log.txt"]
    unlinked: list[str] = []
    await store.request_erasure(["user-a"], "r", NOON_MS)
    await store.erase_pending(NOON_MS, unlinked.append)
    assert unlinked == []
    await store.purge({}, NOON_MS + 1, dry_run=False)
    assert await store.release_files(unlinked.append) == 1
    assert unlinked == ["d1"]


async def test_intake_and_holding_add_up(store: Store) -> None:
    unheard = event(9, kind="Unheard")
    await store.append(batch(event(1), event(2), unheard, key="k"))
    await store.append(batch(event(1), event(2), key="k"))
    intake = await store.intake(NOON_MS, NOON_MS + 1)
    assert (intake.accepted, intake.duplicates, intake.rejected) == (2, 2, 1)
    assert intake.by_reason == {"unknown_event": 1}
    held = await holding(store)
    assert (held.events, held.rejected) == (2, 1)
    assert held.by_type == {"ChatTurn": 2}
    assert held.oldest_ms == held.newest_ms == NOON_MS
    ((received, refused),) = await store.rejected(5)
    assert (received, refused.reason, refused.content) == (NOON_MS, "unknown_event", None)


async def test_the_audit_log_is_newest_first(store: Store) -> None:
    await store.note([Act(1, "a", "x", ""), Act(2, "b", "y", "z")])
    assert await store.audit(1) == [Act(2, "b", "y", "z")]


async def test_every_chart_has_its_sql(store: Store) -> None:
    for measure in ("session", "adoption", "data", "event", "error", "chat", "tool", "decision"):
        assert "SELECT" in store.sql(measure)
