"""Reads a request's body within its limits, unpacking as it arrives."""

import asyncio

from aiohttp import web

from sidespool_collector.ingest.admission import Share
from sidespool_collector.ingest.gunzip import BadGzipError, Gunzip, TooLargeError
from sidespool_collector.settings import Settings
from sidespool_collector.web.problem import ProblemError


async def read_body(request: web.Request, settings: Settings, share: Share) -> tuple[bytes, int]:
    """The unpacked body and its size as it came; raises 400, 408, 413 or 415."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity", ""):
        raise ProblemError(415, "unsupported_encoding", {"Accept-Encoding": "gzip"})
    if (request.content_length or 0) > settings.max_body_bytes:
        raise ProblemError(413, "too_large")
    is_gzip = encoding in ("gzip", "x-gzip")
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            return await (_unpacked if is_gzip else _plain)(request, settings, share)
    except TimeoutError:
        raise ProblemError(408, "timeout", {"Connection": "close"}) from None
    except TooLargeError:
        raise ProblemError(413, "too_large") from None
    except BadGzipError:
        raise ProblemError(400, "bad_gzip") from None


async def _unpacked(request: web.Request, settings: Settings, share: Share) -> tuple[bytes, int]:
    gunzip = Gunzip(settings.max_unpacked_bytes, settings.max_ratio)
    taken = held = 0
    async for chunk in request.content.iter_any():
        taken += len(chunk)
        if taken > settings.max_body_bytes:
            raise TooLargeError("body")
        gunzip.feed(chunk)
        share.grow(len(gunzip.out) - held)
        held = len(gunzip.out)
    return gunzip.finish(), taken


async def _plain(request: web.Request, settings: Settings, share: Share) -> tuple[bytes, int]:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > settings.max_body_bytes:
            raise TooLargeError("body")
        share.grow(len(chunk))
    return bytes(body), len(body)
