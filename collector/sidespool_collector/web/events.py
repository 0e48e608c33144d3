"""`POST /api/v1/events`: from a batch's bytes to an answer that is given after the commit."""

import time
from email.utils import parsedate_to_datetime

from aiohttp import web

from sidespool.wire.upload import RejectedEvent, UploadAnswer
from sidespool_collector.auth.tokens import Role
from sidespool_collector.event import REASON_ERASED, ROW_SOURCE, Batch
from sidespool_collector.ingest.reader import (
    NotABatchError,
    Reading,
    correct_clock,
    split_array,
    split_lines,
)  # fmt: skip
from sidespool_collector.web.body import read_packed
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.problem import ProblemError, json_response

NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


async def post_events(request: web.Request) -> web.Response:
    """Takes one batch; see the contract, section 7."""
    collector = request.app[COLLECTOR]
    started = time.monotonic()
    collector.limit_address(request)
    token = collector.require(request, Role.INGEST)
    key = _key(request)
    is_array = _is_array(request)
    with collector.admission.share() as share:
        packed = await read_packed(request, collector.settings, share)
        async with collector.parsed:
            body = packed.unpacked(share)
            answer = await _take(request, collector, body, key, token.name, is_array=is_array)
    collector.counters.body_bytes.inc(packed.size)
    collector.counters.ingest_s.observe(time.monotonic() - started)
    return json_response(answer)


async def _take(
    request: web.Request, collector: Collector, body: bytes, key: str | None, sender: str,
    *, is_array: bool,
) -> UploadAnswer:  # fmt: skip
    reading = _read(collector, body, is_array=is_array)
    if reading.rows:
        user_id = reading.rows[0][ROW_SOURCE][1]
        collector.limit_install(request, user_id, len(reading.rows))
    received = now_ms()
    rows, skew = correct_clock(reading.rows, received, _sent_ms(request))
    return await append(collector, Batch(key, received, sender, rows, reading.refused, skew))


async def append(collector: Collector, batch: Batch) -> UploadAnswer:
    """Keeps a batch and counts what became of it."""
    receipt = await collector.store.append(batch)
    if collector.forward is not None and receipt.accepted:
        await collector.forward.put(batch, receipt)
    rejected = [RejectedEvent(r.event_id, r.reason) for r in batch.refused]
    rejected += [RejectedEvent(event_id, REASON_ERASED) for event_id in receipt.erased]
    counters = collector.counters
    counters.events.labels("accepted").inc(receipt.accepted)
    counters.events.labels("duplicate").inc(receipt.duplicates)
    counters.events.labels("rejected").inc(len(rejected))
    for event in rejected:
        counters.rejected.labels(event.reason).inc()
    return UploadAnswer(receipt.accepted, receipt.duplicates, rejected)


def _read(collector: Collector, body: bytes, *, is_array: bool) -> Reading:
    try:
        lines = split_array(body) if is_array else split_lines(body)
    except NotABatchError:
        raise ProblemError(400, "bad_json") from None
    if len(lines) > collector.settings.max_lines:
        raise ProblemError(413, "too_large")
    return collector.reader.read(lines)


def _is_array(request: web.Request) -> bool:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in NDJSON_TYPES:
        return False
    if kind == "application/json":
        return True
    raise ProblemError(
        415, "unsupported_type", {"Accept": "application/x-ndjson, application/json"}
    )


def _key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= 200 or not key.isascii() or not key.isprintable():
        raise ProblemError(400, "bad_key")
    return key


def _sent_ms(request: web.Request) -> int | None:
    """The sender's clock, from its Date header."""
    text = request.headers.get("Date")
    if text is None:
        return None
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
