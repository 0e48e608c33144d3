"""What too few installs did is not shown, on the page, in JSON or in CSV."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.collector_world import World, event, lines

StartWorld = Callable[..., Awaitable[World]]
DAY_MS = 86_400_000
CHARTS_OF_PEOPLE = ("sessions", "installs", "latency", "adoption", "funnel", "errors")


async def fill(world: World) -> None:
    """Today six installs of 1.0 and one of 2.0; two days ago one of 1.0."""
    now = int(time.time() * 1000)
    now -= now % DAY_MS
    who = [(f"u{n}", "1.0", now) for n in range(6)]
    who += [("lonely", "2.0", now), ("u0", "1.0", now - 2 * DAY_MS)]
    events = [
        event(n, at_ms=at, user=user, session=f"s{n}", app_version=version)
        for n, (user, version, at) in enumerate(who)
    ]
    _, answer, _ = await world.send(lines(*events))
    assert answer["accepted"] == len(who)


async def chart(world: World, name: str, query: str = "") -> Any:
    return await world.get_json(f"/api/v1/metrics/{name}?{query}")


@pytest.fixture
async def floored(start_world: StartWorld) -> World:
    world = await start_world(min_group=5, open_dashboard=True)
    await fill(world)
    return world


async def test_a_filter_with_too_few_installs_shows_nothing(floored: World) -> None:
    for name in CHARTS_OF_PEOPLE:
        found = await chart(floored, name, "version=2.0")
        assert found["is_withheld"]
        assert (found["figures"], found["series"], found["table"]) == ([], [], None)
        assert not (await chart(floored, name))["is_withheld"]
    _, text = await floored.get("/api/v1/metrics/sessions?version=2.0&format=csv")
    assert text == ""
    _, page = await floored.get("/?version=2.0")
    assert "Too few installs to show" in page
    assert "At a glance" not in page
    _, page = await floored.get("/")
    assert "2.0</option>" not in page
    assert "1.0</option>" in page


async def test_a_day_with_too_few_installs_has_no_value(floored: World) -> None:
    for name in ("sessions", "installs", "latency"):
        found = await chart(floored, name)
        shown = [v for series in found["series"] for v in series["values"] if v is not None]
        assert len(shown) == 1, name
    assert (await chart(floored, "sessions"))["figures"][0]["before"] is None
    assert (await chart(floored, "data_health"))["figures"][0]["value"] == 8


async def test_a_reader_may_ask_for_larger_groups_but_not_for_smaller(floored: World) -> None:
    assert (await chart(floored, "sessions", "k=1"))["min_group"] == 5
    larger = await chart(floored, "sessions", "k=10")
    assert (larger["min_group"], larger["is_withheld"]) == (10, True)
    for bad in ("0", "51", "x", "-1"):
        assert (await floored.get(f"/api/v1/metrics/sessions?k={bad}"))[0] == 400


async def test_without_a_floor_everything_is_shown(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True)
    await fill(world)
    assert (await chart(world, "sessions", "version=2.0"))["figures"][0]["value"] == 1
    rows = json.loads((await world.get("/api/v1/metrics/adoption?k=5"))[1])["table"]["rows"]
    assert [row[0] for row in rows] == ["Other (2)"]
