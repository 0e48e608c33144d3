"""Builds a collector from its settings, listens, and shuts it down in order.

Shutdown: stop listening, let requests under way finish, stop the background jobs, close the
store (which commits what it accepted). Nothing that was answered with 200 can be lost by it.
"""

import asyncio
import logging
import secrets
import ssl
import time
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from sidespool.errors import ConfigError, PortTakenError
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool_collector.auth.tokens import Role, TokenFile
from sidespool_collector.jobs import run_jobs
from sidespool_collector.settings import Settings
from sidespool_collector.store.opening import store_of
from sidespool_collector.web.app import build_app
from sidespool_collector.web.connection import TimedRunner
from sidespool_collector.web.context import Collector

SHUTDOWN_S = 20.0
log = logging.getLogger("sidespool_collector")


def load_catalog(settings: Settings) -> Catalog:
    """The built-in catalog and the application's own; raises ConfigError or CatalogError."""
    builtin = builtin_catalog()
    if settings.catalog is None:
        return builtin
    try:
        text = settings.catalog.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("COLLECTOR_CATALOG", f"cannot read {settings.catalog}: {error}") from None
    return builtin.extended(parse_catalog(text, str(settings.catalog)))


class FreshTokens(msgspec.Struct, frozen=True):
    """Secrets made at a first start, to be shown once."""

    ingest: str
    read: str


class RunningCollector:
    """A collector that listens at `url`; `close` ends it. `fresh` holds tokens just made."""

    def __init__(
        self,
        collector: Collector,
        runner: web.AppRunner,
        jobs: "asyncio.Task[None]",
        url: str,
        fresh: FreshTokens | None,
    ) -> None:
        self.collector = collector
        self.url = url
        self.fresh = fresh
        self._runner = runner
        self._jobs = jobs

    async def close(self) -> None:
        """Finishes what was accepted, then ends; may be called twice."""
        for site in list(self._runner.sites):
            await site.stop()
        await self.collector.drain(SHUTDOWN_S)
        await self._runner.cleanup()
        self._jobs.cancel()
        with suppress(asyncio.CancelledError):
            await self._jobs
        await self.collector.store.close()


async def start(settings: Settings) -> RunningCollector:
    """Opens the store and listens. Raises ConfigError, StoreError or PortTakenError."""
    catalog = load_catalog(settings)
    tls = _tls(settings)
    check_tokens(settings)
    store = store_of(settings.store_url)
    await store.open()
    try:
        collector = Collector(settings, catalog, store)
        await asyncio.to_thread(collector.files.prepare)
        collector.alerts.load()
        runner, url = await _listen(collector, tls)
        fresh = make_tokens(settings)  # last, so that no failed start makes what nobody sees
    except BaseException:
        await store.close()
        raise
    jobs = run_jobs(
        store, collector.files, catalog, settings, collector.erasure_wanted, collector.alerts.work,
        *([collector.forward.work] if collector.forward is not None else []),
    )  # fmt: skip
    # One task, owned and awaited by RunningCollector; inside it a TaskGroup holds the jobs.
    task = asyncio.get_running_loop().create_task(jobs, name="collector-jobs")
    return RunningCollector(collector, runner, task, url, fresh)


async def _listen(collector: Collector, tls: ssl.SSLContext | None) -> tuple[web.AppRunner, str]:
    settings = collector.settings
    runner = TimedRunner(
        build_app(collector),
        header_timeout_s=settings.header_timeout_s,
        shutdown_timeout=SHUTDOWN_S,
        auto_decompress=False,
        access_log=None,
        keepalive_timeout=75.0,
        lingering_time=3.0,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, ssl_context=tls).start()
    except OSError as error:
        await runner.cleanup()
        raise PortTakenError(
            f"cannot listen on {settings.listen}: {error.strerror or error}",
            hint="Set COLLECTOR_LISTEN to another host:port",
        ) from error
    host, port = runner.addresses[0][:2]
    shown = f"[{host}]" if ":" in host else host
    return runner, f"{'https' if tls else 'http'}://{shown}:{port}"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("COLLECTOR_TLS_CERT", f"cannot be used: {error}") from None
    return context


def check_tokens(settings: Settings) -> None:
    """Reads the tokens file where there is one, or must be; raises ConfigError."""
    tokens = TokenFile(settings.tokens_path)
    if tokens.path.exists() or settings.tokens_file is not None:
        _ = tokens.book


def make_tokens(settings: Settings) -> FreshTokens | None:
    """Makes a tokens file with two tokens, or None where there is one already."""
    tokens = TokenFile(settings.tokens_path)
    if tokens.path.exists():
        return None
    now = time.time_ns() // 1_000_000
    name = f"first-{secrets.token_hex(2)}"
    return FreshTokens(
        ingest=tokens.create(f"{name}-ingest", Role.INGEST, now),
        read=tokens.create(f"{name}-read", Role.READ, now),
    )


def listening_line(running: RunningCollector, *, as_json: bool) -> str:
    """The one line `serve` prints when it is ready."""
    if not as_json:
        return f"Collector listening on {running.url}"
    line: dict[str, Any] = {"op": "listening", "url": running.url}
    if running.fresh is not None:
        line["tokens"] = {"ingest": running.fresh.ingest, "read": running.fresh.read}
    return msgspec.json.encode(line).decode()
