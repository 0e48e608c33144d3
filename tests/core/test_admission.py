"""From frames to lines: what is completed, refused and encoded, and in which order."""

import json
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.admission import Admission, Admitted, Stamp
from sidespool.core.policy import EVENT_BYTES_MAX, EVENT_BYTES_MAX_FULL
from sidespool.core.scrub import Scrubber, ScrubContext
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.level import Level
from sidespool.wire.validate import Validator
from support.catalog_strategy import good_payloads

CATALOG = builtin_catalog()
VALIDATOR = Validator(CATALOG)
STORED = VALIDATOR.stored_decoder()
SCRUBBER = Scrubber(ScrubContext())
STAMP = Stamp(1_700_000_000_123, (5 << 32) | 7, "session-0")
NAMES = sorted(CATALOG.events)


def an_admission(level: Level = Level.FULL) -> Admission:
    made = Admission(VALIDATOR, SCRUBBER, bytes(32), 1)
    made.level = level
    made.on_identity("user-1", "app-1", "1.0", "linux")
    return made


def raw(*events: Any) -> list[msgspec.Raw]:
    return [msgspec.Raw(json.dumps(event).encode()) for event in events]


def lines(admitted: Admitted) -> list[dict[str, Any]]:
    return [json.loads(line) for chunk in admitted.chunks for line in chunk.lines.splitlines()]


def test_an_event_is_completed_with_everything_it_does_not_bring() -> None:
    stored = lines(an_admission().admit_raw(raw({"event_type": "ChatTurn"}), STAMP))[0]
    assert stored["timestamp"] == "2023-11-14T22:13:20.123Z"
    assert stored["session_id"] == "session-0"
    assert (stored["user_id"], stored["app_id"]) == ("user-1", "app-1")
    assert (stored["app_version"], stored["os"], stored["seq"]) == ("1.0", "linux", 1)
    assert uuid.UUID(stored["event_id"]).version == 7


def test_ids_of_a_frame_differ_and_sequence_numbers_count_up_over_frames() -> None:
    admission = an_admission()
    events = raw(*[{"event_type": "ChatTurn"}] * 3)
    stored = lines(admission.admit_raw(events, STAMP)) + lines(admission.admit_raw(events, STAMP))
    assert [one["seq"] for one in stored] == [1, 2, 3, 4, 5, 6]
    assert len({one["event_id"] for one in stored[:3]}) == 3


def test_levels_are_kept_apart_so_that_a_withdrawal_deletes_whole_files() -> None:
    frame = raw({"event_type": "ChatTurn"}, {"event_type": "Crash"}, {"event_type": "Error"},
                {"event_type": "ChatTurnFull"}, {"event_type": "Crash"})  # fmt: skip
    admitted = an_admission().admit_raw(frame, STAMP)
    assert {chunk.level: chunk.events for chunk in admitted.chunks} == {
        Level.USAGE: 1, Level.CRASH: 2, Level.ERROR: 1, Level.FULL: 1,
    }  # fmt: skip


@pytest.mark.parametrize("ceiling", list(Level))
def test_what_the_level_does_not_cover_is_refused_by_name(ceiling: Level) -> None:
    events = [{"event_type": name} for name in NAMES]
    admitted = an_admission(ceiling).admit_raw(raw(*events), STAMP)
    refused = {NAMES[one.index]: one.reason.value for one in admitted.rejected}
    word = "consent_off" if ceiling is Level.OFF else "level_too_low"
    above = {name for name in NAMES if CATALOG.events[name].level > ceiling}
    assert refused == dict.fromkeys(above, word)
    assert {one["event_type"] for one in lines(admitted)} == set(NAMES) - above


def test_the_limits_count_the_bytes_of_one_event() -> None:
    def sized(name: str, field: str, size: int) -> msgspec.Raw:
        head = f'{{"event_type":"{name}","payload":{{"{field}":"'.encode()
        return msgspec.Raw(head + b"x" * (size - len(head) - 3) + b'"}}')

    for name, field, limit in (
        ("ChatTurn", "model", EVENT_BYTES_MAX),
        ("ChatTurnFull", "prompt", EVENT_BYTES_MAX_FULL),
    ):
        fits = an_admission().admit_raw([sized(name, field, limit)], STAMP)
        assert (fits.accepted, fits.rejected) == (1, [])
        over = an_admission().admit_raw([sized(name, field, limit + 1)], STAMP)
        assert [one.reason.value for one in over.rejected] == ["too_large"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("seq", 5, "unknown_field"),
        ("seq", None, "unknown_field"),
        ("user_id", None, "unknown_field"),
        ("user_id", "x", "unknown_field"),
        ("timestamp", "2026-01-02", "invalid_value"),
        ("timestamp", "2026-13-02T00:00:00Z", "invalid_value"),
        ("timestamp", 5, "invalid_value"),
        ("event_id", "x", "invalid_value"),
        ("session_id", "x" * 65, "invalid_value"),
        ("session_id", "../x", "invalid_value"),
        ("payload", [], "invalid_value"),
    ],
)
def test_a_bad_envelope_is_refused_on_the_fast_path_and_on_the_slow_one(
    field: str, value: Any, reason: str
) -> None:
    event = {"event_type": "ChatTurn", field: value}
    admission = an_admission()
    slow = admission.admit_raw(raw(event), STAMP)
    assert [one.reason.value for one in slow.rejected] == [reason]
    frame = admission.decode(json.dumps({"op": "emit", "events": [event]}).encode())
    if frame is not None:
        fast = admission.admit(frame.events, STAMP)
        assert [one.reason.value for one in fast.rejected] == [reason]


def test_a_large_frame_of_small_events_is_read_at_once_and_one_with_a_large_event_is_not() -> None:
    admission = an_admission()
    small = {"event_type": "Error", "payload": {"stack_trace": "x" * 8_000}}
    large = {"event_type": "ChatTurnFull", "payload": {"prompt": "x" * EVENT_BYTES_MAX}}

    def frame(*events: Any) -> bytes:
        return json.dumps({"op": "emit", "id": 1, "events": events}).encode()

    many = frame(*[small] * 20)
    assert len(many) > EVENT_BYTES_MAX
    decoded = admission.decode(many)
    assert admission.admit(decoded.events, STAMP).accepted == 20
    assert admission.decode(frame(small, large)) is None
    lines_of = admission.decode_lines(b"\n".join([frame(small)] * 20))
    assert lines_of is not None
    assert len(lines_of) == 20
    assert admission.decode_lines(b"\n".join([frame(small), frame(large)])) is None


def test_an_error_that_comes_again_is_written_as_the_first_time_until_forgotten() -> None:
    admission = an_admission()
    stack = "Error: no\n" + "\n".join(f"    at f{n} (/home/al/w/{n}.ts:{n}:1)" for n in range(9))
    event = {"event_type": "Error", "payload": {"stack_trace": stack}}
    written = [lines(admission.admit_raw(raw(event), STAMP))[0]["payload"] for _ in range(3)]
    admission.forget()
    written.append(lines(admission.admit_raw(raw(event), STAMP))[0]["payload"])
    assert all(one == written[0] for one in written)
    assert "/home/al" not in json.dumps(written)


EVENTS = st.sampled_from(NAMES).flatmap(
    lambda name: good_payloads(CATALOG.events[name].fields).map(
        lambda payload: {"event_type": name, "payload": payload}
    )
)


@given(st.lists(EVENTS, max_size=4), st.sampled_from(list(Level)))
def test_both_paths_take_in_the_same_and_what_they_write_is_an_event(
    events: list[dict[str, Any]], level: Level
) -> None:
    frame = msgspec.json.encode({"op": "emit", "id": 1, "events": events})
    fast, slow = an_admission(level), an_admission(level)
    typed = fast.decode(frame)
    by_raw = slow.admit_raw([msgspec.Raw(msgspec.json.encode(one)) for one in events], STAMP)
    if typed is None:  # the frame as a whole is too large for the fast path
        return
    by_type = fast.admit(typed.events, STAMP)
    assert (by_type.accepted, by_type.rejected) == (by_raw.accepted, by_raw.rejected)
    assert [chunk.lines for chunk in by_type.chunks] == [chunk.lines for chunk in by_raw.chunks]
    assert by_type.accepted + len(by_type.rejected) == len(events)
    for chunk in by_type.chunks:
        assert chunk.lines.endswith(b"\n")
        found = chunk.lines.splitlines()
        assert len(found) == chunk.events
        for line in found:
            STORED.decode(line)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_are_an_event_or_refused_with_a_reason(parts: list[bytes]) -> None:
    admitted = an_admission().admit_raw([msgspec.Raw(part) for part in parts], STAMP)
    assert admitted.accepted + len(admitted.rejected) == len(parts)
    assert [one.index for one in admitted.rejected] == sorted(
        one.index for one in admitted.rejected
    )


@given(st.lists(st.lists(EVENTS, max_size=2), min_size=1, max_size=3))
def test_many_frames_read_as_lines_are_the_frames_one_by_one(
    frames: list[list[dict[str, Any]]],
) -> None:
    encoded = [msgspec.json.encode({"op": "emit", "events": events}) for events in frames]
    found = an_admission().decode_lines(b"\n".join(encoded))
    if found is not None:
        assert [len(one.events) for one in found] == [len(events) for events in frames]
