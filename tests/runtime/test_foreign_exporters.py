"""The OTLP and PostHog exporters against real servers: what they send, and every answer's row."""

import gzip
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidespool.core.endpoint import Endpoint, check_endpoint
from sidespool.core.upload_policy import MAPPED_BYTES_MAX
from sidespool.errors import ConfigError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.factory import (
    ExportSettings,
    needs_endpoint,
    open_exporter,
    without_endpoint,
)
from sidespool.runtime.exporters.mapped import MappedExporter
from sidespool.runtime.exporters.otlp import OtlpExporter
from sidespool.runtime.exporters.posthog import PosthogExporter
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.level import Level
from sidespool.wire.upload import (
    Backoff,
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
    FakeCollector,
    Received,
    Step,
    portal,
    redirect,
    retry_after,
    status,
)
from support.upload_world import make_batch, pack_batch

TOKEN = "phc_3n"
TAKEN: dict[type[MappedExporter], Step] = {
    OtlpExporter: status(200, b'{"partialSuccess":{}}'),
    PosthogExporter: status(200, b'{"status":"Ok"}'),
}
KINDS = pytest.mark.parametrize("kind", TAKEN)
Kind = type[MappedExporter]


def exporter_to(kind: Kind, url: str, token: str | None = TOKEN) -> MappedExporter:
    endpoint = check_endpoint(url, False)
    assert isinstance(endpoint, Endpoint), endpoint
    return kind(endpoint, CollectorToken(configured=token))


async def send_once(
    kind: Kind, url: str, batch: SealedBatch, token: str | None = TOKEN
) -> Classification:
    exporter = exporter_to(kind, url, token)
    try:
        return await exporter.send(batch)
    finally:
        await exporter.aclose()


def document(received: Received) -> Any:
    assert received.headers["Content-Encoding"] == "gzip"
    assert received.headers["Content-Type"] == "application/json"
    return msgspec.json.decode(gzip.decompress(received.body))


def otlp_ids(received: Received) -> list[str]:
    return [
        entry["value"]["stringValue"]
        for resource in document(received)["resourceLogs"]
        for record in resource["scopeLogs"][0]["logRecords"]
        for entry in record["attributes"]
        if entry["key"] == "event.id"
    ]


def posthog_ids(received: Received) -> list[str]:
    return [entry["uuid"] for entry in document(received)["batch"]]


@pytest.fixture
def batch(tmp_path: Path) -> SealedBatch:
    return make_batch(tmp_path, "0190-batch", 5)


@pytest.fixture
async def receiver() -> AsyncIterator[FakeCollector]:
    async with FakeCollector() as running:
        yield running


IDS = [f"0190-batch-{n}" for n in range(5)]


async def test_log_records_go_to_the_protocols_path_with_the_token_as_bearer(
    receiver: FakeCollector, batch: SealedBatch
) -> None:
    receiver.script([TAKEN[OtlpExporter]])
    answer = await send_once(OtlpExporter, f"{receiver.url}/team/", batch)
    assert isinstance(answer, Delivered)
    assert (answer.answer.accepted, answer.answer.rejected) == (5, [])
    (sent,) = receiver.requests
    assert sent.path == "/team/v1/logs"
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["Content-Length"] == str(len(sent.body))
    assert otlp_ids(sent) == IDS


async def test_posthog_events_go_to_its_path_with_the_key_in_the_body_only(
    receiver: FakeCollector, batch: SealedBatch
) -> None:
    receiver.script([TAKEN[PosthogExporter]])
    assert isinstance(await send_once(PosthogExporter, receiver.url, batch), Delivered)
    (sent,) = receiver.requests
    assert sent.path == "/batch/"
    assert TOKEN not in str(sent.headers)
    assert document(sent)["api_key"] == TOKEN
    assert posthog_ids(sent) == IDS


async def test_a_partial_success_is_final_and_counts_add_up(
    receiver: FakeCollector, batch: SealedBatch
) -> None:
    receiver.script([status(200, b'{"partialSuccess":{"rejectedLogRecords":"2"}}')])
    answer = await send_once(OtlpExporter, receiver.url, batch)
    assert isinstance(answer, Delivered)
    assert (answer.answer.accepted, answer.answer.total) == (3, 5)
    assert {one.reason for one in answer.answer.rejected} == {"partial_success"}


TABLE: list[tuple[Step | int, type[Classification]]] = [
    (status(200), Captive),
    (204, Captive),
    (portal(200), Captive),
    (portal(302), Captive),
    (portal(511), Captive),
    (redirect(307, "http://127.0.0.1:9/"), Captive),
    (retry_after(429, 17), RetryAfter),
    (retry_after(503, 17), RetryAfter),
    (429, Backoff),
    (408, Backoff),
    (500, Backoff),
    (502, Backoff),
    (503, Backoff),
    (504, Backoff),
    (DROP, Backoff),
    (401, Unauthorized),
    (403, Unauthorized),
    (413, TooLarge),
    (status(413, early=True), TooLarge),
    (400, Refused),
    (404, Refused),
    (415, Refused),
]


@KINDS
@pytest.mark.parametrize(("step", "meaning"), TABLE, ids=lambda one: getattr(one, "name", None))
async def test_every_failure_row_of_the_table(
    kind: Kind,
    receiver: FakeCollector,
    batch: SealedBatch,
    step: Step | int,
    meaning: type[Classification],
) -> None:
    receiver.script([step])
    answer = await send_once(kind, receiver.url, batch)
    assert isinstance(answer, meaning), answer
    if isinstance(answer, RetryAfter):
        assert answer.seconds == 17


@KINDS
async def test_nobody_listening_is_a_back_off(
    kind: Kind, receiver: FakeCollector, batch: SealedBatch
) -> None:
    await receiver.close_port()
    assert isinstance(await send_once(kind, receiver.url, batch), Backoff)


async def test_without_a_token_otlp_is_tried_and_posthog_is_not(
    receiver: FakeCollector, batch: SealedBatch
) -> None:
    receiver.always(401)
    for kind in (OtlpExporter, PosthogExporter):
        answer = await send_once(kind, receiver.url, batch, token=None)
        assert isinstance(answer, Unauthorized)
        assert "no token is set" in answer.detail
    (sent,) = receiver.requests
    assert sent.path == "/v1/logs"
    assert "Authorization" not in sent.headers


@KINDS
async def test_what_lies_encrypted_is_opened_by_the_batchs_own_opener(
    kind: Kind, receiver: FakeCollector, tmp_path: Path
) -> None:
    plain = make_batch(tmp_path, "0190-batch", 5)
    packed = plain.path.read_bytes()
    plain.path.write_bytes(bytes(byte ^ 0x5A for byte in packed))

    def opener(path: Path) -> io.BytesIO:
        return io.BytesIO(bytes(byte ^ 0x5A for byte in path.read_bytes()))

    batch = SealedBatch("0190-batch", Level.FULL, plain.path, len(packed), 5, opener)
    receiver.script([TAKEN[kind]])
    before = set(tmp_path.iterdir())
    assert isinstance(await send_once(kind, receiver.url, batch), Delivered)
    assert (otlp_ids if kind is OtlpExporter else posthog_ids)(receiver.requests[0]) == IDS
    assert set(tmp_path.iterdir()) == before


@KINDS
async def test_a_damaged_batch_is_refused_and_nothing_is_sent(
    kind: Kind, receiver: FakeCollector, batch: SealedBatch, tmp_path: Path
) -> None:
    batch.path.write_bytes(batch.path.read_bytes()[:-12])
    assert isinstance(await send_once(kind, receiver.url, batch), Refused)
    strange = pack_batch(tmp_path, "strange", [b"no event\n"], Level.USAGE)
    assert isinstance(await send_once(kind, receiver.url, strange), Refused)
    assert receiver.requests == []


@KINDS
async def test_a_missing_batch_is_the_uploaders_to_know(
    kind: Kind, receiver: FakeCollector, batch: SealedBatch
) -> None:
    batch.path.unlink()
    with pytest.raises(FileNotFoundError):
        await send_once(kind, receiver.url, batch)


@KINDS
async def test_an_unreadable_line_is_counted_and_the_others_go_out(
    kind: Kind, receiver: FakeCollector, tmp_path: Path
) -> None:
    lines = [b'{"event_id":"a","event_type":"T"}\n', b"{broken\n"]
    receiver.script([TAKEN[kind]])
    answer = await send_once(kind, receiver.url, pack_batch(tmp_path, "mixed", lines, Level.USAGE))
    assert isinstance(answer, Delivered)
    assert (answer.answer.accepted, answer.answer.total) == (1, 2)
    assert [one.reason for one in answer.answer.rejected] == ["unreadable"]


@KINDS
async def test_a_batch_too_large_in_the_other_form_is_halved_without_asking(
    kind: Kind, receiver: FakeCollector, tmp_path: Path
) -> None:
    large = make_batch(tmp_path, "large", 9, text="x" * (MAPPED_BYTES_MAX // 8))
    assert isinstance(await send_once(kind, receiver.url, large), TooLarge)
    assert receiver.requests == []


def settings_for(folder: Path, endpoint: str | None, *names: str) -> ExportSettings:
    token = CollectorToken(configured=TOKEN)
    return ExportSettings(names=names, endpoint=endpoint, data_dir=folder, token=token)


async def test_a_tee_sends_to_all_of_them_and_again_only_where_it_failed(
    receiver: FakeCollector, batch: SealedBatch, tmp_path: Path
) -> None:
    exporter = open_exporter(settings_for(tmp_path, receiver.url, "http", "otlp", "posthog"))
    taken = b'{"accepted":5,"duplicates":0}'
    receiver.script([status(200, taken), status(503), TAKEN[PosthogExporter]])
    assert isinstance(await exporter.send(batch), Backoff)
    receiver.script([TAKEN[OtlpExporter]])
    assert isinstance(await exporter.send(batch), Delivered)
    await exporter.aclose()
    paths = [one.path for one in receiver.requests]
    assert paths == ["/api/v1/events", "/v1/logs", "/batch/", "/v1/logs"]


@pytest.mark.parametrize("name", ["otlp", "posthog"])
def test_an_endpoint_is_needed_and_judged_as_a_collectors(tmp_path: Path, name: str) -> None:
    assert needs_endpoint((name,))
    assert needs_endpoint(("file", name))
    assert without_endpoint((name, "file")) == ("file",)
    assert without_endpoint((name,)) == ("none",)
    for endpoint in ("http://t.example", "ftp://t.example", None):
        with pytest.raises(ConfigError, match="TELEMETRY_ENDPOINT"):
            open_exporter(settings_for(tmp_path, endpoint, name))
    for endpoint in ("http://[::1]:4318", "https://t.example/otlp"):
        assert isinstance(open_exporter(settings_for(tmp_path, endpoint, name)), MappedExporter)


@KINDS
async def test_a_large_batch_arrives_whole_over_a_kept_connection(
    kind: Kind, receiver: FakeCollector, tmp_path: Path
) -> None:
    exporter = exporter_to(kind, receiver.url)
    for name in ("one", "two"):
        receiver.script([TAKEN[kind]])
        large = make_batch(tmp_path, name, 20, text=os.urandom(30_000).hex())
        assert isinstance(await exporter.send(large), Delivered)
    await exporter.aclose()
    ids = otlp_ids if kind is OtlpExporter else posthog_ids
    assert [len(ids(one)) for one in receiver.requests] == [20, 20]


@pytest.mark.parametrize("name", ["otlp", "posthog"])
def test_making_one_loads_nothing_that_only_sending_needs(name: str) -> None:
    body = f"""
import sys, pathlib
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.factory import ExportSettings, open_exporter
token = CollectorToken(configured="t")
open_exporter(ExportSettings(({name!r},), "https://t.example", pathlib.Path("/tmp"), token))
heavy = {{"aiohttp", "isal", "urllib.request", "http.client"}} & set(sys.modules)
sys.exit(repr(heavy) if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", body], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
