"""`POST /api/v1/attachments/{event_id}`: streams a file to disk and links it to its event."""

import asyncio
import re
from collections.abc import AsyncIterator

from aiohttp import web

from sidespool_collector.attachment import AttachmentTooLargeError
from sidespool_collector.auth.tokens import Role
from sidespool_collector.event import id_bytes
from sidespool_collector.ingest.gunzip import BadGzipError, Gunzip, TooLargeError
from sidespool_collector.store.contract import Attachment
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.problem import ProblemError, come_again, json_response

FILES_PER_EVENT = 8
NAME_SHAPE = re.compile(r"[^\x00-\x1f/\\]{1,120}")
TYPE_SHAPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)


async def post_attachment(request: web.Request) -> web.Response:
    """201 with the digest, 200 where it was here already; 404 until the event itself is stored."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    collector.require(request, Role.INGEST)
    event_id = request.match_info["event_id"]
    name: str = request.query.get("name", "") or request.headers.get("X-Attachment-Name", "file")
    kind: str = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if id_bytes(event_id) is None or not NAME_SHAPE.fullmatch(name):
        raise ProblemError(400, "bad_query")
    if (request.content_length or 0) > collector.settings.max_attachment_bytes:
        raise ProblemError(413, "too_large")
    digest, size = await _store(request, collector)
    attachment = Attachment(
        event_id.lower(),
        name,
        kind if TYPE_SHAPE.fullmatch(kind) else "application/octet-stream",
        size,
        digest,
        now_ms(),
    )
    outcome = await collector.store.attach(attachment, FILES_PER_EVENT, collector.files.exists)
    if outcome in ("no_event", "too_many"):
        await collector.store.release_file(digest, collector.files.unlink)
        raise ProblemError(404 if outcome == "no_event" else 409, outcome)
    if outcome == "gone":
        raise come_again(503, "overloaded", 1)
    return json_response({"digest": digest, "size": size}, 201 if outcome == "added" else 200)


async def _store(request: web.Request, collector: Collector) -> tuple[str, int]:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        raise ProblemError(415, "unsupported_encoding", {"Accept-Encoding": "gzip"})
    limit = collector.settings.max_attachment_bytes
    chunks: AsyncIterator[bytes] = request.content.iter_any()
    if encoding == "gzip":
        chunks = _unpacked(chunks, Gunzip(limit, collector.settings.max_ratio))
    try:
        async with asyncio.timeout(collector.settings.body_timeout_s * 4):
            return await collector.files.take(chunks, limit)
    except (AttachmentTooLargeError, TooLargeError):
        raise ProblemError(413, "too_large") from None
    except BadGzipError:
        raise ProblemError(400, "bad_gzip") from None
    except TimeoutError:
        raise ProblemError(408, "timeout", {"Connection": "close"}) from None


async def _unpacked(chunks: AsyncIterator[bytes], gunzip: Gunzip) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        gunzip.feed(chunk)
        yield gunzip.taken_out()
    gunzip.finish()
