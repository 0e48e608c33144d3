"""The HTTP exporter against real servers: every row of the contract's table, and the bytes sent."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidespool import __version__
from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.exporters.http_request import Deadlines
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Captive,
    Classification,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
)
from support.fake_collector import (
    DROP,
    PORTAL_PAGE,
    FakeCollector,
    Step,
    drip,
    half_answer,
    portal,
    redirect,
    retry_after,
    status,
)
from support.raw_server import content_length, raw_server, read_request
from support.upload_world import make_batch

TOKEN = "tok-3n"
SOON = Deadlines(connect_s=5, silence_s=0.2, total_s=0.5)


def exporter_to(
    url: str, deadlines: Deadlines | None = None, token: str | None = TOKEN
) -> HttpExporter:
    endpoint = check_endpoint(url, False)
    assert isinstance(endpoint, Endpoint), endpoint
    return HttpExporter(endpoint, CollectorToken(configured=token), deadlines=deadlines)


async def send_once(
    url: str, batch: SealedBatch, deadlines: Deadlines | None = None
) -> Classification:
    exporter = exporter_to(url, deadlines)
    try:
        return await exporter.send(batch)
    finally:
        await exporter.aclose()


@pytest.fixture
def batch(tmp_path: Path) -> SealedBatch:
    return make_batch(tmp_path, "0190-batch", 5)


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    async with FakeCollector(token=TOKEN) as running:
        yield running


async def test_a_batch_goes_out_as_it_lies_with_the_contracts_headers(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    assert isinstance(await send_once(collector.url, batch), Delivered)
    (sent,) = collector.batches
    assert sent.path == "/api/v1/events"
    assert sent.body == batch.path.read_bytes()
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["Content-Encoding"] == "gzip"
    assert sent.headers["Content-Type"] == "application/x-ndjson"
    assert sent.headers["Idempotency-Key"] == "0190-batch"
    assert sent.headers["Content-Length"] == str(batch.size_bytes)
    assert sent.headers["User-Agent"] == f"sidespool/{__version__}"
    assert "Transfer-Encoding" not in sent.headers
    assert "Cookie" not in sent.headers
    assert len(collector.events) == 5


async def test_a_path_before_the_api_is_kept(batch: SealedBatch) -> None:
    async with FakeCollector(prefix="/team/a") as collector:
        assert isinstance(await send_once(f"{collector.url}/", batch), Delivered)


async def test_a_batch_of_many_reads_arrives_whole(
    tmp_path: Path, collector: FakeCollector
) -> None:
    batch = make_batch(tmp_path, "big", 40, text=os.urandom(30_000).hex())
    assert batch.size_bytes > 1_000_000
    assert isinstance(await send_once(collector.url, batch), Delivered)
    assert collector.batches[0].body == batch.path.read_bytes()


async def test_without_a_token_it_is_tried_and_the_state_says_none_is_set(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    exporter = exporter_to(collector.url, token=None)
    answer = await exporter.send(batch)
    await exporter.aclose()
    assert isinstance(answer, Unauthorized)
    assert "no token is set" in answer.detail
    assert "Authorization" not in collector.requests[0].headers


async def test_rejected_and_known_events_are_told_apart(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.refuse_events = {"0190-batch-1": "too_old"}
    assert isinstance(await send_once(collector.url, batch), Delivered)
    answer = await send_once(collector.url, batch)
    assert isinstance(answer, Delivered)
    assert (answer.answer.accepted, answer.answer.duplicates) == (0, 4)
    assert [one.reason for one in answer.answer.rejected] == ["too_old"]


TABLE: list[tuple[Step | int, type[Classification]]] = [
    (status(200, b'{"accepted":5,"duplicates":0,"rejected":[]}'), Delivered),
    (status(202, b'{"accepted":2,"duplicates":3}'), Delivered),
    (status(200, b'{"accepted":4,"duplicates":0}'), Captive),
    (status(200), Captive),
    (status(201, b'{"accepted":5,"duplicates":0}'), Captive),
    (status(204), Captive),
    (portal(200), Captive),
    (portal(302), Captive),
    (portal(511), Captive),
    (retry_after(429, 17), RetryAfter),
    (retry_after(503, 17), RetryAfter),
    (429, Backoff),
    (503, Backoff),
    (408, Backoff),
    (425, Backoff),
    (500, Backoff),
    (502, Backoff),
    (504, Backoff),
    (DROP, Backoff),
    (407, Backoff),
    (401, Unauthorized),
    (403, Unauthorized),
    (413, TooLarge),
    (status(413, early=True), TooLarge),
    (400, Refused),
    (404, Refused),
    (415, Refused),
    (422, Refused),
]


@pytest.mark.parametrize(("step", "meaning"), TABLE, ids=lambda one: getattr(one, "name", None))
async def test_every_row_of_the_table(
    collector: FakeCollector, batch: SealedBatch, step: Step | int, meaning: type[Classification]
) -> None:
    collector.script([step])
    answer = await send_once(collector.url, batch)
    assert isinstance(answer, meaning), answer
    assert len(collector.requests) == 1


async def test_a_pause_until_a_date_goes_by_the_collectors_clock(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    then, date = "Sat, 01 Jan 2000 00:00:30 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"
    collector.script([retry_after(503, then, date)])
    answer = await send_once(collector.url, batch)
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == 30


async def test_a_redirect_within_the_origin_is_followed_three_times(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.script([redirect(307, "/x"), redirect(308, f"{collector.url}/y")])
    collector.script([redirect(307, "/api/v1/events")])
    assert isinstance(await send_once(collector.url, batch), Delivered)
    assert [one.path for one in collector.requests] == [
        "/api/v1/events", "/x", "/y", "/api/v1/events",
    ]  # fmt: skip
    assert {one.body for one in collector.requests} == {batch.path.read_bytes()}


async def test_redirects_without_an_end_are_somebody_else_answering(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.always(redirect(307, "/api/v1/events"))
    assert isinstance(await send_once(collector.url, batch), Captive)
    assert len(collector.requests) == 4


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_origin_is_never_followed(
    collector: FakeCollector, batch: SealedBatch, code: int
) -> None:
    async with FakeCollector() as other:
        collector.script([redirect(code, f"{other.url}/api/v1/events")])
        assert isinstance(await send_once(collector.url, batch), Captive)
        assert other.requests == []


async def test_a_server_that_drips_is_cut_off(collector: FakeCollector, batch: SealedBatch) -> None:
    collector.script([drip(b'{"accepted":5,"duplicates":0}' + b" " * 1_000, 0.01)])
    answer = await send_once(collector.url, batch, SOON)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.TIMEOUT


async def test_a_server_that_says_nothing_is_cut_off(batch: SealedBatch) -> None:
    async def half_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.Event().wait()

    async with raw_server(half_open) as port:
        answer = await send_once(f"http://127.0.0.1:{port}", batch, SOON)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.TIMEOUT


async def test_a_server_that_reads_nothing_is_cut_off_and_leaves_no_socket(tmp_path: Path) -> None:
    """An orderly close would wait for ever to send what the server does not read."""
    given_up, ended = asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's read transport
        await given_up.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # the same
        try:
            while await reader.read(65_536):
                pass
            ends.append("orderly")
        except ConnectionResetError:
            ends.append("reset")
        ended.set()

    batch = make_batch(tmp_path, "big", 400, text=os.urandom(30_000).hex())
    fast = Deadlines(silence_s=0.2, total_s=0.3, slowest_bytes_per_s=1e9)
    async with raw_server(deaf) as port:
        answer = await send_once(f"http://127.0.0.1:{port}", batch, fast)
        given_up.set()
        await ended.wait()
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.TIMEOUT
    assert ends == ["reset"]


async def test_an_answer_without_an_end_is_read_to_a_limit(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.script([status(200, b" " * 50_000_000)])
    assert isinstance(await send_once(collector.url, batch), Captive)


async def test_an_answer_cut_in_the_middle_is_not_believed(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.script([half_answer(b'{"accepted":5,', 200)])
    answer = await send_once(collector.url, batch)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.NETWORK


async def test_a_refusal_cut_in_the_middle_is_still_a_refusal(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.script([half_answer(b"too", 200, code=413)])
    assert isinstance(await send_once(collector.url, batch), TooLarge)


@pytest.mark.parametrize(
    "junk", [b"SSH-2.0-OpenSSH_9\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 abc\r\n\r\n"]
)
async def test_what_is_not_http_is_somebody_else_answering(batch: SealedBatch, junk: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(junk)
        await writer.drain()

    async with raw_server(talk) as port:
        answer = await send_once(f"http://127.0.0.1:{port}", batch, SOON)
    assert isinstance(answer, Captive | Backoff)


async def test_a_large_batch_refused_before_it_was_read_is_understood(tmp_path: Path) -> None:
    """The server answers after the head, closes, and so resets the connection we still write to."""
    batch = make_batch(tmp_path, "big", 400, text=os.urandom(30_000).hex())
    heads: list[bytes] = []

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if b"100-continue" not in heads[-1].lower():
            writer.transport.abort()  # the worst case: the answer is lost with the connection
            return
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with raw_server(impatient) as port:
        assert isinstance(await send_once(f"http://127.0.0.1:{port}", batch), TooLarge)
    assert len(heads) == 2


async def test_a_kept_connection_that_was_closed_meanwhile_costs_no_back_off(
    tmp_path: Path,
) -> None:
    bodies: list[bytes] = []

    async def one_answer_a_connection(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        bodies.append((await read_request(reader))[1])
        answer = b'{"accepted":5,"duplicates":0}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await reader.readuntil(b"\r\n\r\n")  # takes the next request's head, then is gone
        writer.transport.abort()

    async with raw_server(one_answer_a_connection) as port:
        exporter = exporter_to(f"http://127.0.0.1:{port}")
        for name in ("first", "second"):
            answer = await exporter.send(make_batch(tmp_path, name, 5))
            assert isinstance(answer, Delivered), answer
        await exporter.aclose()
    assert len(bodies) == 2


async def test_a_dead_port_and_an_unknown_host_are_offline(batch: SealedBatch) -> None:
    async with FakeCollector() as gone:
        url = gone.url
    answer = await send_once(url, batch)
    assert isinstance(answer, Backoff)
    assert answer == Backoff("connection refused", BackoffCause.NETWORK)
    exporter = HttpExporter(
        Endpoint("http://no-such-host.invalid", "http", "no-such-host.invalid", 80, False),
        CollectorToken(configured=TOKEN),
    )
    answer = await exporter.send(batch)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.DNS


async def test_an_abort_leaves_nothing_on_its_way(tmp_path: Path) -> None:
    """Not even what lies in buffers, ours or the kernel's: the peer sees a reset, not an end."""
    batch = make_batch(tmp_path, "big", 400, text=os.urandom(30_000).hex())
    began, aborted, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    ends: list[str] = []

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert content_length(head) == batch.size_bytes
        began.set()
        await aborted.wait()
        try:
            while await reader.read(65_536):
                pass
            ends.append("orderly")
        except ConnectionResetError:
            ends.append("reset")
        ended.set()

    async with raw_server(patient) as port:
        exporter = exporter_to(f"http://127.0.0.1:{port}")
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(exporter.send(batch))
            await began.wait()
            exporter.abort()
            sending.cancel()
            await asyncio.wait({sending})
        aborted.set()
        await ended.wait()
        await exporter.aclose()
    assert sending.cancelled()
    assert ends == ["reset"]


async def test_a_batch_that_is_gone_is_not_found(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    batch.path.unlink()
    with pytest.raises(FileNotFoundError):
        await send_once(collector.url, batch)


async def test_nothing_a_stranger_says_reaches_the_state_unbounded(
    collector: FakeCollector, batch: SealedBatch
) -> None:
    collector.script([status(404, PORTAL_PAGE * 1_000)])
    answer = await send_once(collector.url, batch)
    assert isinstance(answer, Refused)
    assert len(answer.detail) < 220
