"""Lines become rows or refusals, one for each, whatever the bytes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire.builtin import builtin_catalog
from sidespool_collector.ingest.reader import (
    EventReader,
    NotABatchError,
    correct_clock,
    split_array,
    split_lines,
)
from support.collector_world import NOON_MS, event, lines

READER = EventReader(builtin_catalog(), max_line_bytes=100_000, keep_content=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


def refusal(line: bytes) -> tuple[str, str]:
    reading = READER.read([line])
    assert not reading.rows
    return reading.refused[0].reason, reading.refused[0].detail


def changed(**more: Any) -> bytes:
    return json.dumps({**event(), **more}).encode()


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_give_one_answer_a_line(raw: list[bytes]) -> None:
    assert READER.read(raw).total == len(raw)


@given(st.dictionaries(st.sampled_from([*event(), "other"]), JSON, max_size=10))
def test_any_object_gives_a_row_or_a_refusal(members: dict[str, Any]) -> None:
    raw = json.dumps({**event(), **members}).encode()
    reading = READER.read([raw])
    assert reading.total == 1
    for row in reading.rows:
        assert -(2**63) <= row[2] < 2**63
        msgspec.json.decode(msgspec.json.encode(row[6]))


@given(JSON)
def test_any_payload_gives_a_row_or_a_refusal(payload: Any) -> None:
    assert READER.read([changed(payload=payload)]).total == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "malformed"),
        (b"[1]", "malformed"),
        (b'{"event_type": 7}', "malformed"),
        (b'{"a":' * 5000, "malformed"),
        (b"\xff\xfe", "malformed"),
        (changed(event_type="Unheard"), "unknown_event"),
        (changed(payload={"latency_ms": "slow"}), "invalid_value"),
        (changed(payload={"latency_ms": float("nan")}), "malformed"),
        (changed(payload={"token_count": 10**30}), "invalid_value"),
        (changed(event_id="not-a-uuid"), "invalid_value"),
        (changed(timestamp="yesterday"), "invalid_value"),
        (changed(timestamp="2026-11-21T01:02:03.123"), "invalid_value"),
        (changed(seq=-1), "malformed"),
        (b"x" * 100_001, "too_large"),
    ],
)
def test_each_fault_has_its_reason(line: bytes, reason: str) -> None:
    assert refusal(line)[0] == reason


def test_a_lone_surrogate_is_a_refusal_and_no_crash() -> None:
    raw = changed().replace(b'"m1"', b'"\\ud800"')
    assert READER.read([raw]).total == 1


def test_a_refusal_names_the_field_and_never_its_value() -> None:
    _, detail = refusal(changed(payload={"latency_ms": "secret-words"}))
    assert "latency_ms" in detail
    assert "secret-words" not in detail


def test_fields_of_a_newer_catalog_are_set_aside_and_the_event_is_kept() -> None:
    raw = changed(payload={"model": "m1", "thinking_ms": 5}, region="eu")
    (row,) = READER.read([raw]).rows
    assert msgspec.to_builtins(row[6]) == {"model": "m1"}
    assert msgspec.json.decode(row[7] or "") == {"payload.thinking_ms": 5, "region": "eu"}


def test_too_much_of_it_is_refused() -> None:
    assert refusal(changed(payload={"novel": "x" * 20_000}))[0] == "unknown_field"


def test_a_bad_value_beside_an_unknown_field_is_refused() -> None:
    assert refusal(changed(payload={"novel": 1, "model": 5}))[0] == "invalid_value"


def test_padding_and_blank_lines_are_no_events() -> None:
    body = lines(event(1)) + b"   \t \n\n" + lines(event(2)).rstrip() + b"  \t  \n \r\n"
    assert READER.read(split_lines(body)).total == 2
    assert len(READER.read(split_lines(body)).rows) == 2


def test_an_array_one_object_and_lines_are_taken_as_json() -> None:
    assert len(split_array(b" [1, {}, [2]] ")) == 3
    assert split_array(b'\n{"a":\n 1}') == [b'\n{"a":\n 1}']
    assert len(split_array(b'{"a":1}\n{"b":2}\n')) == 2
    assert split_array(b"") == []


@pytest.mark.parametrize("body", [b"{", b"[", b"[1,]", b"text", b"[" * 100_000, b"7"])
def test_what_is_neither_is_not_a_batch(body: bytes) -> None:
    with pytest.raises(NotABatchError):
        split_array(body)


def test_the_time_of_an_event_is_read_to_the_millisecond() -> None:
    stamps = ["2026-11-21T01:02:03.123Z", "2026-11-21T01:02:59.999Z", "2026-11-21T02:02:03.1+01:00"]
    rows = READER.read([changed(timestamp=s) for s in stamps]).rows
    assert [row[2] - rows[0][2] for row in rows] == [0, 56_876, -23]


def test_a_clock_that_the_request_shows_to_be_wrong_is_corrected() -> None:
    rows = READER.read([changed()]).rows
    corrected, skew = correct_clock(rows, NOON_MS - 3_600_000, NOON_MS + 1000)
    assert skew == 3_601_000
    assert (corrected[0][2], corrected[0][3]) == (NOON_MS - 3_601_000, 3_601_000)


def test_events_from_the_future_shift_the_batch_so_that_none_is() -> None:
    rows = READER.read([changed()]).rows
    corrected, skew = correct_clock(rows, NOON_MS - 60_000, None)
    assert skew == 60_000
    assert corrected[0][2] == NOON_MS - 60_000


@pytest.mark.parametrize("sent", [None, NOON_MS + 1000])
def test_old_events_with_a_right_clock_keep_their_time(sent: int | None) -> None:
    rows = READER.read([changed()]).rows
    corrected, _ = correct_clock(rows, NOON_MS + (0 if sent else 86_400_000 * 20), sent)
    assert corrected == rows
