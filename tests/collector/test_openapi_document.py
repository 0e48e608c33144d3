"""The committed API description is the one the collector serves, and names every route."""

import json
from pathlib import Path

import msgspec

from sidespool_collector.openapi import document
from sidespool_collector.web.app import ROUTES
from support.collector_world import World

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_committed_document_is_up_to_date() -> None:
    """`python -m sidespool_collector.openapi > docs/openapi.json` makes it anew."""
    assert json.loads(COMMITTED.read_bytes()) == json.loads(msgspec.json.encode(document()))


async def test_the_served_document_is_the_same(world: World) -> None:
    assert await world.get_json("/api/v1/openapi.json") == json.loads(COMMITTED.read_bytes())


def test_every_api_route_is_described() -> None:
    described = {
        (path, method.upper()) for path, item in document()["paths"].items() for method in item
    }
    routes = {
        (r.path, r.method) for r in ROUTES if r.path.startswith(("/api/", "/metrics", "/v1/"))
    }
    assert described == routes


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(document())
    for part in text.split('"$ref": "#/')[1:]:
        found = document()
        for name in part.split('"')[0].split("/"):
            found = found[name]
