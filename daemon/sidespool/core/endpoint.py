"""Judges a collector's address: what may be sent to, and in the clear only to this machine."""

import ipaddress
import re
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from sidespool.errors import ConfigError

SETTING = "TELEMETRY_ENDPOINT"
# The exporters that send over the network, to the endpoint.
NETWORK_EXPORTERS = frozenset(("http", "otlp", "posthog"))

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")


class Endpoint(msgspec.Struct, frozen=True):
    """A collector's base address, checked; `base` has no trailing slash."""

    base: str
    scheme: str
    host: str
    port: int
    loopback: bool

    @property
    def insecure(self) -> bool:
        """Events would cross a network unencrypted; shown as a warning in `status`."""
        return self.scheme == "http" and not self.loopback

    def url(self, path: str) -> str:
        """The address of an API path that starts with `/`."""
        return self.base + path


def check_endpoint(url: str, allow_insecure: bool) -> Endpoint | ConfigError:
    """The endpoint, or what is wrong with it, for a person to correct."""
    text = url.strip()
    if _SPACE_OR_CONTROL.search(text):
        return _wrong("has a blank or a control character in it")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return _wrong("is not an address", "Write it like https://telemetry.example.com")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return _wrong("is not an http(s) address", "Write it like https://telemetry.example.com")
    if parts.username is not None or parts.password is not None:
        return _wrong("holds a user name or password", "Use TELEMETRY_TOKEN or the keychain")
    if parts.query or parts.fragment:
        return _wrong("has a query or fragment", "Give the collector's base address only")
    if port == 0:
        return _wrong("has port 0")
    return _secured(parts, port or _DEFAULT_PORTS[parts.scheme], allow_insecure)


def _secured(parts: SplitResult, port: int, allow_insecure: bool) -> Endpoint | ConfigError:
    host = (parts.hostname or "").lower()
    endpoint = Endpoint(
        base=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}",
        scheme=parts.scheme,
        host=host,
        port=port,
        loopback=is_loopback(host),
    )
    if endpoint.insecure and not allow_insecure:
        return _wrong(
            "is http:// to another machine, where anybody on the way can read the events",
            "Use https://, or set TELEMETRY_ALLOW_INSECURE=1 to accept that",
        )
    return endpoint


def is_loopback(host: str) -> bool:
    """Whether a host name or address as written in a URL can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_proxy(url: str, setting: str) -> str | ConfigError:
    """A proxy's address with its scheme, or what is wrong with it; the password is not repeated."""
    text = url.strip()
    text = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and not _SPACE_OR_CONTROL.search(text):
        return text
    return ConfigError(
        setting, "is not an http(s) proxy", hint="Write it like http://user:password@proxy:3128"
    )


def redirect_target(url: str, status: int, location: str) -> str | None:
    """Where to repeat a POST after a redirect, or None where it must not be followed.

    Only 307 and 308 keep method and body, and only the same origin may see the token and events.
    """
    if status not in (307, 308) or not location:
        return None
    try:
        target = urljoin(url, location)
        same = _origin(urlsplit(target)) == _origin(urlsplit(url))
    except ValueError:
        return None
    return target if same else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None, str | None]:
    return (
        parts.scheme,
        parts.hostname,
        parts.port or _DEFAULT_PORTS.get(parts.scheme),
        parts.username,
    )


def _wrong(problem: str, hint: str = "") -> ConfigError:
    return ConfigError(SETTING, problem, hint=hint)
