"""Renders `wire/builtin.py`, the compiled built-in catalog, from the parsed TOML."""

from sidespool.wire.catalog import Catalog, encode_catalog

_CHUNK_BYTES = 80

_TEMPLATE = '''"""The built-in catalog, compiled. Generated from catalog.toml: `make generate`."""

from sidespool.wire.catalog import Catalog, decode_catalog

COMPILED = (
{literal}
)


def builtin_catalog() -> Catalog:
    """Every built-in event; decoding takes a fraction of a millisecond."""
    return decode_catalog(COMPILED)
'''


def render_builtin(catalog: Catalog) -> str:
    """The module's source text."""
    raw = encode_catalog(catalog)
    chunks = [raw[at : at + _CHUNK_BYTES] for at in range(0, len(raw), _CHUNK_BYTES)]
    return _TEMPLATE.format(literal="\n".join(f"    {chunk!r}" for chunk in chunks))
