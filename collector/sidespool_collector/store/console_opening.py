"""Which console a store has, by its URL."""

from sidespool_collector.store.console import Console, ConsoleOffError


def console_of(store_url: str, sql_store_url: str) -> Console:
    """The console of a store; raises ConsoleOffError."""
    scheme = store_url.partition("://")[0]
    if scheme == "sqlite":
        from sidespool_collector.settings import sqlite_path
        from sidespool_collector.store.sqlite.console import SqliteConsole

        return SqliteConsole(sqlite_path(store_url))
    if scheme == "postgresql" and sql_store_url:
        from sidespool_collector.store.postgres.console import PostgresConsole

        return PostgresConsole(sql_store_url)
    raise ConsoleOffError(
        "this store needs a role of its own for SQL: see COLLECTOR_SQL_STORE in the guide"
        if scheme == "postgresql"
        else f"there is no SQL console for {scheme}"
    )
