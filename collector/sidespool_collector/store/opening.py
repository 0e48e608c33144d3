"""Chooses the store a URL names."""

from urllib.parse import urlsplit, urlunsplit

from sidespool.errors import ConfigError
from sidespool_collector.settings import sqlite_path
from sidespool_collector.store.contract import Store


def store_of(url: str) -> Store:
    """The store, not yet open; raises ConfigError for one this installation cannot serve."""
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        from sidespool_collector.store.sqlite.store import SqliteStore

        return SqliteStore(sqlite_path(url))
    if scheme == "postgresql":
        try:
            from sidespool_collector.store.postgres.store import PostgresStore
        except ImportError:
            raise ConfigError(
                "COLLECTOR_STORE",
                "postgresql:// needs an optional part",
                hint="pip install 'sidespool[postgres]'",
            ) from None
        return PostgresStore(url)
    if scheme == "clickhouse":
        from sidespool_collector.store.clickhouse.store import ClickHouseStore

        return ClickHouseStore(url)
    raise ConfigError(
        "COLLECTOR_STORE",
        f"{scheme}:// is not available in this installation",
        hint="Use sqlite:///path/to/collector.db, postgresql://user@host/database or "
        "clickhouse://user@host:8123/database",
    )


def shown(url: str) -> str:
    """The URL as it may be printed: without a password, and without a query that may hold one."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return url
    name, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, name.partition(":")[0] + at + host, parts.path, "", ""))
