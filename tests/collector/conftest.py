"""Collectors on ephemeral ports with stores in temporary directories."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidespool_collector.auth.tokens import Role, TokenFile
from sidespool_collector.server import start
from sidespool_collector.settings import load_settings
from support import clickhouse as clickhouse_server
from support.collector_world import World
from support.postgres import Postgres, programs, running
from support.store_urls import STORES, url_of


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if programs() is None:
        pytest.skip("not run: PostgreSQL is not installed (Debian package postgresql)")
    yield from running()


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[clickhouse_server.ClickHouse]:
    if clickhouse_server.missing():
        pytest.skip(f"not run: {clickhouse_server.missing()}")
    yield from clickhouse_server.running()


StartWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def start_world(tmp_path: Path) -> AsyncIterator[StartWorld]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession())

        async def start_one(**given: Any) -> World:
            path = tmp_path / "tokens.json"
            tokens = {}
            if not path.exists():
                tokens = {str(r): TokenFile(path).create(str(r), r, 0) for r in Role}
                start_one.tokens = tokens  # type: ignore[attr-defined]  # kept for a restart
            settings = load_settings(
                **{
                    "store": f"sqlite:///{tmp_path / 'collector.db'}",
                    "listen": "127.0.0.1:0",
                    "tokens_file": path,
                    "attachments_dir": tmp_path / "attachments",
                    "retention_days": 3650,
                    **given,
                }
            )
            running = await start(settings)
            stack.push_async_callback(running.close)
            return World(running, client, start_one.tokens)  # type: ignore[attr-defined]  # as above

        yield start_one


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the test's own store is: each test that asks for it runs on every store."""
    return url_of(request, tmp_path)


@pytest.fixture
async def world(start_world: StartWorld, store_url: str) -> World:
    return await start_world(store=store_url)
