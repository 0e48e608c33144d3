"""Where a ClickHouse store lies: what `clickhouse://…` says.

`clickhouse://user:password@host1:8123,host2:8123/database?cluster=name&quorum=2&secure=1`

The ports are those of HTTP. `cluster` names a cluster of the servers' configuration, whose hosts
are listed: tables are then replicated. `quorum` is how many replicas must hold events before they
are accepted; 0 leaves it to one. `secure` speaks HTTPS. A password may also come from
`CLICKHOUSE_PASSWORD`.
"""

import os
import re
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from sidespool.errors import ConfigError

PORT, SECURE_PORT = 8123, 8443
_KNOWN = ("cluster", "quorum", "secure")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/]+)(?::(\d{1,5}))?")
HINT = "Use clickhouse://user@host:8123/database, several hosts separated by commas"


class Place(msgspec.Struct, frozen=True):
    """`hosts` are base URLs, in the order in which they are tried."""

    hosts: tuple[str, ...]
    database: str
    user: str = "default"
    password: str = ""
    cluster: str = ""
    quorum: int = 0


def place_of(url: str) -> Place:
    """What a URL says; raises ConfigError."""
    parts = urlsplit(url)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    for name in given:
        if name not in _KNOWN:
            raise ConfigError("COLLECTOR_STORE", f"clickhouse:// knows no {name}=", hint=HINT)
    login, _, addresses = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    database, cluster = unquote(parts.path.strip("/")), given.get("cluster", "")
    for name in (database, cluster or "none"):
        if _NAME.fullmatch(name) is None:
            raise ConfigError("COLLECTOR_STORE", "a database or cluster has a bad name", hint=HINT)
    quorum = given.get("quorum", "0")
    if not quorum.isdecimal() or (int(quorum) and not cluster):
        raise ConfigError("COLLECTOR_STORE", "quorum= is a number, beside cluster=", hint=HINT)
    is_secure = given.get("secure", "0") not in ("", "0", "false")
    return Place(
        tuple(_base(address, is_secure=is_secure) for address in addresses.split(",")),
        database,
        unquote(user) or "default",
        unquote(password) or os.environ.get("CLICKHOUSE_PASSWORD", ""),
        cluster,
        int(quorum),
    )


def _base(address: str, *, is_secure: bool) -> str:
    match = _HOST.fullmatch(address)
    if match is None or int(match[2] or 0) > 65535:
        raise ConfigError("COLLECTOR_STORE", "a host is not host:port", hint=HINT)
    port = match[2] or (SECURE_PORT if is_secure else PORT)
    return f"{'https' if is_secure else 'http'}://{match[1]}:{port}/"
