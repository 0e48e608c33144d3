"""Chooses the store a URL names."""

from sidespool.errors import ConfigError
from sidespool_collector.settings import sqlite_path
from sidespool_collector.store.contract import Store


def store_of(url: str) -> Store:
    """The store, not yet open; raises ConfigError for one this installation cannot serve."""
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        from sidespool_collector.store.sqlite.store import SqliteStore

        return SqliteStore(sqlite_path(url))
    raise ConfigError(
        "COLLECTOR_STORE",
        f"{scheme}:// is not available in this installation",
        hint="Use sqlite:///path/to/collector.db",
    )
