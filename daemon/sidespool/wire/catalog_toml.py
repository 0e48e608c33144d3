"""Reads a catalog from TOML text into the model, naming what is wrong where it is not one.

Structure only: what a mistake is beyond structure (no owner, expired, unit missing) is the
business of `wire/catalog_lint.py`, which also gives each mistake its line.
"""

import tomllib
from typing import Any, TypeVar

import msgspec

from sidespool.errors import CatalogError
from sidespool.wire.catalog import DEFAULT_TYPE_OF_KIND, Catalog, EventSpec, FieldSpec

Model = TypeVar("Model", bound=msgspec.Struct)


def parse_catalog(text: str, source: str = "catalog") -> Catalog:
    """The catalog in TOML `text`; raises CatalogError naming the first structural mistake."""
    try:
        document = tomllib.loads(text.removeprefix("\ufeff"))
        events = document.get("events")
        if not isinstance(events, dict):
            raise CatalogError(source, ["no [events.NAME] table in it"])
        specs = {name: _event(name, table, source) for name, table in events.items()}
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 5,000 digits
        raise CatalogError(source, [f"not TOML: {error}"]) from error
    return Catalog(events=specs)


def _event(name: str, table: Any, source: str) -> EventSpec:
    if not isinstance(table, dict):
        raise CatalogError(source, [f"events.{name} is not a table"])
    plain = {**table, "name": name, "level_label": table.get("level", "")}
    plain.pop("level", None)
    plain["fields"] = _fields(table.get("fields", {}), f"events.{name}", source)
    return _convert(plain, EventSpec, f"events.{name}", source)


def _fields(tables: Any, where: str, source: str) -> dict[str, FieldSpec]:
    if not isinstance(tables, dict):
        raise CatalogError(source, [f"{where}.fields is not a table"])
    return {name: _field(name, table, where, source) for name, table in tables.items()}


def _field(name: str, table: Any, where: str, source: str) -> FieldSpec:
    where = f"{where}.fields.{name}"
    if not isinstance(table, dict):
        raise CatalogError(source, [f"{where} is not a table"])
    plain = {**table, "name": name}
    kind = table.get("kind")
    plain.setdefault("type", DEFAULT_TYPE_OF_KIND.get(kind, "") if isinstance(kind, str) else "")
    plain["fields"] = _fields(table.get("fields", {}), where, source)
    return _convert(plain, FieldSpec, where, source)


def _convert(plain: dict[str, Any], kind: type[Model], where: str, source: str) -> Model:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise CatalogError(source, [f"{where}: {error}"]) from error
