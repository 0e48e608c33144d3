"""The page: what it shows, who may see it, and that it asks nothing of anyone else."""

import json
import re
import time
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import aiohttp
import pytest

from sidespool_collector.chart.names import CHARTS
from sidespool_collector.web.page import change, count, data, duration, quantity, size
from support.believable import Month
from support.collector_world import World, event, lines

StartWorld = Callable[..., Awaitable[World]]
VOID = {"meta", "link", "img", "input", "br", "rect"}


class Page(HTMLParser):
    """Checks nesting and collects what tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


async def page_of(world: World, path: str = "/") -> tuple[Page, str]:
    async with aiohttp.ClientSession() as client, client.get(world.url + path) as got:
        assert got.status == 200
        policy = got.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        text = await got.text()
    return Page(text), text


async def fill(world: World) -> None:
    sent: list[dict[str, Any]] = []
    for session in Month(int(time.time() * 1000), days=8, installs=15).sessions():
        sent += session
    _, answer, _ = await world.send(lines(*sent), zipped=True)
    assert answer["rejected"] == []


async def test_an_empty_collector_says_what_to_do_next(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True)
    _, text = await page_of(world)
    assert "No events yet" in text
    assert f"TELEMETRY_ENDPOINT={world.url}" in text
    assert "sidespool collector token create" in text


async def test_the_page_shows_every_chart_with_its_json_csv_and_sql(
    start_world: StartWorld,
) -> None:
    world = await start_world(open_dashboard=True)
    await fill(world)
    page, text = await page_of(world)
    shown = [a["id"] for a in page.all("section") if "card" in (a.get("class") or "")]
    assert set(shown) - {"alerts"} == set(CHARTS)
    for name in shown:
        assert f"/api/v1/metrics/{name}?" in text
    assert text.count("SELECT") >= len(shown)
    assert "renderDiff" in text  # the sample trace of an error


async def test_nothing_comes_from_anywhere_else_and_nothing_runs_inline(
    start_world: StartWorld,
) -> None:
    world = await start_world(open_dashboard=True)
    await fill(world)
    page, text = await page_of(world)
    for tag, name in (("script", "src"), ("link", "href"), ("img", "src"), ("form", "action")):
        for attrs in page.all(tag):
            assert (attrs.get(name) or "/").startswith("/")
    inline = [a for a in page.all("script") if "src" not in a]
    assert {a["type"] for a in inline} == {"application/json"}
    assert not re.search(r'\sstyle="', text)
    assert not re.search(r"\son\w+=", text)
    async with aiohttp.ClientSession() as client:
        for tag, name in (("script", "src"), ("link", "href"), ("img", "src")):
            for path in {a[name] for a in page.all(tag) if a.get(name)}:
                async with client.get(f"{world.url}{path}") as got:
                    assert got.status == 200
                    assert "http://" not in re.sub(r"http://www.w3.org/\S+", "", await got.text())


async def test_the_page_is_named_and_labelled_for_screen_readers(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True)
    await fill(world)
    page, _ = await page_of(world)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == 1
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    for section in page.all("section"):
        assert section["aria-labelledby"] in ids
    for image in page.all("img"):
        assert "alt" in image
    for attrs in page.all("div"):
        if attrs.get("class") == "scroll":
            assert attrs["aria-label"]
            assert attrs["tabindex"] == "0"
    assert all(a.get("scope") for a in page.all("th"))


async def test_what_clients_sent_is_never_markup(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True)
    bad = "</script><script>alert(1)</script>"
    now = int(time.time() * 1000)
    await world.send(
        lines(
            event(1, at_ms=now, kind="Error", payload={"error_type": bad, "message": bad}),
            event(2, at_ms=now, payload={"model": bad, "latency_ms": 3}, app_version=bad),
        )
    )
    _, text = await page_of(world)
    assert "alert(1)" in text
    assert "<script>alert" not in text
    _, text = await page_of(world, "/?version=%22%3E%3Cscript%3Ealert(2)%3C/script%3E")
    assert "<script>alert" not in text


async def test_filters_narrow_the_page(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True)
    await fill(world)
    _page, text = await page_of(world, "/?version=9.9.9")
    assert "No session began in this period" in text
    _, text = await page_of(world)
    assert "<option >2.4.0</option>" in text or "<option>2.4.0</option>" in text


async def test_without_a_session_the_page_leads_to_the_door(world: World) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(world.url, allow_redirects=False) as got:
            assert (got.status, got.headers["Location"]) == (303, "/login")
        async with client.get(world.url, headers=world.auth("ingest")) as got:
            assert got.status == 403
        async with client.get(world.url, headers=world.auth("read")) as got:
            assert got.status == 200


async def test_an_open_dashboard_is_only_open_on_this_machine(start_world: StartWorld) -> None:
    world = await start_world(open_dashboard=True, listen="0.0.0.0:0")
    url = world.url.replace("0.0.0.0", "127.0.0.1")
    async with world.client.get(url, allow_redirects=False) as got:
        assert got.status == 303


class Visitor:
    """A browser with cookies, by hand."""

    def __init__(self, world: World, client: aiohttp.ClientSession) -> None:
        self._world = world
        self._client = client

    async def form(self, path: str) -> str:
        async with self._client.get(self._world.url + path) as got:
            found = re.search(r'name="form" value="([^"]+)"', await got.text())
            assert found is not None
            return found[1]

    async def lands_on(self, path: str) -> str:
        async with self._client.get(self._world.url + path) as got:
            return got.url.path

    async def post(self, path: str, **fields: str) -> tuple[int, str, list[str]]:
        headers = {"Sec-Fetch-Site": fields.pop("site", "same-origin")}
        async with self._client.post(
            self._world.url + path, data=fields, headers=headers, allow_redirects=False
        ) as got:
            return got.status, await got.text(), got.headers.getall("Set-Cookie", [])

    async def sign_in(self, token: str) -> tuple[int, str, list[str]]:
        return await self.post("/login", form=await self.form("/login"), token=token)


@pytest.fixture
async def visitor(world: World) -> Any:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        yield Visitor(world, client)


async def test_a_read_token_opens_a_session_that_scripts_cannot_read(
    world: World, visitor: Visitor
) -> None:
    status, _, cookies = await visitor.sign_in(world.tokens["read"])
    assert status == 303
    (cookie,) = [c for c in cookies if c.startswith("sidespool_session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert world.tokens["read"] not in cookie
    form = await visitor.form("/")
    assert (await visitor.post("/logout", form=form))[0] == 303


async def test_a_session_ends_with_its_token(world: World, visitor: Visitor) -> None:
    await visitor.sign_in(world.tokens["read"])
    assert await visitor.lands_on("/") == "/"
    world.running.collector.tokens.revoke("read", 1)
    assert await visitor.lands_on("/") == "/login"


async def test_wrong_tokens_and_forms_from_elsewhere_open_nothing(
    world: World, visitor: Visitor
) -> None:
    for token in ("", "wrong", world.tokens["ingest"]):
        status, text, cookies = await visitor.sign_in(token)
        assert status == 403
        assert "not a valid token" in text
        assert not any("sidespool_session" in cookie for cookie in cookies)
    read = world.tokens["read"]
    assert (await visitor.post("/login", form="made-up", token=read))[0] == 403
    form = await visitor.form("/login")
    assert (await visitor.post("/login", form=form, token=read, site="cross-site"))[0] == 403


async def test_an_error_is_marked_resolved_by_a_signed_in_reader(
    world: World, visitor: Visitor
) -> None:
    now = int(time.time() * 1000)
    payload = {"error_type": "E", "message": "m"}
    await world.send(lines(event(1, at_ms=now, kind="Error", payload=payload)))
    rows = (await world.get_json("/api/v1/metrics/errors"))["table"]["rows"]
    path = f"/errors/{rows[0][7]}"
    assert (await visitor.post(path, status="resolved", form="x"))[0] == 403
    await visitor.sign_in(world.tokens["read"])
    form = await visitor.form("/")
    assert (await visitor.post(path, status="resolved", form=form))[0] == 303
    assert (await visitor.post(path, status="nonsense", form=form))[0] == 400
    rows = (await world.get_json("/api/v1/metrics/errors"))["table"]["rows"]
    assert rows[0][6] == "resolved"
    assert [a.act for a in await world.store.audit(2)] == ["error resolved", "signed in"]


def test_numbers_are_written_as_people_read_them() -> None:
    assert [count(v) for v in (None, 3, 0.5, 1234, 123456, 4_560_000)] == [
        "–", "3", "0.5", "1,234", "123 k", "4.56 M",
    ]  # fmt: skip
    assert [duration(v) for v in (340, 1200, 45_000, 200_000, 7_500_000, 3e8)] == [
        "340 ms", "1.2 s", "45 s", "3 min 20 s", "2 h 5 min", "3 d",
    ]  # fmt: skip
    assert quantity(72.6, "%") == "73 %"
    assert [change(*v) for v in ((112, 100), (50, 100), (1, None), (100, 100))] == [
        "+12 %", "−50 %", "", "±0 %",
    ]  # fmt: skip
    assert change(72, 70, "%") == "+2 pt"
    assert [size(v) for v in (10, 2048, 5_500_000)] == ["10 B", "2.0 KB", "5.2 MB"]


def test_data_in_the_page_cannot_end_its_element() -> None:
    text = data({"a": "</script><!--&"})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--&"}


def test_the_vendored_library_comes_with_its_licence() -> None:
    vendor = files("sidespool_collector") / "dashboard" / "static" / "vendor"
    names = {file.name for file in vendor.iterdir()}
    assert "uplot-LICENSE.txt" in names
    script = (vendor / "uplot-1.6.32.min.js").read_text()
    assert "v1.6.32" in script[:100]
