"""TLS in the process: verified certificates, and cookies that stay on it."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import trustme

from sidespool.errors import ConfigError
from support.collector_world import World

StartWorld = Callable[..., Awaitable[World]]


async def test_a_collector_with_a_certificate_speaks_tls_and_marks_cookies_secure(
    start_world: StartWorld, tmp_path: Path
) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    world = await start_world(tls_cert=tmp_path / "both.pem", tls_key=tmp_path / "both.pem")
    assert world.url.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{world.url}/api/v1/health", ssl=trusting) as got:
            assert got.status == 200
        async with client.get(f"{world.url}/login", ssl=trusting) as got:
            assert "Secure" in got.headers["Set-Cookie"]
        with pytest.raises(aiohttp.ClientError):
            await client.get(f"{world.url}/api/v1/health", ssl=ssl.create_default_context())


async def test_an_unusable_certificate_names_its_setting(
    start_world: StartWorld, tmp_path: Path
) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="COLLECTOR_TLS_CERT"):
        await start_world(tls_cert=tmp_path / "x.pem", tls_key=tmp_path / "x.pem")
