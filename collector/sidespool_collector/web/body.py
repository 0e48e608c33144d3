"""Reads a request's body within its limits, unpacking as it arrives."""

import asyncio

from aiohttp import web

from sidespool_collector.ingest.admission import Share
from sidespool_collector.ingest.gunzip import STEP_BYTES, BadGzipError, Gunzip, TooLargeError
from sidespool_collector.settings import Settings
from sidespool_collector.web.problem import ProblemError

PACKED_MAX_BYTES = 512 * 1024  # a segment of ten thousand events; larger ones are unpacked at once


class Packed:
    """A body that is whole, and may still be packed: ten times smaller while it waits its turn."""

    def __init__(self, body: bytes, size: int, gunzip: Gunzip | None = None) -> None:
        self.size = size
        self._body = body
        self._gunzip = gunzip

    def unpacked(self, share: Share) -> bytes:
        """What was sent; to be asked once. Raises ProblemError 400 or 413, or OverloadedError."""
        body, gunzip = self._body, self._gunzip
        self._body, self._gunzip = b"", None
        if gunzip is None:
            return body
        try:
            for start in range(0, len(body), STEP_BYTES):
                held = len(gunzip.out)
                gunzip.feed(body[start : start + STEP_BYTES])
                share.grow(len(gunzip.out) - held)
            return gunzip.finish()
        except TooLargeError:
            raise ProblemError(413, "too_large") from None
        except BadGzipError:
            raise ProblemError(400, "bad_gzip") from None


async def read_packed(request: web.Request, settings: Settings, share: Share) -> Packed:
    """As `read_body`, but a small gzip body stays packed until it is needed."""
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    length = request.content_length
    if encoding not in ("gzip", "x-gzip") or length is None or length > PACKED_MAX_BYTES:
        return Packed(*await read_body(request, settings, share))
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            body, size = await _plain(request, settings, share)
    except TimeoutError:
        raise ProblemError(408, "timeout", {"Connection": "close"}) from None
    except TooLargeError:
        raise ProblemError(413, "too_large") from None
    return Packed(body, size, Gunzip(settings.max_unpacked_bytes, settings.max_ratio))


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
