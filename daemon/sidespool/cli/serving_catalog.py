"""The catalog that a daemon of this environment uses: built-in, and the application's own."""

import os
from pathlib import Path

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog


def serving_catalog() -> Catalog:
    """Raises ConfigError where TELEMETRY_CATALOG names a file that cannot be used."""
    named = os.environ.get("TELEMETRY_CATALOG", "").strip()
    if not named:
        return builtin_catalog()
    from sidespool.cli.app_catalog import with_app_catalog

    return with_app_catalog(builtin_catalog(), Path(named))
