"""Stored events in the forms of OTLP and PostHog: every line maps, ids are kept, counts add up."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire.event import format_time, uuid7
from sidespool.wire.foreign.otlp import any_value, classify_logs, encode_logs
from sidespool.wire.foreign.posthog import classify_batch, encode_batch
from sidespool.wire.foreign.stored import delivered, read_events, with_unreadable
from sidespool.wire.upload import Backoff, Captive, Delivered

NAMES = st.one_of(
    st.sampled_from(["seq", "event", "user", "id", "event.id", "payload", "token", "$set", "$ip"]),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.integers(0, 4_000_000_000_000)


@st.composite
def stored_events(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "event_id": uuid7(draw(TIMES), draw(st.integers(0, 4095)), draw(st.integers(0, 2**62 - 1))),
        "event_type": draw(st.sampled_from(["ChatTurn", "Error", "Crash", "MyOwn"])),
        "timestamp": format_time(draw(TIMES)),
        "session_id": draw(st.sampled_from(["s-1", "s-2"])),
        "user_id": draw(st.sampled_from(["u-1", "u-2"])),
        "app_id": "app",
        "app_version": draw(st.sampled_from(["1.0", "1.1"])),
        "os": draw(st.sampled_from(["linux", "macos", "windows", "other"])),
        "seq": draw(st.integers(0, 2**40)),
        "payload": draw(st.dictionaries(NAMES, VALUES, max_size=5)),
    }


def packed(events: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(event) + b"\n" for event in events)


def plain(value: dict[str, Any]) -> Any:
    """An AnyValue back as JSON."""
    if not value:
        return None
    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        return [plain(one) for one in inner["values"]]
    if kind == "kvlistValue":
        return attributes(inner["values"])
    return int(inner) if kind == "intValue" else inner


def attributes(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a mapping; no key may be there twice."""
    found = {entry["key"]: plain(entry["value"]) for entry in entries}
    assert len(found) == len(entries)
    return found


def records(body: bytes) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each record with its resource's attributes."""
    return [
        (record, attributes(resource["resource"]["attributes"]))
        for resource in msgspec.json.decode(body)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


def leaves(value: Any) -> int:
    """How many attributes a payload becomes."""
    if isinstance(value, dict) and value:
        return sum(leaves(inner) for inner in value.values())
    return 1


@given(st.lists(stored_events(), max_size=5))
def test_any_stored_line_becomes_a_log_record_with_its_ids(events: list[dict[str, Any]]) -> None:
    mapped = encode_logs(packed(events), "1.2")
    found = records(mapped.body)
    assert mapped.events == len(found) == len(events)
    by_place = sorted(found, key=lambda one: attributes(one[0]["attributes"])["event.id"])
    for (record, resource), event in zip(
        by_place, sorted(events, key=lambda one: str(one["event_id"])), strict=True
    ):
        told = attributes(record["attributes"])
        assert told["event.id"] == event["event_id"]
        assert record["eventName"] in ("ChatTurn", "Error", "Crash", "MyOwn")
        assert resource["service.name"] == "app"
        assert len(told) == 4 + sum(leaves(value) for value in event["payload"].values())


@given(st.lists(stored_events(), max_size=5))
def test_any_stored_line_becomes_a_posthog_event_with_its_ids(events: list[dict[str, Any]]) -> None:
    mapped = encode_batch(packed(events), "phc_key", "1.2")
    document = msgspec.json.decode(mapped.body)
    assert mapped.events == len(document["batch"]) == len(events)
    assert (document["api_key"], document["historical_migration"]) == ("phc_key", False)
    for entry, event in zip(document["batch"], events, strict=True):
        assert entry["uuid"] == event["event_id"]
        assert entry["distinct_id"] == event["user_id"]
        assert entry["timestamp"] == event["timestamp"]
        properties = entry["properties"]
        assert properties["$session_id"] == event["session_id"]
        assert properties["$ip"] is None
        assert properties["$geoip_disable"] is True
        assert properties["$process_person_profile"] is False
        assert len(properties) == 10 + len(event["payload"])
        assert not {"token", "distinct_id", "api_key", "$set"} & set(properties)


@given(st.lists(stored_events(), max_size=3), st.binary(max_size=40))
def test_what_is_no_event_is_left_out_and_the_others_stay(
    events: list[dict[str, Any]], junk: bytes
) -> None:
    lines = packed(events) + junk.replace(b"\n", b"") + b"\n[1]\n" + packed(events)
    ids = [event["event_id"] for event in events] * 2
    assert [event.event_id for event in read_events(lines)] == ids
    assert encode_logs(lines, "1").events == encode_batch(lines, "k", "1").events == len(ids)


EVENT = {
    "event_id": "018bcfe5-687b-7000-8000-000000000001",
    "event_type": "Error",
    "timestamp": "2023-11-14T22:13:20.123Z",
    "session_id": "s",
    "user_id": "u",
    "app_id": "editor",
    "app_version": "2.0",
    "os": "macos",
    "seq": 7,
    "payload": {"a": {"b": 1, "c": [True, 0.5, {"d": None}]}, "message": "m", "big": 2**64},
}


def test_a_log_record_is_written_as_the_protocol_has_it() -> None:
    ((record, resource),) = records(encode_logs(packed([EVENT]), "0.9").body)
    assert resource == {
        "service.name": "editor",
        "service.version": "2.0",
        "os.type": "darwin",
        "telemetry.sdk.name": "sidespool",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": "0.9",
    }
    assert record["timeUnixNano"] == "1700000000123000000"
    assert record["observedTimeUnixNano"] == f"{0x018BCFE5687B}000000"
    assert (record["severityNumber"], record["severityText"]) == (17, "ERROR")
    assert record["body"] == {"stringValue": "Error"}
    typed = {entry["key"]: entry["value"] for entry in record["attributes"]}
    assert typed["seq"] == {"intValue": "7"}
    assert typed["a.b"] == {"intValue": "1"}
    assert typed["big"] == {"stringValue": str(2**64)}
    assert typed["a.c"]["arrayValue"]["values"] == [
        {"boolValue": True},
        {"doubleValue": 0.5},
        {"kvlistValue": {"values": [{"key": "d", "value": {}}]}},
    ]


@pytest.mark.parametrize(
    ("event_type", "number"), [("Crash", 17), ("ErrorReport", 17), ("ChatTurn", 9)]
)
def test_only_errors_and_crashes_are_severe(event_type: str, number: int) -> None:
    ((record, _),) = records(encode_logs(packed([EVENT | {"event_type": event_type}]), "1").body)
    assert record["severityNumber"] == number


def test_each_version_of_the_app_is_a_resource_of_its_own() -> None:
    events = [EVENT, EVENT | {"app_version": "2.1"}, EVENT]
    document = msgspec.json.decode(encode_logs(packed(events), "1").body)
    counts = [len(one["scopeLogs"][0]["logRecords"]) for one in document["resourceLogs"]]
    assert counts == [2, 1]


def test_a_payload_key_that_is_taken_is_told_apart() -> None:
    payload = {"seq": 1, "event": {"id": "mine"}, "a.b": 1, "a": {"b": 2}, "token": "t"}
    lines = packed([EVENT | {"payload": payload}])
    ((record, _),) = records(encode_logs(lines, "1").body)
    told = attributes(record["attributes"])
    assert (told["seq"], told["payload.seq"]) == (7, 1)
    assert (told["event.id"], told["payload.event.id"]) == (EVENT["event_id"], "mine")
    assert (told["a.b"], told["payload.a.b"]) == (1, 2)
    properties = msgspec.json.decode(encode_batch(lines, "k", "1").body)["batch"][0]["properties"]
    assert properties["payload.token"] == "t"
    assert "token" not in properties


def test_an_event_without_a_time_or_a_payload_still_maps() -> None:
    lines = b'{"event_id":"x","event_type":"T"}\n'
    ((record, _),) = records(encode_logs(lines, "1").body)
    assert (record["timeUnixNano"], record["observedTimeUnixNano"]) == ("0", "0")
    (entry,) = msgspec.json.decode(encode_batch(lines, "k", "1").body)["batch"]
    assert entry["distinct_id"] == "x"
    assert "timestamp" not in entry


@given(VALUES)
def test_an_any_value_has_one_kind_and_gives_the_value_back(value: Any) -> None:
    told = any_value(value)
    assert len(told) == (value is not None)
    if isinstance(value, float):
        assert math.isclose(plain(told), value)
    elif isinstance(value, str | bool | None):
        assert plain(told) == value


# --- answers


@pytest.mark.parametrize(
    ("body", "rejected"),
    [
        (b"{}", 0),
        (b'{"partialSuccess":{}}', 0),
        (b'{"partialSuccess":null}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no"}}', 2),
        (b'{"partialSuccess":{"rejectedLogRecords":5},"later":1}', 5),
        (b'{"partialSuccess":{"errorMessage":"deprecated"}}', 0),
    ],
)
def test_an_otlp_success_accounts_for_every_record(body: bytes, rejected: int) -> None:
    told = classify_logs(200, {}, body, 5, 0.0)
    assert isinstance(told, Delivered)
    assert (told.answer.accepted, len(told.answer.rejected)) == (5 - rejected, rejected)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"ok"', b"<html>", b"\xff", b"[" * 5000]
    + [b'{"partialSuccess":{"rejectedLogRecords":%b}}' % n for n in (b"6", b"-1", b'"x"', b"1.5")],
)
def test_what_is_no_otlp_answer_keeps_the_batch(body: bytes) -> None:
    assert isinstance(classify_logs(200, {}, body, 5, 0.0), Captive)


@pytest.mark.parametrize("body", [b'{"status":1}', b'{"status":"Ok"}', b'{"status":"Ok","x":[]}'])
def test_posthogs_yes_is_a_delivery(body: bytes) -> None:
    assert classify_batch(200, {}, body, 3, 0.0) == delivered(3)


def test_events_beyond_posthogs_quota_count_as_rejected() -> None:
    told = classify_batch(200, {}, b'{"status":"Ok","quota_limited":["events"]}', 3, 0.0)
    assert told == delivered(3, 3, "quota_limited")
    other = classify_batch(200, {}, b'{"status":1,"quota_limited":["recordings"]}', 3, 0.0)
    assert other == delivered(3)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"status":0}', b'{"status":"no"}', b"<html>"])
def test_what_is_not_posthogs_answer_keeps_the_batch(body: bytes) -> None:
    assert isinstance(classify_batch(200, {}, body, 3, 0.0), Captive)


@given(st.none() | st.integers(100, 599), st.binary(max_size=60), st.integers(1, 50))
def test_any_answer_means_something_and_counts_add_up(
    status: int | None, body: bytes, sent: int
) -> None:
    for classify in (classify_logs, classify_batch):
        told = classify(status, {}, body, sent, 0.0)
        if isinstance(told, Delivered):
            assert told.answer.total == sent


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50))
def test_unreadable_events_are_accounted_for(sent: int, rejected: int, lost: int) -> None:
    told = with_unreadable(delivered(sent, min(rejected, sent), "no"), lost)
    assert isinstance(told, Delivered)
    assert told.answer.total == sent + lost
    assert with_unreadable(Backoff("x"), lost) == Backoff("x")
