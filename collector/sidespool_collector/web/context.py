"""What every handler may use: the settings, the store, the tokens, the limits, the counters."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aiohttp import web

from sidespool.errors import ConfigError
from sidespool.wire.catalog import Catalog
from sidespool_collector.alert.watch import AlertWatch
from sidespool_collector.attachment_place import files_of
from sidespool_collector.auth.tokens import Role, Token, TokenFile
from sidespool_collector.forwarding import Forwarder
from sidespool_collector.ingest.address import Address, AddressKeys, caller
from sidespool_collector.ingest.admission import Admission
from sidespool_collector.ingest.bucket import Buckets
from sidespool_collector.ingest.reader import EventReader
from sidespool_collector.settings import Settings, parse_rate
from sidespool_collector.store.console import Console
from sidespool_collector.store.contract import Act, Store
from sidespool_collector.web.counters import Counters
from sidespool_collector.web.problem import ProblemError, come_again

if TYPE_CHECKING:
    from sidespool_collector.auth.oidc import OidcDoor

DEFAULT_RATE_PER_INSTALL = "120000"  # events a minute
PARSED_AT_ONCE = 16  # a commit and the half of the next: checked events take ten times the memory
DEFAULT_RATE_PER_IP = "1200"  # requests a minute: an office behind one address


class Collector:
    """One running collector's parts."""

    def __init__(self, settings: Settings, catalog: Catalog, store: Store) -> None:
        self.settings = settings
        self.catalog = catalog
        self.store = store
        self.files = files_of(settings)
        self.tokens = TokenFile(settings.tokens_path)
        self.counters = Counters()
        self.reader = EventReader(
            catalog,
            max_line_bytes=settings.max_line_bytes,
            keep_content=settings.keep_rejected,
        )
        self.admission = Admission(settings.max_inflight_bytes)
        self.alerts = AlertWatch(
            store, settings.alerts_file, set(catalog.events), settings.public_url, now_ms
        )
        self.forward = self._forwarder()
        self.oidc = oidc_of(settings)
        self.console: Console | None = None
        self.erasure_wanted = asyncio.Event()
        self.parsed = asyncio.Semaphore(PARSED_AT_ONCE)
        self.active = 0
        self.is_draining = False
        self._idle = asyncio.Event()
        self._addresses = AddressKeys()
        self._by_address = Buckets(*parse_rate(settings.rate_per_ip or DEFAULT_RATE_PER_IP))
        self._by_install = Buckets(
            *parse_rate(settings.rate_per_install or DEFAULT_RATE_PER_INSTALL)
        )

    def _forwarder(self) -> Forwarder | None:
        settings = self.settings
        if not settings.forward_otlp:
            return None

        def count(outcome: str, n: int) -> None:
            self.counters.forwarded.labels(outcome).inc(n)

        return Forwarder(
            settings.forward_otlp, settings.forward_token, settings.forward_path, count
        )

    @property
    def is_open(self) -> bool:
        """Whether reading needs no token: only this machine can call, and the operator said so."""
        return self.settings.open_dashboard and self.settings.is_loopback

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Counts a request as under way."""
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
            if self.active == 0:
                self._idle.set()

    async def drain(self, limit_s: float) -> None:
        """Waits until no request is under way; answers given meanwhile end their connection."""
        self.is_draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self.active:
                    self._idle.clear()
                    await self._idle.wait()

    def limit_address(self, request: web.Request) -> None:
        """Counts a request against its address; raises 429."""
        address = self._caller(request)
        if _is_here(address) and not self.settings.rate_per_ip:
            return  # this machine: only an explicit limit holds
        wait = self._by_address.take(self._addresses.key(address, time.time()), 1, time.monotonic())
        if wait:
            raise come_again(429, "rate_limited", wait)

    def limit_install(self, request: web.Request, user_id: str, events: int) -> None:
        """Counts events against an install; raises 429."""
        if not self.settings.rate_per_install and _is_here(self._caller(request)):
            return
        wait = self._by_install.take(user_id.encode(), events, time.monotonic())
        if wait:
            raise come_again(429, "rate_limited", wait)

    def _caller(self, request: web.Request) -> Address | None:
        return caller(
            request.remote or "",
            request.headers.getall("X-Forwarded-For", []),
            self.settings.trusted_proxies,
        )

    def require(self, request: web.Request, *roles: Role) -> Token:
        """The caller's token, with one of the roles; raises 401 or 403."""
        given = request.headers.getall("Authorization", [])
        scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        token = None
        if scheme.lower() == "bearer" and secret:
            token = self.tokens.find(secret.strip(), now_ms())
        if token is None:
            raise ProblemError(401, "unauthorized", {"WWW-Authenticate": "Bearer"})
        if not any(token.may(role) for role in roles):
            raise ProblemError(403, "forbidden")
        return token

    async def note(self, who: str, act: str, detail: str = "") -> None:
        """Writes a line of the audit log."""
        await self.store.note([Act(now_ms(), who, act, detail)])


def oidc_of(settings: Settings) -> "OidcDoor | None":
    """The provider's door where one is set; raises ConfigError for a part not installed."""
    if not settings.oidc_issuer:
        return None
    try:
        from sidespool_collector.auth.oidc import OidcDoor
    except ImportError:
        raise ConfigError(
            "COLLECTOR_OIDC_ISSUER", "needs an optional part", hint="pip install 'sidespool[oidc]'"
        ) from None
    return OidcDoor(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)


COLLECTOR = web.AppKey("collector", Collector)


def _is_here(address: Address | None) -> bool:
    return address is not None and address.is_loopback


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000
