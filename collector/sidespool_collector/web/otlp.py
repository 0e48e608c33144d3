"""`POST /v1/logs`: the door for OpenTelemetry clients, JSON and Protobuf, plain or gzip.

Log records that are events of the catalog are kept like those of a daemon. All others are refused
and told as a partial success, as the protocol demands; they are counted under `foreign`.
"""

import msgspec
from aiohttp import web

from sidespool.wire.upload import UploadAnswer
from sidespool_collector.auth.tokens import Role
from sidespool_collector.event import ROW_SOURCE, Batch, Row
from sidespool_collector.ingest.reader import Reading, correct_clock
from sidespool_collector.otlp.event import lines_of
from sidespool_collector.otlp.protobuf import BadProtobufError, decode_protobuf, encode_answer
from sidespool_collector.otlp.request import LogsAnswer, LogsRequest, PartialSuccess, decode_json
from sidespool_collector.web.body import read_body
from sidespool_collector.web.context import COLLECTOR, Collector, now_ms
from sidespool_collector.web.events import append
from sidespool_collector.web.problem import ProblemError

JSON, PROTOBUF = "application/json", "application/x-protobuf"


async def post_logs(request: web.Request) -> web.Response:
    """Answered after the commit."""
    collector = request.app[COLLECTOR]
    collector.limit_address(request)
    token = collector.require(request, Role.INGEST)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, PROTOBUF):
        raise ProblemError(415, "unsupported_otlp", {"Accept": f"{JSON}, {PROTOBUF}"})
    with collector.admission.share() as share:
        body, size = await read_body(request, collector.settings, share)
        async with collector.parsed:
            reading = _read(collector, _decode(kind, body))
            by_install = _by_install(reading.rows)
            for user_id, rows in by_install.items():
                collector.limit_install(request, user_id, len(rows))
            received = now_ms()
            corrected = [correct_clock(rows, received, None)[0] for rows in by_install.values()]
            rows = [row for some in corrected for row in some]
            answer = await append(
                collector, Batch(None, received, token.name, rows, reading.refused)
            )
    collector.counters.body_bytes.inc(size)
    return _answer(kind, answer, reading)


def _decode(kind: str, body: bytes) -> LogsRequest:
    try:
        return decode_protobuf(body) if kind == PROTOBUF else decode_json(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, BadProtobufError):
        raise ProblemError(400, "bad_otlp") from None


def _read(collector: Collector, logs: LogsRequest) -> Reading:
    lines, foreign = lines_of(logs, collector.catalog, now_ms())
    if len(lines) + len(foreign) > collector.settings.max_lines:
        raise ProblemError(413, "too_large")
    reading = collector.reader.read(lines)
    reading.refused += foreign
    return reading


def _by_install(rows: list[Row]) -> dict[str, list[Row]]:
    """A gateway sends for many installs at once, each with a clock of its own."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[ROW_SOURCE][1], []).append(row)
    return found


def _answer(kind: str, answer: UploadAnswer, reading: Reading) -> web.Response:
    told = LogsAnswer()
    if answer.rejected:
        counts: dict[str, int] = {}
        for event in answer.rejected:
            counts[event.reason] = counts.get(event.reason, 0) + 1
        text = ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items()))
        first = f" (first: {reading.refused[0].detail})" if reading.refused else ""
        told = LogsAnswer(PartialSuccess(str(len(answer.rejected)), text + first))
    body = encode_answer(told) if kind == PROTOBUF else msgspec.json.encode(told)
    return web.Response(body=body, content_type=kind)
