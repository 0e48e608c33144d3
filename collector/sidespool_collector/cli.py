"""`sidespool collector …`: the operator's verbs, put together; `sidespool` mounts the group."""

from sidespool_collector import (  # noqa: F401  # each adds its verbs
    cli_alert,
    cli_migrate,
    cli_serve,
    cli_store,
    cli_sync,
    cli_token,
)
from sidespool_collector.cli_group import collector

__all__ = ["collector"]

if __name__ == "__main__":
    collector()
