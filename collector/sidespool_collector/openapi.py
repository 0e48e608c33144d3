"""The API's description as an OpenAPI 3.1 document; committed as docs/openapi.json."""

import sys
from typing import Any

import msgspec

from sidespool.wire.upload import UploadAnswer
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.otlp.request import LogsAnswer, LogsRequest
from sidespool_collector.web.problem import DETAILS
from sidespool_collector.writing import EXPORT_TYPES

API_VERSION = "1"
UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
MOMENT = {
    "description": "A date (as an end: that day included) or an RFC 3339 time, UTC.",
    "type": "string",
    "anyOf": [{"format": "date"}, {"format": "date-time"}, {"maxLength": 0}],
}


class Problem(msgspec.Struct):
    """A refusal: a stable word and what to do."""

    error: str
    detail: str


def document() -> dict[str, Any]:
    """The whole document; the product's version is left out so that it changes with the API."""
    (answer, problem, *_), components = msgspec.json.schema_components(
        [UploadAnswer, Problem, LogsRequest, LogsAnswer], ref_template="#/components/schemas/{name}"
    )
    components["Problem"]["properties"]["error"]["enum"] = sorted(DETAILS)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sidespool collector",
            "version": API_VERSION,
            "description": "Takes batches of telemetry events, keeps them, shows them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": _paths(answer, problem),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "Refused; `error` is stable, `detail` says what to do.",
                    "content": {"application/json": {"schema": problem}},
                }
            },
        },
    }


def _paths(answer: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    return {
        "/api/v1/events": {"post": _events(answer)},
        "/v1/logs": {"post": _logs()},
        "/api/v1/attachments/{event_id}": {"post": _attachment()},
        "/api/v1/deletion": {"post": _deletion()},
        "/api/v1/deletion/{receipt}": {
            "get": _get("State of a deletion request", [_path("receipt")], "application/json")
        },
        "/api/v1/export": {"get": _export()},
        "/api/v1/metrics/{name}": {"get": _chart()},
        "/api/v1/noise": {
            "get": _get(
                "De-biased sums of counters told with noise",
                [_query("from", MOMENT), _query("to", MOMENT)],
                "application/json",
            )
        },
        "/api/v1/hours": {
            "get": _get(
                "Fingerprints of the hours, for a copy that is kept up to date",
                [_query("from", MOMENT), _query("to", MOMENT)],
                "application/json",
            )
        },
        "/api/v1/sql": {"post": _sql()},
        "/api/v1/alerts": {"get": _get("Rules, what fires, silences", [], "application/json")},
        "/api/v1/silences": {"post": _silence()},
        "/api/v1/silences/{id}": {
            "delete": _get("End a silence", [_path("id")], "application/json")
        },
        "/api/v1/health": {
            "get": {
                **_get("Whether a batch would be taken now", [], "application/json"),
                "security": [],
            }
        },
        "/api/v1/openapi.json": {
            "get": {**_get("This document", [], "application/json"), "security": []}
        },
        "/metrics": {"get": _get("Prometheus metrics", [], "text/plain")},
    }


def _events(answer: dict[str, Any]) -> dict[str, Any]:
    line = {"type": "string", "description": "One stored event a line."}
    array = {
        "description": "Stored events, or one; each that is none is refused by itself.",
        "anyOf": [{"type": "array", "items": {}}, {"type": "object"}],
    }
    return {
        "summary": "Send a batch of events",
        "description": (
            "Answered after the commit. accepted + duplicates + rejected is the number of events "
            "sent. An event_id counts once, and so does an Idempotency-Key. The body may be gzip, "
            "with Content-Encoding saying so."
        ),
        "parameters": [
            _header("Idempotency-Key", {"type": "string", "pattern": "^[!-~]{1,200}$"}),
            _header("Date", {"type": "string"}),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/x-ndjson": {"schema": line},
                "application/json": {"schema": array},
            },
        },
        "responses": {
            "200": {
                "description": "Kept.",
                "content": {"application/json": {"schema": answer}},
            },
            **_refusals(400, 401, 403, 408, 413, 415, 429, 503),
        },
    }


def _logs() -> dict[str, Any]:
    ref = "#/components/schemas/"
    return {
        "summary": "Send log records as an OpenTelemetry client does (OTLP/HTTP)",
        "description": (
            "Records that are events of the catalog are kept; others are refused and told as a "
            "partial success. The body may be gzip."
        ),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"{ref}LogsRequest"}},
                "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {
                "description": "Answered after the commit.",
                "content": {
                    "application/json": {"schema": {"$ref": f"{ref}LogsAnswer"}},
                    "application/x-protobuf": {},
                },
            },
            **_refusals(400, 401, 403, 408, 413, 415, 429, 503),
        },
    }


def _attachment() -> dict[str, Any]:
    stored = {
        "type": "object",
        "required": ["digest", "size"],
        "properties": {"digest": {"type": "string"}, "size": {"type": "integer"}},
    }
    content = {"application/json": {"schema": stored}}
    return {
        "summary": "Send a file that belongs to a stored event",
        "parameters": [
            {**_path("event_id"), "schema": {"type": "string", "pattern": UUID}},
            _query("name", {"type": "string", "pattern": r"^[^\x00-\x1f/\\]{1,120}$"}),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        },
        "responses": {
            "200": {"description": "It was here already.", "content": content},
            "201": {"description": "Kept.", "content": content},
            **_refusals(400, 401, 403, 404, 408, 409, 413, 415, 429, 503),
        },
    }


def _deletion() -> dict[str, Any]:
    one = {"type": "string", "minLength": 1, "maxLength": 256}
    ids = {"type": "array", "items": one, "minItems": 1, "maxItems": 1000}
    wanted = {"type": "object", "required": ["user_ids"], "properties": {"user_ids": ids}}
    receipt = {
        "type": "object",
        "required": ["receipt"],
        "properties": {"receipt": {"type": "string"}},
    }
    return {
        "summary": "Ask for everything of these ids to be erased",
        "requestBody": {"required": True, "content": {"application/json": {"schema": wanted}}},
        "responses": {
            "202": {
                "description": "From now on arrivals of these ids are refused.",
                "content": {"application/json": {"schema": receipt}},
            },
            **_refusals(400, 401, 403, 408, 413, 415, 429, 503),
        },
    }


def _sql() -> dict[str, Any]:
    wanted = {
        "type": "object",
        "required": ["sql"],
        "properties": {"sql": {"type": "string", "minLength": 1, "maxLength": 20000}},
    }
    answer = {
        "type": "object",
        "required": ["columns", "rows", "is_cut"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "rows": {"type": "array", "items": {"type": "array"}},
            "is_cut": {"type": "boolean"},
        },
    }
    return {
        "summary": "Run one SELECT over the view `events`, within limits",
        "description": "`:since` and `:until` in the statement stand for `from` and `to`.",
        "parameters": [
            _query("format", {"enum": ["json", "csv"], "default": "json"}),
            _query("from", MOMENT),
            _query("to", MOMENT),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": wanted}}},
        "responses": {
            "200": {
                "description": "As asked.",
                "content": {"application/json": {"schema": answer}, "text/csv": {}},
            },
            **_refusals(400, 401, 403, 404, 408, 413, 415, 429, 503),
        },
    }


def _silence() -> dict[str, Any]:
    wanted = {
        "type": "object",
        "required": ["rule", "hours"],
        "properties": {
            "rule": {"type": "string", "minLength": 1, "maxLength": 100},
            "hours": {"type": "number", "exclusiveMinimum": 0, "maximum": 2160},
            "reason": {"type": "string", "maxLength": 200},
        },
    }
    kept = {"type": "object", "required": ["id", "rule", "until", "who", "reason"]}
    return {
        "summary": "Send no notices of rules of this name (`*` and `?` match) for some hours",
        "requestBody": {"required": True, "content": {"application/json": {"schema": wanted}}},
        "responses": {
            "201": {"description": "Kept.", "content": {"application/json": {"schema": kept}}},
            **_refusals(400, 401, 403, 408, 413, 415, 429, 503),
        },
    }


def _export() -> dict[str, Any]:
    found = _get(
        "Events in order of time",
        [
            _query("format", {"enum": sorted(EXPORT_TYPES), "default": "jsonl"}),
            _query("from", MOMENT),
            _query("to", MOMENT),
            _query("event_type", {"type": "string"}),
        ],
        "application/x-ndjson",
        501,
    )
    kinds = sorted({kind.partition(";")[0] for kind in EXPORT_TYPES.values()})
    found["responses"]["200"]["content"] = {kind: {} for kind in kinds}
    return found


def _chart() -> dict[str, Any]:
    found = _get(
        "The figures behind a chart",
        [
            {**_path("name"), "schema": {"enum": sorted(CHARTS)}},
            _query("format", {"enum": ["json", "csv", "sql"], "default": "json"}),
            _query("from", MOMENT),
            _query("to", MOMENT),
            _query("version", {"type": "string"}),
            _query("os", {"type": "string"}),
            _query("k", {"type": "integer", "minimum": 1, "maximum": 50}),
        ],
        "application/json",
    )
    found["responses"]["200"]["content"] = {
        "application/json": {}, "text/csv": {}, "text/plain": {},
    }  # fmt: skip
    return found


def _get(summary: str, parameters: list[dict[str, Any]], kind: str, *more: int) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "As asked.", "content": {kind: {}}},
            **_refusals(400, 401, 403, 404, 503, *more),
        },
    }


def _refusals(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": "#/components/responses/Problem"} for status in statuses}


def _header(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": schema}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n")
