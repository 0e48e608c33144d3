"""Deletion, attachments, export, charts and metrics over HTTP."""

import asyncio
import csv
import io
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from support.collector_world import NOON_MS, World, event, lines

StartWorld = Callable[..., Awaitable[World]]
DAY_MS = 86_400_000
ROOT = Path(__file__).parents[2]


async def erased(world: World, receipt: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            state = await world.get_json(f"/api/v1/deletion/{receipt}", "ingest")
            if state["state"] == "erased":
                return state
            await asyncio.sleep(0.01)


async def ask_deletion(world: World, body: Any) -> tuple[int, Any]:
    async with world.client.post(
        f"{world.url}/api/v1/deletion", json=body, headers=world.auth("ingest")
    ) as got:
        return got.status, await got.json()


async def test_a_deletion_ends_erased_with_counts_and_refuses_what_comes_later(
    world: World,
) -> None:
    await world.send(lines(event(1), event(2), event(3, user="other")))
    status, answer = await ask_deletion(world, {"user_ids": ["user-a", "never-seen"]})
    assert status == 202
    assert set(answer) == {"receipt"}
    state = await erased(world, answer["receipt"])
    assert state["erased"] == {"events": 2, "sessions": 1, "rejected": 0, "attachments": 0}
    _, late, _ = await world.send(lines(event(4)))
    assert late["rejected"] == [{"event_id": event(4)["event_id"], "reason": "erased"}]
    assert await world.store.scan("user-a") == 0
    exported = (await world.get("/api/v1/export"))[1]
    assert [json.loads(line)["user_id"] for line in exported.splitlines()] == ["other"]


@pytest.mark.parametrize(
    "body",
    [{}, {"user_ids": []}, {"user_ids": "x"}, {"user_ids": [1]}, {"user_ids": [""]}, [], "x"],
)
async def test_a_deletion_without_ids_is_refused(world: World, body: Any) -> None:
    assert (await ask_deletion(world, body))[0] == 400


async def attach(
    world: World, event_id: str, data: bytes, role: str = "ingest", query: str = "?name=a.txt"
) -> tuple[int, Any]:
    url = f"{world.url}/api/v1/attachments/{event_id}{query}"
    headers = {**world.auth(role), "Content-Type": "text/plain"}
    async with world.client.post(url, data=data, headers=headers) as got:
        return got.status, await got.json()


def files_of(root: Path) -> list[Path]:
    return [path for path in (root / "attachments").rglob("*") if path.is_file()]


async def test_an_attachment_is_kept_by_its_hash_and_goes_with_its_event(
    world: World, tmp_path: Path
) -> None:
    await world.send(lines(event(1)))
    event_id = event(1)["event_id"]
    status, answer = await attach(world, event_id, b"hello")
    assert (status, answer["size"]) == (201, 5)
    assert (await attach(world, event_id, b"hello"))[0] == 200
    assert [path.read_bytes() for path in files_of(tmp_path)] == [b"hello"]
    assert files_of(tmp_path)[0].name == answer["digest"]
    _, receipt = await ask_deletion(world, {"user_ids": ["user-a"]})
    state = await erased(world, receipt["receipt"])
    assert state["erased"]["attachments"] == 1
    assert files_of(tmp_path) == []


async def test_an_attachment_over_the_limit_leaves_nothing(
    start_world: StartWorld, tmp_path: Path
) -> None:
    world = await start_world(max_attachment_bytes=2000)
    await world.send(lines(event(1)))
    assert (await attach(world, event(1)["event_id"], b"x" * 2001))[0] == 413
    assert (await attach(world, event(2)["event_id"], b"x"))[0] == 404
    assert (await attach(world, "no-uuid", b"x"))[0] == 400
    assert (await attach(world, event(1)["event_id"], b"x", query="?name=..%2Fx"))[0] == 400
    assert (await attach(world, event(1)["event_id"], b"x", "read"))[0] == 403
    assert files_of(tmp_path) == []


async def seed(world: World) -> None:
    events = [
        event(n, at_ms=NOON_MS - n * DAY_MS, kind=kind, payload=payload)
        for n, (kind, payload) in enumerate(
            [
                ("ChatTurn", {"model": "m1", "latency_ms": 900}),
                ("ProposalCreated", {"proposal_id": "p", "operation": "edit"}),
                ("ProposalDecision", {"decision": "approved", "review_duration_ms": 5000}),
                ("ToolCall", {"tool_name": "=cmd()", "duration_ms": 3, "success": True}),
                ("Error", {"error_type": "TypeError", "message": "no {STRING}"}),
            ]
        )
    ]
    _, answer, _ = await world.send(lines(*events))
    assert answer["accepted"] == 5


async def test_jsonl_and_csv_agree_and_take_filters(world: World) -> None:
    await seed(world)
    rows = list(csv.DictReader(io.StringIO((await world.get("/api/v1/export?format=csv"))[1])))
    found = [json.loads(x) for x in (await world.get("/api/v1/export"))[1].splitlines()]
    assert [r["event_id"] for r in rows] == [f["event_id"] for f in found]
    assert [json.loads(r["payload"]) for r in rows] == [f["payload"] for f in found]
    one = (await world.get("/api/v1/export?event_type=Error"))[1].splitlines()
    assert len(one) == 1
    day = (await world.get("/api/v1/export?from=2026-09-19&to=2026-09-20"))[1].splitlines()
    assert [json.loads(x)["timestamp"][:10] for x in day] == ["2026-09-19", "2026-09-20"]


async def test_cells_that_a_spreadsheet_would_run_are_made_text(world: World) -> None:
    await world.send(lines(event(1, session="=HYPERLINK(1)")))
    (row,) = csv.DictReader(io.StringIO((await world.get("/api/v1/export?format=csv"))[1]))
    assert row["session_id"] == "'=HYPERLINK(1)"


async def test_an_sqlite_export_opens_as_a_database(world: World, tmp_path: Path) -> None:
    await seed(world)
    url = f"{world.url}/api/v1/export?format=sqlite"
    async with world.client.get(url, headers=world.auth("read")) as got:
        (tmp_path / "out.db").write_bytes(await got.read())
    with sqlite3.connect(tmp_path / "out.db") as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (5,)
    db.close()


@pytest.mark.parametrize(
    "query", ["format=xml", "from=yesterday", "to=2026-13-01", "from=2026-09-01T00:00:00"]
)
async def test_a_query_without_sense_is_refused(world: World, query: str) -> None:
    assert (await world.get(f"/api/v1/export?{query}"))[0] == 400


SPAN = "from=2026-09-10&to=2026-09-25"


def figure(chart: Any, label: str) -> Any:
    return next(f["value"] for f in chart["figures"] if f["label"] == label)


async def test_charts_show_what_was_sent(world: World) -> None:
    await seed(world)
    charts = {
        name: await world.get_json(f"/api/v1/metrics/{name}?{SPAN}")
        for name in ("sessions", "proposals", "review_time", "latency", "tools", "errors")
    }
    assert figure(charts["sessions"], "Sessions") == 1
    assert (figure(charts["proposals"], "Created"), figure(charts["proposals"], "Approved")) == (
        1,
        1,
    )
    assert figure(charts["review_time"], "Average") == 5000
    assert abs(figure(charts["review_time"], "p90") - 5000) < 250
    assert charts["latency"]["table"]["rows"][0][0] == "m1"
    assert charts["tools"]["table"]["rows"][0][2] == 100
    assert charts["errors"]["table"]["rows"][0][1] == "no {STRING}"
    assert len(charts["sessions"]["x"]) == 16


@pytest.mark.parametrize("name", ["sessions", "adoption", "funnel", "data_health", "operations"])
async def test_every_chart_has_json_csv_and_sql(world: World, name: str) -> None:
    await seed(world)
    assert (await world.get_json(f"/api/v1/metrics/{name}"))["name"] == name
    status, text = await world.get(f"/api/v1/metrics/{name}?format=csv")
    assert status == 200
    assert list(csv.reader(io.StringIO(text)))
    assert "SELECT" in (await world.get(f"/api/v1/metrics/{name}?format=sql"))[1]


async def test_charts_need_a_reader_and_a_sensible_view(world: World) -> None:
    assert (await world.get("/api/v1/metrics/sessions", "ingest"))[0] == 403
    assert (await world.get("/api/v1/metrics/unheard"))[0] == 404
    for query in ("from=2026-09-02&to=2026-09-01", "format=xml", "from=1000-01-01"):
        assert (await world.get(f"/api/v1/metrics/sessions?{query}"))[0] == 400


async def test_small_groups_are_folded_so_that_none_can_be_told_apart(
    start_world: StartWorld,
) -> None:
    world = await start_world(min_group=3)
    sizes = {"1.0": 5, "2.0": 4, "3.0": 1}
    await world.send(
        lines(
            *(
                event(
                    n * 10 + i, user=f"u{version}{i}", session=f"s{version}{i}", app_version=version
                )
                for n, (version, size) in enumerate(sizes.items())
                for i in range(size)
            )
        )
    )
    rows = (await world.get_json(f"/api/v1/metrics/adoption?{SPAN}"))["table"]["rows"]
    assert [row[0] for row in rows] == ["1.0", "Other (2)"]


async def test_prometheus_reads_counters_and_gauges(world: World) -> None:
    await world.send(lines(event(1)) + b"x\n")
    text = (await world.get("/metrics"))[1]
    assert 'sidespool_events_total{outcome="accepted"} 1.0' in text
    assert 'sidespool_events_rejected_total{reason="malformed"} 1.0' in text
    assert 'sidespool_store_events{event_type="ChatTurn"} 1.0' in text


async def test_exports_and_deletions_are_in_the_audit_log(world: World) -> None:
    await world.get("/api/v1/export")
    await ask_deletion(world, {"user_ids": ["user-a"]})
    assert [a.act for a in await world.store.audit(9)] == ["deletion requested", "export"]


async def test_grafanas_dashboard_asks_for_what_there_is(world: World) -> None:
    await seed(world)
    await world.send(b"{}\n")
    text = (await world.get("/metrics"))[1]
    dashboard = json.loads((ROOT / "docs" / "examples" / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for name in re.findall(r"(?:sidespool|process)_\w+", panel["targets"][0]["expr"]):
            known = f"# TYPE {name.removesuffix('_bucket')} "
            assert known in text, (panel["title"], name)
    assert 'sidespool_active_installs{period="7d"}' in text
