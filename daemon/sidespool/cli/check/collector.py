"""Checks the way to the collector: address, name, connection, TLS, health, clock, token.

Each step rests on the one before; the first that fails ends the list. Nothing is stored by it:
the token is tried with a batch of no events.
"""

import base64
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from sidespool import __version__
from sidespool.cli.check.finding import Finding, fail, ok, warn
from sidespool.config import Config
from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.errors import ConfigError
from sidespool.runtime.proxy import find_proxy
from sidespool.runtime.tls import open_tls
from sidespool.wire.upload import CONTENT_TYPE_NDJSON, EVENTS_PATH, HEALTH_PATH, decode_answer

DEADLINE_S = 10.0
EXPIRY_WARN_DAYS = 14
SKEW_WARN_S = 60
BODY_BYTES_MAX = 64 * 1024
_UNREACHED = "Check the address, the network and any firewall or proxy between"


class Answer(msgspec.Struct, frozen=True):
    """What came back, and how far the collector's clock is ahead of ours."""

    status: int
    body: bytes
    ahead_s: float | None


class Way:
    """How to reach an endpoint: directly or through a proxy, with which authorities."""

    def __init__(self, endpoint: Endpoint, config: Config) -> None:
        """Raises ConfigError where proxy or CA file cannot be used."""
        self.endpoint = endpoint
        self.proxy = find_proxy(endpoint, config.proxy or None)
        ca_file = Path(config.ca_file) if config.ca_file else None
        self.tls = open_tls(ca_file) if endpoint.scheme == "https" else None

    @property
    def hop(self) -> tuple[str, int]:
        """The first machine on the way."""
        if self.proxy is None:
            return self.endpoint.host, self.endpoint.port
        parts = urlsplit(self.proxy)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[Answer, int | None]:
        """One request: the answer, and the certificate's days left. Raises OSError and such."""
        connection, target = self._connection(self.endpoint.url(path))
        try:
            asked = time.time()
            connection.request(
                method, target, body, {"User-Agent": f"sidespool/{__version__}", **headers}
            )
            days = _days_left(connection.sock)
            answer = connection.getresponse()
            content = answer.read(BODY_BYTES_MAX)
            ahead = _ahead(answer.headers.get("Date"), (asked + time.time()) / 2)
            return Answer(answer.status, content, ahead), days
        finally:
            connection.close()

    def _connection(self, url: str) -> tuple[http.client.HTTPConnection, str]:
        host, port = self.hop
        parts = urlsplit(url)
        target = parts.path
        if self.tls is None:
            plain = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
            return plain, url if self.proxy else target
        secure = http.client.HTTPSConnection(host, port, timeout=DEADLINE_S, context=self.tls)
        if self.proxy is not None:
            secure.set_tunnel(self.endpoint.host, self.endpoint.port, _proxy_headers(self.proxy))
        return secure, target


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def check_collector(config: Config, endpoint: str, token: str | None) -> Iterator[Finding]:
    """Everything between here and the collector; `token` None where there is none."""
    if not endpoint:
        yield ok("endpoint", "none is set: everything stays on this machine")
        return
    checked = check_endpoint(endpoint, config.allow_insecure)
    if isinstance(checked, ConfigError):
        yield fail("endpoint", checked.message, checked.hint or "Correct TELEMETRY_ENDPOINT")
        return
    try:
        way = Way(checked, config)
    except ConfigError as error:
        yield fail("endpoint", error.message, error.hint)
        return
    yield ok("endpoint", checked.base + (" through a proxy" if way.proxy else ""))
    reached = _reach(way)
    yield reached
    if reached.state == "ok" and "http" in config.exporter:  # others speak no protocol of ours
        yield from _speak(way, token)


def _reach(way: Way) -> Finding:
    """Name and connection."""
    host, port = way.hop
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return fail("network", f"the name {host} is not known", "Check the address and the DNS")
    started = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=DEADLINE_S).close()
    except OSError as error:
        reason = error.strerror or "no answer in time"
        return fail("network", f"{host}:{port} cannot be reached: {reason}", _UNREACHED)
    taken_ms = (time.monotonic() - started) * 1000
    return ok("network", f"{host}:{port} answers within {taken_ms:.0f} ms")


def _speak(way: Way, token: str | None) -> Iterator[Finding]:
    """TLS, health, clock and token."""
    try:
        health, days = way.ask("GET", HEALTH_PATH, None, {})
    except ssl.SSLCertVerificationError as error:
        do = "Name a private authority in TELEMETRY_CA_FILE, or renew the certificate"
        yield fail("TLS", f"the certificate was not accepted: {error.verify_message}", do)
        return
    except ssl.SSLError as error:
        yield fail("TLS", f"the handshake failed: {error.reason}", "Check the server's TLS setup")
        return
    except (OSError, http.client.HTTPException) as error:
        yield fail("collector", f"no answer: {_reason(error)}", _UNREACHED)
        return
    if days is not None:
        yield _expiry(days)
    yield _health(health)
    if health.ahead_s is not None:
        yield _clock(health.ahead_s)
    yield _token(way, token)


def _expiry(days: int) -> Finding:
    if days < EXPIRY_WARN_DAYS:
        return warn("TLS", f"the certificate ends in {days} days", "Have it renewed")
    return ok("TLS", f"the certificate is accepted, and ends in {days} days")


def _health(answer: Answer) -> Finding:
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = {}
    if answer.status == 200 and said.get("status") == "ok":
        return ok("collector", f"is well, version {said.get('version', 'unknown')}")
    if answer.status == 503:
        return warn("collector", "asks to come again later", "Wait; the daemon does so by itself")
    do = "Check that the address is a collector's, and no captive portal is in between"
    return fail("collector", f"{answer.status}: this is no healthy collector", do)


def _clock(ahead_s: float) -> Finding:
    if abs(ahead_s) <= SKEW_WARN_S:
        return ok("clock", "agrees with the collector's")
    word = "behind" if ahead_s > 0 else "ahead of"
    says = f"this machine's clock is {abs(ahead_s):,.0f} s {word} the collector's"
    return warn("clock", says, "Set it; until then the collector corrects the events' times")


def _token(way: Way, token: str | None) -> Finding:
    do = "Get a token of role ingest from the operator, then `sidespool token set`"
    headers = {"Content-Type": CONTENT_TYPE_NDJSON}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer, _ = way.ask("POST", EVENTS_PATH, b"", headers)
    except (OSError, http.client.HTTPException) as error:
        return fail("token", f"could not be tried: {_reason(error)}", _UNREACHED)
    if answer.status in (401, 403):
        says = f"{answer.status}: the collector does not accept it" if token else "there is none"
        return fail("token", says, do)
    if answer.status == 200 and decode_answer(answer.body) is not None:
        return ok("token", "is accepted" if token else "none is needed")
    says = f"{answer.status}: the collector did not say whether it is accepted"
    return warn("token", says, "Try again later")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "none in time"
    return getattr(error, "strerror", None) or type(error).__name__


def _days_left(sock: object) -> int | None:
    if not isinstance(sock, ssl.SSLSocket):
        return None
    until = (sock.getpeercert() or {}).get("notAfter")
    if not isinstance(until, str):
        return None
    return int((ssl.cert_time_to_seconds(until) - time.time()) // 86_400)


def _ahead(date: str | None, now: float) -> float | None:
    """Seconds by which the server's Date is ahead of ours; it has whole seconds only."""
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp() + 0.5 - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
