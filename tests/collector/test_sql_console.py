"""The SQL console on real stores: what it answers, and what it refuses however it is asked."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from sidespool_collector.store.console import (
    ConsoleError,
    ConsoleLimits,
    with_moments,
    without_values,
)  # fmt: skip
from sidespool_collector.store.sqlite.console import SqliteConsole
from sidespool_collector.store.sqlite.console_child import Task, result_of
from sidespool_collector.store.sqlite.store import SqliteStore
from support.collector_world import World, event, lines
from support.postgres import Postgres

StartWorld = Callable[..., Awaitable[World]]


async def ask(world: World, sql: str, role: str = "read", query: str = "") -> tuple[int, Any]:
    url = f"{world.url}/api/v1/sql{query}"
    async with world.client.post(url, json={"sql": sql}, headers=world.auth(role)) as got:
        is_json = got.content_type == "application/json"
        return got.status, await (got.json() if is_json else got.text())


@pytest.fixture(params=["sqlite", "postgresql"])
async def asked(request: pytest.FixtureRequest, start_world: StartWorld, tmp_path: Path) -> World:
    """A collector with three events; on PostgreSQL with a role of its own for the console."""
    if request.param == "sqlite":
        world = await start_world()
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
        world = await start_world(
            store=url, sql_store=url.replace("owner@", f"{await reader_role(url)}@")
        )
    await world.send(lines(event(1), event(2, user="b"), event(3, kind="Crash", payload={})))
    return world


async def reader_role(url: str) -> str:
    """A role as the guide tells to make it; the collector has migrated by the time it is used."""
    import asyncpg

    from sidespool_collector.store.opening import store_of

    store = store_of(url)
    await store.open()
    await store.close()
    name = f"console_{urlsplit(url).path[1:]}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE ROLE {name} LOGIN; GRANT SELECT ON events TO {name}")
    await connection.close()
    return name


async def test_a_select_over_the_view_is_answered(asked: World) -> None:
    status, answer = await ask(
        asked, "SELECT event_type, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC, 1;"
    )
    assert (status, answer) == (
        200, {"columns": ["event_type", "n"], "rows": [["ChatTurn", 2], ["Crash", 1]],
              "is_cut": False},
    )  # fmt: skip
    assert [a.act for a in await asked.store.audit(1)] == ["sql"]


async def test_every_charts_statement_runs_in_the_console(asked: World) -> None:
    charts = ("sessions", "proposals", "latency", "tools", "adoption", "funnel", "errors")
    for name in charts:
        _, sql = await asked.get(f"/api/v1/metrics/{name}?format=sql")
        status, answer = await ask(asked, sql, query="?from=2026-09-01&to=2026-10-01")
        assert status == 200, (name, answer)
    _, answer = await ask(
        asked, "SELECT count(*) FROM events WHERE corrected_ms >= :since", query="?from=2026-09-22"
    )
    assert answer["rows"] == [[0]]


async def test_csv_is_made_safe_for_spreadsheets(asked: World) -> None:
    status, text = await ask(asked, "SELECT '=cmd()' AS a, 7 AS b", query="?format=csv")
    assert (status, text) == (200, "a,b\r\n'=cmd(),7\r\n")


NO_SELECT_OVER_THE_VIEW = (
    "DELETE FROM events",
    "SELECT 1; SELECT 2",
    "SELECT * FROM meta",
    "SELECT * FROM audit",
    "SELECT * FROM event",
    "SELECT count(*) FROM tombstone",
    "WITH events AS (SELECT * FROM meta) SELECT * FROM events",
    "SELECT (SELECT value FROM meta LIMIT 1) FROM events",
    "CREATE TABLE x (a int)",
    "not sql at all",
    "",
    "SELECT nothing FROM events",
)


async def test_what_is_no_select_over_the_view_is_refused(asked: World) -> None:
    is_sqlite = asked.store.name == "sqlite"
    for sql in NO_SELECT_OVER_THE_VIEW[:3] if is_sqlite else NO_SELECT_OVER_THE_VIEW:
        status, answer = await ask(asked, sql)
        assert (status, answer["error"]) == (400, "bad_sql"), (sql, answer)
        assert len(answer["detail"]) > 5


WAYS_OUT_OF_SQLITE = (
    "ATTACH ':memory:' AS x",
    "PRAGMA table_info(event)",
    "SELECT * FROM pragma_table_info('event')",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM temp.sqlite_master",
    "SELECT * FROM main.events",
    "SELECT load_extension('x')",
    "SELECT zeroblob(2000000)",
    "VACUUM INTO '/tmp/stolen.db'",
)


async def test_sqlites_own_ways_out_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    for sql in (*NO_SELECT_OVER_THE_VIEW, *WAYS_OUT_OF_SQLITE):
        result = result_of(Task(str(path), sql, ConsoleLimits()))
        assert result.answer is None, sql
        assert len(result.problem) > 5
    counted = result_of(Task(str(path), "SELECT count(*) FROM events", ConsoleLimits())).answer
    assert counted is not None
    assert counted.rows == [[0]]


WAYS_OUT_OF_POSTGRESQL = (
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "DO $$ BEGIN END $$",
    "SET ROLE owner",
    "SELECT query_to_xml('SELECT * FROM meta', true, false, '')",
    "SELECT set_config('role', 'owner', false), query_to_xml('TABLE meta', true, false, '')",
    "SELECT pg_terminate_backend(pg_backend_pid() + 1) FROM pg_authid",
    "SELECT 1) AS q; DROP TABLE meta; --",
)


async def test_postgresqls_own_ways_out_are_closed(
    start_world: StartWorld, postgres: Postgres
) -> None:
    url = postgres.new_database()
    role = await reader_role(url)
    world = await start_world(store=url, sql_store=url.replace("owner@", f"{role}@"))
    for sql in WAYS_OUT_OF_POSTGRESQL:
        status, answer = await ask(world, sql)
        assert (status, answer["error"]) == (400, "bad_sql"), (sql, answer)


async def test_a_role_that_may_do_more_is_not_used(
    start_world: StartWorld, postgres: Postgres
) -> None:
    url = postgres.new_database()
    world = await start_world(store=url, sql_store=url)
    status, answer = await ask(world, "SELECT 1")
    assert (status, answer["error"]) == (404, "no_console")
    assert "may do more" in answer["detail"]


async def test_without_a_role_postgresql_has_no_console(
    start_world: StartWorld, postgres: Postgres
) -> None:
    world = await start_world(store=postgres.new_database())
    status, answer = await ask(world, "SELECT 1")
    assert (status, answer["error"]) == (404, "no_console")
    assert "COLLECTOR_SQL_STORE" in answer["detail"]


FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


async def test_a_statement_ends_in_time_and_an_answer_has_a_size(asked: World) -> None:
    await ask(asked, "SELECT 1")
    console = asked.running.collector.console
    assert console is not None
    with pytest.raises(ConsoleError, match="longer than"):
        await console.run(FOREVER, ConsoleLimits(seconds=0.5))
    answer = await console.run("SELECT event_id FROM events", ConsoleLimits(rows=2))
    assert (len(answer.rows), answer.is_cut) == (2, True)
    answer = await console.run("SELECT payload FROM events", ConsoleLimits(answer_bytes=5))
    assert (answer.rows, answer.is_cut) == ([], True)


async def test_memory_and_temporary_files_have_an_end(start_world: StartWorld) -> None:
    world = await start_world()
    await world.send(lines(*(event(n) for n in range(50))))
    url = world.running.collector.settings.store_url
    console = SqliteConsole(Path(url.removeprefix("sqlite:///")))
    limits = ConsoleLimits(memory_bytes=96 << 20, temporary_bytes=1 << 20, seconds=20)
    sort = "SELECT a.payload FROM events a, events b, events c ORDER BY a.payload || b.event_id"
    with pytest.raises(ConsoleError):
        await console.run(sort, limits)
    assert (await world.send(lines(event(99))))[0] == 200


@pytest.mark.parametrize(
    ("who", "role", "status"),
    [("read", "read", 200), ("read", "ingest", 403), ("admin", "read", 403),
     ("admin", "admin", 200), ("off", "admin", 404)],
)  # fmt: skip
async def test_the_operator_says_who_may_ask(
    start_world: StartWorld, who: str, role: str, status: int
) -> None:
    world = await start_world(sql=who)
    assert (await ask(world, "SELECT 1", role))[0] == status


async def test_the_page_asks_shows_and_needs_its_form(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True)
    await world.send(lines(event(1, app_version="<b>1</b>")))
    async with world.client.get(f"{world.url}/sql") as got:
        assert "corrected_ms" in await got.text()
    data = {"sql": "SELECT app_version FROM events"}
    async with world.client.post(f"{world.url}/sql", data=data) as got:
        assert "&lt;b&gt;1&lt;/b&gt;" in await got.text()
    async with world.client.post(f"{world.url}/sql", data={"sql": "SELECT * FROM meta"}) as got:
        assert "only SELECT over the view events" in await got.text()
    cross = {"Sec-Fetch-Site": "cross-site"}
    async with world.client.post(f"{world.url}/sql", data=data, headers=cross) as got:
        assert got.status == 403


async def test_without_a_session_the_page_is_closed(world: World) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{world.url}/sql", allow_redirects=False) as got:
            assert (got.status, got.headers["Location"]) == (303, "/login")
        async with client.post(f"{world.url}/sql", data={"sql": "SELECT 1"}) as got:
            assert got.status == 403


def test_moments_are_filled_in_and_values_kept_out_of_the_log() -> None:
    sql = "SELECT x::int FROM e WHERE at >= :since AND at < :until AND u = 'anna''s'"
    assert with_moments(sql, 1, 2) == (
        "SELECT x::int FROM e WHERE at >= 1 AND at < 2 AND u = 'anna''s'"
    )
    assert "anna" not in without_values(sql)
    assert "anna" not in without_values("SELECT $a$anna$a$")
