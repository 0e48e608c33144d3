"""OpenTelemetry's own SDK, a daemon's exporter and plain HTTP send log records to the collector."""

import asyncio
import json
import time
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import Compression, OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from sidespool.wire.foreign.otlp import encode_logs
from support.collector_world import NOON_MS, World, event, lines


async def exported(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await world.get("/api/v1/export"))[1].splitlines()]


async def post(world: World, body: bytes, kind: str = "application/json") -> tuple[int, Any]:
    headers = {**world.auth("ingest"), "Content-Type": kind}
    async with world.client.post(f"{world.url}/v1/logs", data=body, headers=headers) as got:
        return got.status, json.loads(await got.read() or b"null")


def logs(*records: dict[str, Any], **resource: str) -> bytes:
    def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"key": k, "value": {"stringValue": v}} for k, v in values.items()]

    return json.dumps(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": attributes(resource)},
                    "scopeLogs": [
                        {
                            "logRecords": [
                                {**r, "attributes": attributes(r.get("attributes", {}))}
                                for r in records
                            ]
                        }
                    ],
                }
            ]
        }
    ).encode()


def send_with_sdk(url: str, token: str) -> None:
    """What an application with OpenTelemetry does, in its own thread."""
    resource = Resource(
        {"service.name": "shop", "service.version": "3.1.0", "os.type": "darwin",
         "app.installation.id": "install-1", "session.id": "s-1"}
    )  # fmt: skip
    exporter = OTLPLogExporter(
        f"{url}/v1/logs", headers={"Authorization": f"Bearer {token}"}, timeout=20,
        compression=Compression.Gzip,
    )  # fmt: skip
    provider = LoggerProvider(resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("test")
    now = time.time_ns()
    known = {"tool_name": "grep", "duration_ms": 12, "success": True, "thread.name": "main"}
    logger.emit(LogRecord(timestamp=now, event_name="ToolCall", attributes=known))
    logger.emit(LogRecord(timestamp=now, body="just a log line with a secret"))
    provider.shutdown()


async def test_the_official_sdk_sends_and_its_other_logs_are_told_apart(world: World) -> None:
    await asyncio.to_thread(send_with_sdk, world.url, world.tokens["ingest"])
    (kept,) = await exported(world)
    assert kept["event_type"] == "ToolCall"
    assert kept["payload"] == {"tool_name": "grep", "duration_ms": 12, "success": True}
    assert [kept[k] for k in ("user_id", "session_id", "app_id", "app_version", "os")] == [
        "install-1", "s-1", "shop", "3.1.0", "macos",
    ]  # fmt: skip
    assert "aside" not in kept, "attributes that nobody promised are left out"
    ((_, refused),) = await world.store.rejected(10)
    assert (refused.reason, refused.content) == ("foreign", None)
    assert "secret" not in refused.detail


async def test_what_a_daemons_exporter_sends_comes_back_as_it_was(world: World) -> None:
    report = {
        "report_id": "r", "error_details": {"error_type": "E", "error_message_template": "m",
        "anonymized_stack_trace": ["a", "b"]},
    }  # fmt: skip
    sent = [
        event(1, os="macos"),
        event(2, kind="ErrorReport", payload=report),
        event(3, kind="ClientReport", payload={"dropped": {"spool_age": 3}}),
    ]
    status, answer = await post(world, encode_logs(lines(*sent), "1").body)
    assert (status, answer) == (200, {})
    found = {e["event_id"]: e for e in await exported(world)}
    for one in sent:
        assert {k: found[one["event_id"]][k] for k in one} == one


async def test_a_record_sent_again_counts_once(world: World) -> None:
    record = {"eventName": "ChatTurn", "timeUnixNano": str(NOON_MS * 1_000_000)}
    body = logs({**record, "attributes": {"model": "m"}}, **{"user.id": "u"})
    for _ in range(2):
        assert await post(world, body) == (200, {})
    assert len(await exported(world)) == 1


async def test_what_is_no_event_is_a_partial_success_with_reasons(world: World) -> None:
    record = {"eventName": "ChatTurn", "timeUnixNano": str(NOON_MS * 1_000_000)}
    body = logs(
        {**record, "attributes": {"latency_ms": "soon"}}, {"eventName": "Unheard"}, {}, record,
        **{"user.id": "u"},
    )  # fmt: skip
    status, answer = await post(world, body)
    assert status == 200
    assert answer["partialSuccess"]["rejectedLogRecords"] == "3"
    assert "2 foreign, 1 invalid_value" in answer["partialSuccess"]["errorMessage"]
    status, answer = await post(world, logs(record))
    assert "set app.installation.id" in answer["partialSuccess"]["errorMessage"]
    health = (await world.get_json("/api/v1/metrics/data_health?from=2020-01-01"))["table"]["rows"]
    assert ["refused here", "foreign", 3] in health


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 200),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"resourceLogs":7}', "application/json", 400),
        (b"\xff", "application/x-protobuf", 400),
        (b"{}", "text/plain", 415),
    ],
)
async def test_other_bodies_are_refused_with_a_word(
    world: World, body: bytes, kind: str, status: int
) -> None:
    got, answer = await post(world, body, kind)
    assert got == status
    assert ("error" in answer) == (status != 200)


async def test_a_wrong_clock_of_one_install_shifts_no_other(world: World) -> None:
    now = int(time.time() * 1000)
    ahead = event(1, at_ms=now + 7_200_000, user="wrong", session="s1")
    right = event(2, at_ms=now, user="right", session="s2")
    await post(world, encode_logs(lines(ahead, right), "1").body)
    found = {e["user_id"]: e for e in await exported(world)}
    assert "corrected_timestamp" not in found["right"]
    assert found["wrong"]["corrected_timestamp"] < ahead["timestamp"]


async def test_the_door_needs_an_ingest_token(world: World) -> None:
    headers = {**world.auth("read"), "Content-Type": "application/json"}
    async with world.client.post(f"{world.url}/v1/logs", data=b"{}", headers=headers) as got:
        assert got.status == 403
