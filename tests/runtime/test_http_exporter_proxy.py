"""The way through a proxy: CONNECT, absolute form, passwords, 407, and who is never proxied."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.errors import ConfigError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.proxy import find_proxy
from sidespool.wire.upload import Backoff, BackoffCause, Classification, Delivered
from support.fake_collector import FakeCollector
from support.proxy import FakeProxy
from support.upload_world import make_batch

HOST = "collector.test"  # no name server knows it: only through the proxy can it be reached
CREDENTIALS = "anna:s3cr%3At"


@pytest.fixture(autouse=True)
def no_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "no", "all"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    async with FakeCollector() as running:
        yield running


def endpoint_of(url: str) -> Endpoint:
    endpoint = check_endpoint(url, allow_insecure=True)
    assert isinstance(endpoint, Endpoint)
    return endpoint


async def send(
    url: str, folder: Path, proxy: str | None, ca_file: Path | None = None
) -> Classification:
    token = CollectorToken(configured="t")
    exporter = HttpExporter(endpoint_of(url), token, proxy=proxy, ca_file=ca_file)
    try:
        return await exporter.send(make_batch(folder, "batch"))
    finally:
        await exporter.aclose()


async def test_https_goes_through_a_tunnel_and_the_proxy_sees_no_token(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(tls)
    async with FakeCollector(tls=tls) as c, FakeProxy({HOST: c.port}) as proxy:
        answer = await send(f"https://{HOST}", tmp_path, proxy.url, ca_file)
        assert isinstance(answer, Delivered), answer
        assert proxy.seen == [f"CONNECT {HOST}:443 HTTP/1.1"]
        assert len(c.events) == 3


async def test_http_that_was_allowed_goes_through_in_absolute_form(
    collector: FakeCollector, tmp_path: Path
) -> None:
    async with FakeProxy({HOST: collector.port}) as proxy:
        assert isinstance(await send(f"http://{HOST}", tmp_path, proxy.url), Delivered)
        assert proxy.seen == [f"POST http://{HOST}/api/v1/events HTTP/1.1"]


async def test_the_proxys_password_comes_from_its_address(
    collector: FakeCollector, tmp_path: Path
) -> None:
    async with FakeProxy({HOST: collector.port}, credentials="anna:s3cr:t") as proxy:
        answer = await send(f"http://{HOST}", tmp_path, proxy.url_for(CREDENTIALS))
        assert isinstance(answer, Delivered), answer


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("credentials", [None, "anna:wrong"])
async def test_407_is_a_back_off_that_says_so(
    collector: FakeCollector, tmp_path: Path, scheme: str, credentials: str | None
) -> None:
    async with FakeProxy({HOST: collector.port}, credentials="anna:s3cr:t") as proxy:
        url = proxy.url_for(credentials) if credentials else proxy.url
        answer = await send(f"{scheme}://{HOST}", tmp_path, url)
        assert isinstance(answer, Backoff)
        assert answer.cause is BackoffCause.PROXY_AUTH
        assert "407" in answer.detail
        assert "wrong" not in answer.detail
    assert collector.requests == []


async def test_a_proxy_that_refuses_the_tunnel_is_the_proxys_trouble(tmp_path: Path) -> None:
    async with FakeProxy({}, answer="502 Bad Gateway") as proxy:
        answer = await send(f"https://{HOST}", tmp_path, proxy.url)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.PROXY
    assert "502" in answer.detail


async def test_a_proxy_that_is_gone_is_the_proxys_trouble(tmp_path: Path) -> None:
    async with FakeProxy({}) as proxy:
        gone = proxy.url_for("anna:pw-of-anna")
    answer = await send(f"https://{HOST}", tmp_path, gone)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.PROXY
    assert "pw-of-anna" not in answer.detail


async def test_this_machine_is_never_reached_through_a_proxy(
    collector: FakeCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeProxy({"127.0.0.1": collector.port}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert isinstance(await send(collector.url, tmp_path, proxy.url), Delivered)
        assert proxy.seen == []


async def test_an_unusable_proxy_is_a_state_without_its_password(tmp_path: Path) -> None:
    answer = await send(f"https://{HOST}", tmp_path, "socks5://anna:pw-of-anna@127.0.0.1:1080")
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.SETTING
    assert "TELEMETRY_PROXY" in answer.detail
    assert "pw-of-anna" not in answer.detail


@pytest.mark.parametrize(
    ("environment", "url", "configured", "found"),
    [
        ({}, "https://t.example", None, None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://t.example", None, "http://p:1"),
        ({"https_proxy": "p:1"}, "https://t.example", None, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://t.example", None, None),
        ({"HTTP_PROXY": "http://p:1"}, "http://t.example", None, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"}, "https://t.example", None, None),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "t.example:443"},
            "https://t.example",
            None,
            None,
        ),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://t.example", None, None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://t.example", "http://q:2", "http://q:2"),
        ({"NO_PROXY": "*"}, "https://t.example", "http://q:2", "http://q:2"),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:9", None, None),
        ({}, "https://[::1]:9", "http://q:2", None),
    ],
)
def test_which_proxy_is_used(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    url: str,
    configured: str | None,
    found: str | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_proxy(endpoint_of(url), configured) == found


def test_an_unusable_proxy_of_the_environment_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://p:1")
    with pytest.raises(ConfigError, match="HTTPS_PROXY"):
        find_proxy(endpoint_of("https://t.example"), None)
