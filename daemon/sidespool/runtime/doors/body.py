"""Reads the bodies of HTTP requests: of the right type, bounded, in time; inflates and splits them.

All bodies together are bounded, too: a client that sends many large ones at once is told
`rate_limited`, and waits while the disk is slow.
"""

import asyncio
import zlib

import msgspec
from aiohttp import web

from sidespool.core.policy import EVENTS_PER_FRAME_MAX, FRAME_BYTES_MAX, FRAME_DEADLINE_S
from sidespool.runtime.intake import Intake
from sidespool.wire.frame import mend_surrogates

# Three bodies of the largest size, plain; one, and what it inflates to, while another arrives.
BODIES_BYTES_MAX = 3 * FRAME_BYTES_MAX
MEMBERS_MAX = 64  # of one gzip body: each empty one costs 20 bytes to send and a window to open
JSON, NDJSON = "application/json", "application/x-ndjson"


class Refused(Exception):
    """A request ends with this status and a constant word."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


class Bodies:
    """Reads bodies for one daemon; `give_back` when a request is done with."""

    def __init__(self, intake: Intake, deadline_s: float = FRAME_DEADLINE_S) -> None:
        self._intake = intake
        self._deadline_s = deadline_s
        self._held_bytes = 0
        self._held_by: dict[int, int] = {}

    async def read(self, request: web.Request, *types: str) -> bytes:
        """The body, inflated; raises Refused. One that its head condemns is not read at all."""
        if request.content_type not in types:
            raise Refused(415, "content_type")
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise Refused(415, "content_encoding")
        if (request.content_length or 0) > FRAME_BYTES_MAX:
            raise Refused(413, "too_large")
        try:
            async with asyncio.timeout(self._deadline_s):
                body = await self._whole(request)
        except TimeoutError:
            raise Refused(400, "deadline") from None
        return self._inflate(request, body) if encoding == "gzip" else body

    async def events(self, request: web.Request) -> list[msgspec.Raw]:
        """The events in a body; raises Refused. A slow disk slows who wants to write to it."""
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._disk_keeps_up()
        except TimeoutError:
            raise Refused(429, "rate_limited") from None
        body = await self.read(request, JSON, NDJSON)
        events = split_events(body, request.content_type == NDJSON)
        if len(events) > EVENTS_PER_FRAME_MAX:
            raise Refused(413, "too_large")
        return events

    def give_back(self, request: web.Request) -> None:
        """The request has its answer."""
        self._held_bytes -= self._held_by.pop(id(request), 0)

    async def _disk_keeps_up(self) -> None:
        if self._intake.pressed():
            relieved = asyncio.Event()
            self._intake.when_relieved(relieved.set)
            await relieved.wait()

    async def _whole(self, request: web.Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > FRAME_BYTES_MAX:
                raise Refused(413, "too_large")
            self._hold(request, len(part))
            parts.append(part)
        return b"".join(parts)

    def _inflate(self, request: web.Request, body: bytes) -> bytes:
        out = inflate(body)
        self._hold(request, len(out))
        return out

    def _hold(self, request: web.Request, size_bytes: int) -> None:
        if self._held_bytes + size_bytes > BODIES_BYTES_MAX:
            raise Refused(429, "rate_limited")
        self._held_bytes += size_bytes
        self._held_by[id(request)] = self._held_by.get(id(request), 0) + size_bytes


def split_events(body: bytes, ndjson: bool) -> list[msgspec.Raw]:
    """The events in a body: NDJSON lines, a JSON array, or a single object."""
    body = mend_surrogates(body) or body
    if ndjson:
        return [msgspec.Raw(line) for line in body.split(b"\n") if line.strip()]
    try:
        if body.lstrip()[:1] == b"[":
            return msgspec.json.decode(body, type=list[msgspec.Raw])
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(400, "malformed") from None
    return [msgspec.Raw(body)]


def inflate(body: bytes) -> bytes:
    """Gunzips one member or several, with the frame limit on what comes out of all."""
    out, rest = b"", body
    try:
        for _ in range(MEMBERS_MAX):
            stream = zlib.decompressobj(31)
            out += stream.decompress(rest, FRAME_BYTES_MAX + 1 - len(out))
            if len(out) > FRAME_BYTES_MAX:
                raise Refused(413, "too_large")
            if not stream.eof:
                raise Refused(400, "malformed")
            rest = stream.unused_data
            if not rest:
                return out
    except zlib.error:
        raise Refused(400, "malformed") from None
    raise Refused(413, "too_large")
