"""Signing in at a real OpenID provider on loopback, and everything that must not open the door."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oidc_provider_mock import User, run_server_in_thread

from sidespool.errors import ConfigError
from sidespool_collector.auth.oidc import is_allowed_url
from sidespool_collector.auth.person import (
    PERSON_MS,
    Person,
    open_person,
    person_of,
    read_person,
    token_of,
)  # fmt: skip
from sidespool_collector.settings import load_settings
from support.collector_world import World

StartWorld = Callable[..., Awaitable[World]]
PEOPLE = (
    User(sub="anna", claims={"email": "anna@example.org", "groups": ["telemetry"]}),
    User(sub="bert", claims={"email": "bert@elsewhere.org"}),
)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def world(start_world: StartWorld, provider: str) -> World:
    return await start_world(
        oidc_issuer=provider, oidc_client_id="collector", oidc_client_secret="s3cret",
        oidc_readers="@example.org", oidc_admins="group:nobody", sql="read",
    )  # fmt: skip


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        yield client


async def leave(world: World, browser: aiohttp.ClientSession) -> str:
    """To the provider; its address with what the collector asks for."""
    async with browser.get(f"{world.url}/login/oidc", allow_redirects=False) as got:
        assert got.status == 303
        (cookie,) = got.headers.getall("Set-Cookie")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        return got.headers["Location"]


async def agree(browser: aiohttp.ClientSession, url: str, who: str) -> str:
    """What the person does there; the way back."""
    async with browser.post(url, data={"sub": who}, allow_redirects=False) as got:
        assert got.status in (302, 303), await got.text()
        return got.headers["Location"]


async def come_back(browser: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with browser.get(url, allow_redirects=False) as got:
        return got.status, await got.text()


async def lands_on(world: World, browser: aiohttp.ClientSession, path: str = "/") -> str:
    async with browser.get(world.url + path) as got:
        return got.url.path


async def test_a_person_on_the_list_signs_in_and_out(
    world: World, browser: aiohttp.ClientSession
) -> None:
    async with browser.get(f"{world.url}/login") as got:
        assert 'href="/login/oidc"' in await got.text()
    url = await leave(world, browser)
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    status, page = await come_back(browser, await agree(browser, url, "anna"))
    assert status == 200
    assert 'content="0; url=/"' in page
    assert await lands_on(world, browser) == "/"
    assert await lands_on(world, browser, "/sql") == "/sql"
    acts = [(a.who, a.act) for a in await world.store.audit(1)]
    assert acts == [("oidc:anna@example.org", "signed in")]
    async with browser.get(world.url) as got:
        form = re.search(r'name="form" value="([^"]+)"', await got.text())
    assert form is not None
    async with browser.post(f"{world.url}/logout", data={"form": form[1]}) as got:
        assert got.url.path == "/login"
    assert await lands_on(world, browser) == "/login"


async def test_a_person_on_no_list_stays_outside(
    world: World, browser: aiohttp.ClientSession
) -> None:
    back = await agree(browser, await leave(world, browser), "bert")
    status, page = await come_back(browser, back)
    assert (status, "not on the list" in page) == (403, True)
    assert await lands_on(world, browser) == "/login"
    assert (await world.store.audit(1))[0].act == "sign-in refused"


async def test_only_the_browser_that_left_comes_back_and_only_once(
    world: World, browser: aiohttp.ClientSession
) -> None:
    back = await agree(browser, await leave(world, browser), "anna")
    async with aiohttp.ClientSession() as stranger:
        assert (await come_back(stranger, back))[0] == 403
    other_state = re.sub(r"state=[^&]+", "state=made-up", back)
    assert (await come_back(browser, other_state))[0] == 403
    assert (await come_back(browser, re.sub(r"code=[^&]+", "code=made-up", back)))[0] == 403
    assert (await come_back(browser, f"{world.url}/login/oidc/callback"))[0] == 403
    assert (await come_back(browser, back))[0] == 200
    assert (await come_back(browser, back))[0] == 403


async def test_a_token_with_another_nonce_opens_nothing(
    world: World, browser: aiohttp.ClientSession
) -> None:
    url = await leave(world, browser)
    back = await agree(browser, re.sub(r"nonce=[^&]+", "nonce=other", url), "anna")
    assert (await come_back(browser, back))[0] == 403


async def test_a_provider_that_is_away_is_said_on_the_page(
    start_world: StartWorld, browser: aiohttp.ClientSession
) -> None:
    world = await start_world(
        oidc_issuer="http://127.0.0.1:1", oidc_client_id="c", oidc_readers="*"
    )
    status, page = await come_back(browser, f"{world.url}/login/oidc")
    assert (status, "does not answer" in page) == (403, True)


async def test_without_a_provider_there_is_no_such_door(
    start_world: StartWorld, browser: aiohttp.ClientSession
) -> None:
    world = await start_world()
    assert (await come_back(browser, f"{world.url}/login/oidc"))[0] == 404
    async with browser.get(f"{world.url}/login") as got:
        assert "/login/oidc" not in await got.text()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"oidc_issuer": "http://idp.example.org"}, "COLLECTOR_OIDC_ISSUER"),
        ({"oidc_issuer": "https://x"}, "COLLECTOR_OIDC_ISSUER"),
        ({"oidc_issuer": "https://x", "oidc_client_id": "c"}, "COLLECTOR_OIDC_ISSUER"),
    ],
)
def test_half_a_configuration_is_refused(given: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(**given)
    assert caught.value.setting == name


@pytest.mark.parametrize(
    ("entries", "is_in"),
    [
        (("*",), True),
        (("ANNA@example.org",), True),
        (("@Example.org",), True),
        (("@ample.org",), False),
        (("group:ops",), True),
        (("ops",), False),
        (("sub:1",), True),
        (("",), False),
        ((), False),
    ],
)
def test_lists_name_people_domains_groups_or_all(entries: tuple[str, ...], is_in: bool) -> None:
    person = Person("1", "Anna@Example.org", ("ops",))
    assert person.is_in(entries) == is_in
    assert not Person("2").is_in(tuple(e for e in entries if e != "*"))


def test_roles_are_decided_at_every_request() -> None:
    person = Person("1", "a@x.org")
    admin, reader = token_of(person, (), ("@x.org",)), token_of(person, ("a@x.org",), ())
    assert admin is not None
    assert reader is not None
    assert (admin.role, reader.role, token_of(person, (), ())) == ("admin", "read", None)


def test_an_unverified_address_is_no_address() -> None:
    found = person_of({"sub": "1", "email": "a@x.org", "email_verified": False, "groups": "no"})
    assert found == Person("1")
    assert person_of({"email": "a@x.org"}) is None


@given(st.text())
def test_a_made_up_cookie_is_nobody(cookie: str) -> None:
    assert read_person("key", cookie, 0) is None


def test_a_session_ends() -> None:
    cookie = open_person("key", Person("1"), 0)
    assert read_person("key", cookie, PERSON_MS - 1) == Person("1")
    assert read_person("key", cookie, PERSON_MS) is None
    assert read_person("other", cookie, 0) is None


def test_a_provider_speaks_tls_or_is_here() -> None:
    urls = ("https://x.org/a", "http://localhost:1/", "http://x.org/", "ftp://x", "", "//x")
    assert [is_allowed_url(u) for u in urls] == [True, True, False, False, False, False]
