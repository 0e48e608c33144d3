"""`GET /api/v1/export`: events as JSONL, CSV, SQLite or Parquet, streamed."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from sidespool.wire.event import parse_time
from sidespool_collector.auth.tokens import Role
from sidespool_collector.store.contract import EventQuery, StoredEvent
from sidespool_collector.web.context import COLLECTOR
from sidespool_collector.web.problem import ProblemError
from sidespool_collector.writing import (
    EXPORT_TYPES,
    MissingExtraError,
    csv_bytes,
    csv_head,
    jsonl_bytes,
    write_file,
)  # fmt: skip

DAY_MS = 86_400_000


async def get_export(request: web.Request) -> web.StreamResponse:
    """Everything, or what `from`, `to` and `event_type` choose, in order of time."""
    collector = request.app[COLLECTOR]
    token = collector.require(request, Role.READ)
    kind = request.query.get("format", "jsonl")
    if kind not in EXPORT_TYPES:
        raise ProblemError(400, "bad_query")
    query = event_query(request)
    await collector.note(token.name, "export", f"{kind} {request.query_string}"[:300])
    chunks = collector.store.export(query)
    if kind in ("sqlite", "parquet"):
        return await _send_file(request, kind, chunks)
    response = web.StreamResponse(headers=_headers(kind))
    await response.prepare(request)
    encode = jsonl_bytes if kind == "jsonl" else csv_bytes
    if kind == "csv":
        await response.write(csv_head())
    async for chunk in chunks:
        await response.write(encode(chunk))
    await response.write_eof()
    return response


def event_query(request: web.Request) -> EventQuery:
    """The filters of a query string; dates or RFC 3339 times, `event_type` may repeat."""
    types = [t for value in request.query.getall("event_type", []) for t in value.split(",") if t]
    return EventQuery(
        parse_moment(request.query.get("from", "")),
        parse_end(request.query.get("to", "")),
        tuple(types),
    )


def parse_moment(text: str) -> int | None:
    """`2026-11-21` (its start, UTC) or an RFC 3339 time as Unix ms; None for an empty text."""
    if not text:
        return None
    text = text.replace(" ", "+")  # a `+` that was not quoted in the query
    moment = parse_time(text) if "T" in text else parse_time(f"{text}T00:00:00Z")
    if moment is None:
        raise ProblemError(400, "bad_query")
    return moment


def parse_end(text: str) -> int | None:
    """The end of a period, exclusive: a date includes that whole day."""
    moment = parse_moment(text)
    return moment + DAY_MS if moment is not None and "T" not in text else moment


def _headers(kind: str) -> dict[str, str]:
    suffix = "db" if kind == "sqlite" else kind
    return {
        "Content-Type": EXPORT_TYPES[kind],
        "Content-Disposition": f'attachment; filename="sidespool-events.{suffix}"',
    }


async def _send_file(
    request: web.Request, kind: str, chunks: AsyncIterator[list[StoredEvent]]
) -> web.StreamResponse:
    """These formats need a file that can be sought in: written aside, then sent."""
    with tempfile.TemporaryDirectory(prefix="sidespool-export-") as directory:
        path = Path(directory) / "events"
        try:
            await write_file(kind, path, chunks)
        except MissingExtraError:
            raise ProblemError(501, "missing_extra") from None
        response = web.StreamResponse(headers=_headers(kind))
        response.content_length = (await asyncio.to_thread(path.stat)).st_size
        await response.prepare(request)
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, 1 << 18):
                await response.write(piece)
        await response.write_eof()
        return response
