"""WebSocket messages that arrive together: taken in as one, judged as each by itself."""

import json
from typing import Any

from sidespool.runtime.conversation import Conversation

EMIT = b'{"op":"emit","id":1,"events":[]}'


class Intake:
    """Remembers how emits were offered; takes them by lines only where `by_lines`."""

    session_id = "s"

    def __init__(self, by_lines: bool = True) -> None:
        self.by_lines = by_lines
        self.chunks: list[bytes] = []
        self.frames: list[bytes] = []

    def emit_lines(self, chunk: bytes, _session: Any, _answer: Any) -> int:
        self.chunks.append(chunk)
        return chunk.count(b"\n") + 1 if self.by_lines else 0

    def emit_frame(self, raw: bytes, _session: Any, _answer: Any) -> bool:
        self.frames.append(raw)
        return json.loads(raw)["op"] == "emit"


def conversation(intake: Intake, answers: list[bytes]) -> Conversation:
    anyone: Any = intake
    return Conversation(anyone, anyone, answers.append, door="websocket", token=None)


def test_many_emits_are_one_chunk() -> None:
    intake = Intake()
    conversation(intake, []).on_messages([EMIT, EMIT, EMIT])
    assert (intake.chunks, intake.frames) == ([b"\n".join([EMIT] * 3)], [])


def test_what_is_no_chunk_of_emits_is_looked_at_one_by_one() -> None:
    intake = Intake(by_lines=False)
    conversation(intake, []).on_messages([EMIT, EMIT])
    assert intake.frames == [EMIT, EMIT]


def test_a_message_with_a_line_end_in_it_does_not_pass_for_two() -> None:
    intake, two = Intake(), EMIT + b"\n" + EMIT
    answers: list[bytes] = []
    intake.emit_frame = lambda *_: False  # type: ignore[method-assign]  # as a decoder judges two
    conversation(intake, answers).on_messages([two, two])
    assert intake.chunks == []
    assert [json.loads(one)["reason"] for one in answers] == ["malformed", "malformed"]


def test_nothing_after_a_goodbye_is_looked_at() -> None:
    intake, goodbye = Intake(by_lines=False), b'{"op":"goodbye"}'
    conversation(intake, []).on_messages([EMIT, goodbye, EMIT])
    assert intake.frames == [EMIT, goodbye]
