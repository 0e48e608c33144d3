"""Lists every generated file of the repository with its content."""

from sidespool.wire.catalog import Catalog
from sidespool.wire.generate.builtin import render_builtin
from sidespool.wire.generate.dictionary import render_dictionary
from sidespool.wire.generate.json_schema import render_json_schema
from sidespool.wire.generate.privacy import (
    render_privacy_html,
    render_privacy_json,
    render_privacy_markdown,
)
from sidespool.wire.generate.typescript import render_app_types, render_builtin_types
from sidespool.wire.generate.typescript_frame import render_frames

CATALOG = "daemon/sidespool/wire/catalog.toml"
EXAMPLE_CATALOG = "desktop-bridge/protocol/test/telemetry.catalog.toml"


def generated_files(builtin: Catalog, example: Catalog) -> dict[str, str]:
    """Path from the repository's root → text; `example` is an app's own catalog, for type tests."""
    return {
        "daemon/sidespool/wire/builtin.py": render_builtin(builtin),
        "docs/data-dictionary.md": render_dictionary(builtin),
        "docs/privacy-page.md": render_privacy_markdown(builtin),
        "docs/privacy-page.html": render_privacy_html(builtin),
        "docs/privacy-page.json": render_privacy_json(builtin),
        "docs/catalog.schema.json": render_json_schema(builtin),
        "desktop-bridge/protocol/src/catalog.ts": render_builtin_types(builtin),
        "desktop-bridge/protocol/src/frame.ts": render_frames(),
        "desktop-bridge/protocol/test/app-events.ts": render_app_types(example),
    }
