"""The Protobuf reader says what the official library says, and any bytes are a clean answer."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from sidespool_collector.otlp.protobuf import BadProtobufError, decode_protobuf, encode_answer
from sidespool_collector.otlp.request import (
    AnyValue,
    LogsAnswer,
    LogsRequest,
    PartialSuccess,
    decode_json,
    plain_value,
    whole,
)  # fmt: skip

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS: Any = st.one_of(
    st.builds(lambda v: {"stringValue": v}, TEXTS),
    st.builds(lambda v: {"boolValue": v}, st.booleans()),
    st.builds(lambda v: {"intValue": str(v)}, st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda v: {"doubleValue": v}, st.floats(allow_nan=False, allow_infinity=False)),
    st.just({}),
)
VALUES: Any = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda v: {"arrayValue": {"values": v}}, st.lists(inner, max_size=3)),
        st.builds(
            lambda v: {"kvlistValue": {"values": [{"key": k, "value": w} for k, w in v.items()]}},
            st.dictionaries(TEXTS, inner, max_size=3),
        ),
    ),
    max_leaves=8,
)
ATTRIBUTES = st.lists(st.builds(lambda k, v: {"key": k, "value": v}, TEXTS, VALUES), max_size=4)
RECORDS = st.fixed_dictionaries(
    {
        "timeUnixNano": st.integers(0, 2**64 - 1).map(str),
        "observedTimeUnixNano": st.integers(0, 2**63).map(str),
        "severityNumber": st.integers(0, 24),
        "severityText": TEXTS,
        "eventName": TEXTS,
        "body": VALUES,
        "attributes": ATTRIBUTES,
        "traceId": st.just("AAAAAAAAAAAAAAAAAAAAAA=="),
        "flags": st.integers(0, 2**32 - 1),
    }
)
REQUESTS = st.builds(
    lambda resource, records: {
        "resourceLogs": [
            {
                "resource": {"attributes": resource},
                "scopeLogs": [{"scope": {"name": "s"}, "logRecords": records}],
                "schemaUrl": "x",
            }
        ]
    },
    ATTRIBUTES,
    st.lists(RECORDS, max_size=3),
)


def seen(request: LogsRequest) -> Any:
    """What both forms must agree on."""
    return [
        (
            [(a.key, plain_value(a.value)) for a in (r.resource.attributes if r.resource else [])],
            [
                (
                    x.event_name, whole(x.time_unix_nano), whole(x.observed_time_unix_nano),
                    [(a.key, plain_value(a.value)) for a in x.attributes],
                )
                for s in r.scope_logs
                for x in s.log_records
            ],
        )
        for r in request.resource_logs
    ]  # fmt: skip


@given(REQUESTS)
def test_both_forms_of_a_request_are_read_alike(document: Any) -> None:
    from google.protobuf.json_format import Parse

    message = Parse(json.dumps(document), ExportLogsServiceRequest())
    official = MessageToJson(message, indent=None).encode()
    assert seen(decode_protobuf(message.SerializeToString())) == seen(decode_json(official))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(raw: bytes) -> None:
    try:
        decode_protobuf(raw)
    except BadProtobufError:
        return
    ExportLogsServiceRequest()  # what we take may be more than the library does, never a crash


@given(REQUESTS, st.data())
def test_a_request_that_is_cut_off_never_crashes(document: Any, data: st.DataObject) -> None:
    from google.protobuf.json_format import Parse

    raw = Parse(json.dumps(document), ExportLogsServiceRequest()).SerializeToString()
    cut = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        decode_protobuf(cut)
    except BadProtobufError:
        assert cut != raw


def test_values_nested_without_end_are_cut_short() -> None:
    raw = b""
    for _ in range(5000):
        raw = b"\x0a" + _size(raw) + raw
        raw = b"\x2a" + _size(raw) + raw
    attribute = b"\x0a\x01k\x12" + _size(raw) + raw
    record = b"\x32" + _size(attribute) + attribute
    scope = b"\x12" + _size(record) + record
    logs = b"\x12" + _size(scope) + scope
    assert decode_protobuf(b"\x0a" + _size(logs) + logs).resource_logs


def _size(raw: bytes) -> bytes:
    n, out = len(raw), b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


@pytest.mark.parametrize("rejected", [1, 300, 2**40])
def test_the_answer_is_the_official_ones(rejected: int) -> None:
    told = LogsAnswer(PartialSuccess(str(rejected), "zu spät " * 30))
    answer = ExportLogsServiceResponse.FromString(encode_answer(told))
    assert answer.partial_success.rejected_log_records == rejected
    assert answer.partial_success.error_message == "zu spät " * 30
    assert encode_answer(LogsAnswer()) == b""


def test_numbers_come_as_text_or_number() -> None:
    assert [whole(v) for v in ("12", 12, "-3", "x", None, "9" * 30, 1.5)] == [
        12,
        12,
        -3,
        0,
        0,
        0,
        0,
    ]
    assert plain_value(AnyValue()) is None
