"""Loads an application's own catalog file on top of the built-in one."""

from datetime import UTC, datetime
from pathlib import Path

from sidespool.errors import CatalogError, ConfigError
from sidespool.wire.catalog import Catalog
from sidespool.wire.catalog_lint import combine

SETTING = "TELEMETRY_CATALOG"


def with_app_catalog(builtin: Catalog, path: Path) -> Catalog:
    """Both together; ConfigError names the setting and the first mistake in the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(SETTING, f"{path} cannot be read: {error}") from error
    try:
        return combine(builtin, text, str(path), datetime.now(UTC).date())
    except CatalogError as error:
        raise ConfigError(SETTING, str(error), hint="Run `sidespool catalog check`") from error
