"""The compiled decoders against an oracle in plain Python, and against `explain`."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.explain import STORED_FIELDS, explain, shown
from sidespool.wire.frame import decode_frame, typed_emit
from sidespool.wire.outcome import Reason
from sidespool.wire.validate import Validator
from support.catalog_strategy import allows, good_events, near_events

ROOT = Path(__file__).parents[2]
OWN = parse_catalog((ROOT / "desktop-bridge/protocol/test/telemetry.catalog.toml").read_text())
CATALOG = builtin_catalog().extended(OWN)
VALIDATOR = Validator(CATALOG)
DECODER: "msgspec.json.Decoder[Any]" = VALIDATOR.event_decoder
STORED = VALIDATOR.stored_decoder()
EMIT = typed_emit(VALIDATOR.client_union)
REFUSALS = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def accepts(raw: bytes) -> bool:
    try:
        DECODER.decode(raw)
    except REFUSALS:
        return False
    return True


@given(good_events(CATALOG))
def test_what_the_catalog_allows_is_accepted_and_comes_out_unchanged(event: dict[str, Any]) -> None:
    decoded = DECODER.decode(json.dumps(event).encode())
    said = {name: value for name, value in event["payload"].items() if value is not None}
    assert msgspec.to_builtins(decoded.payload) == said


@given(near_events(CATALOG))
@example({"event_type": "ChatTurn", "payload": {"prompt_length": 3.0}})
@example({"event_type": "ChatTurn", "payload": {"prompt_length": 2**53}})
@example({"event_type": "ChatTurn", "payload": {"latency_ms": -0.5}})
@example({"event_type": "ChatTurn", "payload": {"latency_ms": True}})
@example({"event_type": "ErrorReport", "payload": {"timestamp_utc": "2026-01-02T03:04:05Z\n"}})
@example({"event_type": "Crash", "payload": {"exit_code": -11, "process": "gpu"}})
@example({"event_type": "ClientReport", "payload": {"dropped": {"x": None}}})
@example({"event_type": "UsageSummary", "payload": {"events": {"ChatTurn": "7"}}})
@example({"event_type": "ExportFinished", "payload": {"format": None}})
@example({"event_type": "ExportFinished"})
@example({"event_type": "ChatTurn", "payload": None})
def test_the_decoder_and_the_oracle_agree(event: dict[str, Any]) -> None:
    raw = json.dumps(event).encode()
    assert accepts(raw) == allows(event, CATALOG)


@given(near_events(CATALOG))
def test_what_the_decoder_refuses_has_a_reason_that_fits(event: dict[str, Any]) -> None:
    raw = json.dumps(event).encode()
    if accepts(raw):
        return
    reason, detail = explain(raw, CATALOG)
    assert detail.isprintable()
    known = isinstance(event["event_type"], str) and event["event_type"] in CATALOG.events
    if isinstance(event["event_type"], str):
        # Each event that is JSON and names its type gets a reason more telling than malformed.
        assert (
            reason in (Reason.UNKNOWN_FIELD, Reason.INVALID_VALUE)
            if known
            else (reason is Reason.UNKNOWN_EVENT)
        )
    else:
        assert reason is Reason.MALFORMED


@given(
    st.binary(max_size=64) | st.text(max_size=64).map(lambda text: text.encode("utf-8", "replace"))
)
@example(b"[" * 100_000)
@example(b'{"event_type":"ChatTurn","payload":' + b'{"a":' * 50_000)
@example(b'{"event_type":"ChatTurn","payload":{"model":"\\ud800"}}')
@example(b'{"event_type":"ChatTurn","payload":{"model":"\xff"}}')
@example(b'{"event_type":"ChatTurn","payload":{"latency_ms":1e400}}')
@example(b'{"event_type":"ChatTurn","payload":{"prompt_length":1,"prompt_length":"x"}}')
@example(b'{"event_type":"ChatTurn","payload":{"latency_ms":NaN}}')
@example(b"")
def test_any_bytes_give_a_value_or_a_reason(raw: bytes) -> None:
    for decoder in (DECODER, STORED, EMIT):
        try:
            decoder.decode(raw)
        except REFUSALS:
            reason, detail = explain(raw, CATALOG)
            assert isinstance(reason, Reason)
            assert detail
    decode_frame(raw)


@pytest.mark.parametrize(
    ("event", "reason", "detail"),
    [
        ({"event_type": "Nope"}, "unknown_event", "Nope is not in the catalog"),
        ({"event_type": "ChatTurn", "seq": 1}, "unknown_field", "seq is not a field of an event"),
        (
            {"event_type": "ChatTurn", "payload": {"prompt": "secret"}},
            "unknown_field",
            "payload.prompt is not in the catalog",
        ),
        (
            {"event_type": "ChatTurn", "payload": {"model": 5}},
            "invalid_value",
            "payload.model is not a string",
        ),
        (
            {"event_type": "ChatTurn", "payload": {"prompt_length": -1}},
            "invalid_value",
            "payload.prompt_length is not between 0 and 9.0072e+15",
        ),
        (
            {"event_type": "ErrorReport", "payload": {"error_details": {"x": 1}}},
            "unknown_field",
            "payload.error_details.x is not in the catalog",
        ),
        (
            {"event_type": "ExportFinished", "payload": {}},
            "invalid_value",
            "payload.format is missing",
        ),
        ({"payload": {}}, "malformed", "event_type is missing or not a string"),
        (["ChatTurn"], "malformed", "not a JSON object"),
    ],
)
def test_a_refusal_names_the_field_and_never_its_value(
    event: Any, reason: str, detail: str
) -> None:
    assert explain(json.dumps(event).encode(), CATALOG) == (reason, detail)


def test_names_from_outside_are_shortened_and_made_printable() -> None:
    assert shown("a\nb\x1b[31m") == "a?b?[31m"
    assert len(shown("x" * 1000)) == 64


def test_a_stored_event_needs_its_whole_envelope() -> None:
    event = {
        "event_id": "e", "event_type": "ChatTurn", "timestamp": "t", "session_id": "s",
        "user_id": "u", "app_id": "a", "app_version": "1", "os": "linux", "seq": 7,
        "payload": {"prompt_length": 1},
    }  # fmt: skip
    assert STORED.decode(json.dumps(event).encode()).seq == 7
    for name in set(STORED_FIELDS) - {"event_type"}:
        partial = {key: value for key, value in event.items() if key != name}
        raw = json.dumps(partial).encode()
        with pytest.raises(msgspec.ValidationError):
            STORED.decode(raw)
        reason, _ = explain(raw, CATALOG, STORED_FIELDS)
        assert reason in (Reason.MALFORMED, Reason.INVALID_VALUE)


def test_an_unread_null_counts_as_left_out_and_is_not_written() -> None:
    raw = b'{"event_type":"ChatTurn","payload":{"model":null,"prompt_length":1}}'
    payload = DECODER.decode(raw).payload
    assert msgspec.json.encode(payload) == b'{"prompt_length":1}'
