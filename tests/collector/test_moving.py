"""A store moves to another kind and back with everything it holds, also after interruptions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sidespool.wire.builtin import builtin_catalog
from sidespool_collector.cli import collector
from sidespool_collector.event import Batch, Refused
from sidespool_collector.ingest.reader import EventReader, correct_clock, split_lines
from sidespool_collector.moving import adopt, move
from sidespool_collector.store.contract import (
    Act,
    Attachment,
    EventQuery,
    FactQuery,
    Store,
    StoreError,
)  # fmt: skip
from sidespool_collector.store.opening import store_of
from support.collector_world import NOON_MS, event, lines
from support.store_urls import SERVERS

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
DAY_MS = 86_400_000
Urls = tuple[str, str]


WAYS = [
    "sqlite to postgresql",
    "postgresql to sqlite",
    "sqlite to clickhouse",
    "clickhouse to sqlite",
]


@pytest.fixture(params=WAYS)
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Urls:
    def url(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / 'old' / 'c.db'}"
        database: str = request.getfixturevalue(SERVERS[kind]).new_database()
        return database

    old, _, new = request.param.split()
    return url(old), url(new)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = store_of(url)
    await store.open()
    yield store
    await store.close()


def batch(*events: dict[str, Any], key: str | None = None, received_ms: int = NOON_MS) -> Batch:
    reading = READER.read(split_lines(lines(*events)))
    rows, skew = correct_clock(reading.rows, received_ms, None)
    return Batch(key, received_ms, "t", rows, reading.refused, skew)


async def fill(store: Store) -> None:
    """A bit of everything a store can hold."""
    for n in range(30):
        events = [
            event(
                n * 10 + k, user=f"u{n % 4}", session=f"s{n}", at_ms=NOON_MS - n * DAY_MS // 3 - k
            )
            for k in range(10)
        ]
        await store.append(batch(*events, key=f"k{n}", received_ms=NOON_MS + n))
    bad = {"error_type": "E", "message": "no {STRING}", "stack_trace": "at x"}
    odd = event(900, kind="Error", payload={**bad, "newer_field": [1, {"a": None}]})
    await store.append(batch(odd, event(901, kind="Unheard"), received_ms=NOON_MS - 90_000))
    await store.append(batch(event(950, user="gone", session="gone")))
    await store.request_erasure(["gone"], "receipt-1", NOON_MS)
    await store.erase_pending(NOON_MS, lambda digest: None)
    await store.append(Batch(None, NOON_MS, "t", [], [Refused(None, "malformed", "x")]))
    await store.note([Act(1, "a", "x", "y")])
    file = Attachment(event(0)["event_id"], "f.txt", "text/plain", 3, "ab" * 32, NOON_MS)
    await store.attach(file, 8, lambda digest: True)
    await store.refresh(60)
    (group,) = await store.error_groups(FactQuery("error", 0, 2 * NOON_MS), 9)
    await store.set_error_status(group.group, "ignored", NOON_MS)


async def everything(store: Store) -> dict[str, Any]:
    """All that can be seen of a store."""
    await store.refresh(60)
    whole = FactQuery("event", 0, 2 * NOON_MS)
    held = await store.holding()
    return {
        "events": sorted([e async for c in store.export(EventQuery()) for e in c], key=str),
        "facts": await store.facts(whole),
        "chat": await store.facts(FactQuery("chat", 0, 2 * NOON_MS, DAY_MS)),
        "installs": await store.installs(FactQuery("session", 0, 2 * NOON_MS, by="version_os")),
        "groups": await store.error_groups(FactQuery("error", 0, 2 * NOON_MS), 9),
        "intake": await store.intake(0, 2 * NOON_MS),
        "rejected": await store.rejected(9),
        "erasure": await store.erasure("receipt-1"),
        "files": await store.attachments(event(0)["event_id"]),
        "audit": await store.audit(9),
        "held": (held.events, held.by_type, held.oldest_ms, held.newest_ms, held.rejected),
    }


def silent(what: str, done: int, expected: int) -> None:
    """Says nothing."""


async def run(urls: Urls, progress: Callable[[str, int, int], None] = silent) -> Any:
    async with opened(urls[0]) as old:
        async with opened(urls[1]) as new:
            state = await adopt(old, new)
        async with opened(urls[1]) as new:
            return await move(old, new, state, progress)


async def test_everything_moves_and_looks_the_same(urls: Urls) -> None:
    async with opened(urls[0]) as old:
        await fill(old)
        before = await everything(old)
    moved = await run(urls)
    assert (moved.events, moved.expected) == (301, 301)
    async with opened(urls[1]) as new:
        assert await everything(new) == before


async def test_what_was_known_before_is_known_after(urls: Urls) -> None:
    async with opened(urls[0]) as old:
        await fill(old)
    await run(urls)
    async with opened(urls[1]) as new:
        assert await new.seen("k7")
        again = await new.append(batch(event(0, user="u0", session="s0"), event(5000)))
        assert (again.accepted, again.duplicates) == (1, 1)
        late = await new.append(batch(event(951, user="gone")))
        assert late.erased
        await new.append(Batch(None, NOON_MS, "t", [], [Refused(None, "malformed", "new")]))
        assert (await new.rejected(1))[0][1].detail == "new"


class StoppedError(Exception):
    """The move was interrupted here."""


async def test_a_move_that_was_interrupted_goes_on(urls: Urls) -> None:
    async with opened(urls[0]) as old:
        await fill(old)
        for n in range(4):
            more = (event(10_000 + n * 900 + k, at_ms=NOON_MS + 1000 * n + k) for k in range(900))
            await old.append(batch(*more, received_ms=NOON_MS + DAY_MS))
        before = await everything(old)
    chunks: list[int] = []

    def stop(what: str, done: int, expected: int) -> None:
        chunks.append(done)
        if len(chunks) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        await run(urls, stop)
    second: list[int] = []
    moved = await run(urls, lambda what, done, expected: second.append(done))
    assert 0 < second[-1] < moved.expected
    async with opened(urls[1]) as new:
        assert await everything(new) == before
    assert (await run(urls)).was_done


async def test_only_an_empty_store_is_moved_to(urls: Urls, tmp_path: Path) -> None:
    for url in urls:
        async with opened(url) as store:
            await store.append(batch(event(1)))
    with pytest.raises(StoreError, match="holds events"):
        await run(urls)
    with pytest.raises(StoreError, match="the same store"):
        await run((urls[0], urls[0]))
    third = f"sqlite:///{tmp_path / 'third.db'}"
    await run((urls[0], third))
    with pytest.raises(StoreError, match="another store"):
        await run((urls[1], third))


def call(*words: str) -> Result:
    return CliRunner().invoke(collector, ["migrate", *words, "--json"])


def test_the_verb_moves_files_too_and_may_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (f"sqlite:///{tmp_path / name / 'c.db'}" for name in ("a", "b"))
    digest = "ab" * 32

    async def prepare() -> None:
        async with opened(old) as store:
            await fill(store)

    asyncio.run(prepare())
    file = tmp_path / "a" / "attachments" / digest[:2] / digest
    file.parent.mkdir(parents=True)
    file.write_bytes(b"abc")
    found = json.loads(call("--from", old, "--to", new).stdout)
    assert (found["events"], found["expected"], found["files"]) == (301, 301, 1)
    assert (tmp_path / "b" / "attachments" / digest[:2] / digest).read_bytes() == b"abc"
    again = call("--from", old, "--to", new)
    assert again.exit_code == 0
    assert json.loads(again.stdout)["was_done"]
    refused = call("--from", old, "--to", old)
    assert refused.exit_code == 1
