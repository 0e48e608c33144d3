"""Frames both ways: known ones come through, any other bytes give None."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidespool.wire import frame, reply
from sidespool.wire.outcome import Reason, Rejection

FRAMES: list[tuple[dict[str, Any], type]] = [
    ({"op": "hello", "client": "renderer", "session_id": "s"}, frame.Hello),
    ({"op": "hello", "client": "python", "token": "t"}, frame.Hello),
    ({"op": "emit", "id": 1, "events": [{"event_type": "ChatTurn"}]}, frame.Emit),
    ({"op": "set", "id": 2, "settings": {"enabled": False}}, frame.Set),
    ({"op": "set", "id": 3, "secrets": {"collector_token": "x"}}, frame.Set),
    ({"op": "consent", "id": 4, "decision": "granted", "policy_version": "2"}, frame.Consent),
    ({"op": "attach", "id": 5, "event_id": "e", "name": "n", "data": "AAEC"}, frame.Attach),
    ({"op": "lost", "id": 5, "counts": {"page_gone": 3}}, frame.Lost),
    ({"op": "status", "id": 6}, frame.Status),
    ({"op": "flush", "id": 7}, frame.Flush),
    ({"op": "reset", "id": 8}, frame.Reset),
    ({"op": "shutdown"}, frame.Shutdown),
    ({"op": "goodbye"}, frame.Goodbye),
]
SETTINGS = {
    "enabled": True, "full_content": False, "level": "usage",
    "app": {"enabled": None, "full_content": None, "level": "usage"}, "consent": None,
    "consent_model": "opt_out", "must_ask": False, "decided_by": "app", "because": "x",
    "policy_version": "1",
}  # fmt: skip
REPLIES: list[tuple[dict[str, Any], type]] = [
    ({"op": "welcome", "session_id": "s", "level": "usage", "settings": SETTINGS}, reply.Welcome),
    ({"op": "ack", "id": 1, "accepted": 1, "rejected": []}, reply.Ack),
    ({"op": "settings", "id": 3, **SETTINGS}, reply.SettingsChanged),
    ({"op": "ack", "id": 4, "level": "usage"}, reply.Ack),
    ({"op": "result", "id": 2, "sealed": 1, "uploaded": 1, "pending": 0}, reply.Result),
    ({"op": "error", "reason": "malformed"}, reply.Refused),
    ({"op": "error", "reason": "unauthorized"}, reply.Refused),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(("said", "kind"), FRAMES)
def test_each_frame_of_the_protocol_is_understood(said: dict[str, Any], kind: type) -> None:
    raw = json.dumps(said).encode()
    assert isinstance(frame.decode_frame(raw), kind)
    assert isinstance(frame.decode_frame(memoryview(bytearray(raw))), kind)


def test_what_a_later_client_adds_is_skipped() -> None:
    assert isinstance(frame.decode_frame(b'{"op":"flush","urgent":true}'), frame.Flush)


def test_an_attachment_is_decoded_from_base64() -> None:
    raw = b'{"op":"attach","event_id":"e","name":"n","data":"AAEC"}'
    decoded = frame.decode_frame(raw)
    assert isinstance(decoded, frame.Attach)
    assert decoded.data == b"\x00\x01\x02"


def test_settings_tell_left_out_from_null() -> None:
    decoded = frame.decode_frame(b'{"op":"set","settings":{"enabled":null}}')
    assert isinstance(decoded, frame.Set)
    assert decoded.settings.enabled is None
    assert decoded.settings.level is not None


@given(st.sampled_from(FRAMES), st.text(max_size=10), JSON)
def test_a_frame_with_anything_in_one_member_is_a_frame_or_none(
    known: tuple[dict[str, Any], type], name: str, value: Any
) -> None:
    said, kind = known
    kinds = (kind, frame.UnknownSettings) if kind is frame.Set else kind
    for member in (*said, name):
        decoded = frame.decode_frame(json.dumps({**said, member: value}).encode())
        assert decoded is None or isinstance(decoded, kinds) or member == "op"


def test_a_set_with_a_key_that_is_no_setting_is_told_apart_and_keeps_its_id() -> None:
    raw = b'{"op":"set","id":7,"settings":{"enabled":false,"enable":false},"levle":"off"}'
    assert frame.decode_frame(raw) == frame.UnknownSettings(["levle", "enable"], 7)
    assert frame.decode_frame(b'{"op":"set","x":' + b"[" * 100_000) is None


@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"op":"emit","events":[' + b"[" * 100_000)
@example(b'{"op":"hello","client":"\xff"}')
@example(b'{"op":"hello","client":"\\ud800"}')
@example(b'{"op":["emit"]}')
@example(b'{"op":"attach","event_id":"e","name":"n","data":"?"}')
def test_any_bytes_are_a_frame_or_none(raw: bytes) -> None:
    decoded = frame.decode_frame(raw)
    assert decoded is None or isinstance(decoded, frame.Question)
    for decode in (reply.decode_reply, reply.decode_ready):
        answer = decode(raw)
        assert answer is None or isinstance(answer, reply.Reply)


@pytest.mark.parametrize(("said", "kind"), REPLIES)
def test_each_reply_is_understood_as_the_daemon_writes_it(said: dict[str, Any], kind: type) -> None:
    raw = frame.encode_frame(said)
    assert b"\n" not in raw
    assert isinstance(reply.decode_reply(raw), kind)
    assert isinstance(reply.decode_reply(raw.decode()), kind)


def test_an_ack_names_what_was_refused() -> None:
    rejected = [{"index": 1, "reason": "unknown_event", "detail": "X is not in the catalog"}]
    said = {"op": "ack", "id": 1, "accepted": 1, "rejected": rejected}
    ack = reply.decode_reply(frame.encode_frame(said))
    assert isinstance(ack, reply.Ack)
    assert ack.rejected == [Rejection(1, Reason.UNKNOWN_EVENT, "X is not in the catalog")]


def test_the_ready_line_is_understood() -> None:
    said = {
        "op": "ready", "protocol": 1, "version": "0", "pid": 1, "url": "http://127.0.0.1:1",
        "socket": None, "token": "t",
    }  # fmt: skip
    ready = reply.decode_ready(frame.encode_frame(said))
    assert ready is not None
    assert (ready.url, ready.already_running) == ("http://127.0.0.1:1", False)
    assert reply.decode_ready(b'{"op":"ready"}') is None
