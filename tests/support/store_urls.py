"""Where a test's own store is, on each engine that this machine can serve."""

from pathlib import Path

import pytest

STORES = ("clickhouse", "postgresql", "sqlite")
SERVERS = {"clickhouse": "clickhouse", "postgresql": "postgres"}  # engine → fixture


def url_of(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store of the engine that `request.param` names."""
    kind = request.param
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue(SERVERS[kind]).new_database()
    return url
