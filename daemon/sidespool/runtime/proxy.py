"""Finds the proxy on the way to the collector: the setting, else environment or OS, else none."""

from sidespool.core.endpoint import Endpoint, check_proxy
from sidespool.errors import ConfigError


def find_proxy(endpoint: Endpoint, configured: str | None) -> str | None:
    """The proxy's address, credentials included, or None for the direct way.

    Never a proxy to this machine itself. NO_PROXY speaks about the environment's proxies, not
    about one set for Sidespool alone. Raises ConfigError where an address cannot be used.
    """
    if endpoint.loopback:
        return None
    if configured:
        return _checked(configured, "TELEMETRY_PROXY")
    # Environment first, then the registry or SystemConfiguration: the standard library knows.
    from urllib.request import getproxies, proxy_bypass

    proxy = getproxies().get(endpoint.scheme)
    if not proxy or proxy_bypass(f"{endpoint.host}:{endpoint.port}"):
        return None
    return _checked(proxy, f"{endpoint.scheme.upper()}_PROXY")


def _checked(proxy: str, setting: str) -> str:
    checked = check_proxy(proxy, setting)
    if isinstance(checked, ConfigError):
        raise checked
    return checked
