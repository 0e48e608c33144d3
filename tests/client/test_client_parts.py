"""The client's parts on their own: discovery, outbox, encoding, answers, reports, tool calls."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sidespool.client.asgi import route_template
from sidespool.client.discovery import (
    RUNTIME_FILE,
    default_data_dir,
    find_data_dir,
    read_door,
)
from sidespool.client.encode import Drop, EventEncoder, time_text
from sidespool.client.link import decode_answer
from sidespool.client.outbox import Outbox
from sidespool.client.report import TEXT_BYTES_MAX, error_payload
from sidespool.client.tool import ToolCall
from sidespool.errors import DaemonUnreachableError
from sidespool.runtime import paths as daemon_paths
from sidespool.wire.event import parse_time

DOOR = {
    "op": "ready",
    "protocol": 1,
    "version": "1",
    "pid": 5,
    "url": "http://127.0.0.1:4000",
    "socket": None,
    "token": "t",
}


def write_runtime(folder: Path, *, mode: int = 0o600, **changes: Any) -> None:
    path = folder / "runtime.json"
    path.write_text(json.dumps({**DOOR, **changes}))
    path.chmod(mode)


def test_the_data_directory_is_the_argument_then_the_environment_then_the_platform() -> None:
    environ = {"TELEMETRY_DATA_DIR": "/env", "TELEMETRY_APP_ID": "named"}
    assert find_data_dir("/arg", "x", environ) == Path("/arg")
    assert find_data_dir(None, "x", environ) == Path("/env")
    del environ["TELEMETRY_DATA_DIR"]
    for app_id, expected in (("x", "x"), (None, "named")):
        base = Path(platformdirs.user_data_dir(expected, appauthor=False))
        assert find_data_dir(None, app_id, environ) == base / "sidespool"
    base = Path(platformdirs.user_data_dir("app", appauthor=False))
    assert find_data_dir(None, None, {}) == base / "sidespool"


def test_client_and_daemon_look_in_the_same_place() -> None:
    for app_id in ("app", "My App", "ä/b"):
        assert default_data_dir(app_id) == daemon_paths.default_data_dir(app_id)
    paths = daemon_paths.DataPaths(Path("/x"))
    assert paths.runtime_file == Path("/x") / RUNTIME_FILE


def test_a_private_runtime_file_is_believed(tmp_path: Path) -> None:
    write_runtime(tmp_path, socket="/run/d.sock")
    door = read_door(tmp_path)
    assert (door.host, door.port, door.token, door.socket) == (
        "127.0.0.1",
        4000,
        "t",
        "/run/d.sock",
    )


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o604, 0o660])
def test_a_runtime_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    write_runtime(tmp_path, mode=mode)
    with pytest.raises(DaemonUnreachableError, match="0600"):
        read_door(tmp_path)


def test_a_link_in_place_of_the_runtime_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    write_runtime(tmp_path / "real")
    os.symlink(tmp_path / "real" / "runtime.json", tmp_path / "runtime.json")
    with pytest.raises(DaemonUnreachableError):
        read_door(tmp_path)


def test_a_pipe_in_place_of_the_runtime_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "runtime.json", 0o600)
    with pytest.raises(DaemonUnreachableError):
        read_door(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://192.0.2.7:4000"},
        {"url": "http://127.0.0.1.example.com:4000"},
        {"url": "http://127.0.0.1:99999"},
        {"url": "http://[::1"},
        {"url": "http://127.0.0.1"},
        {"url": 7},
        {"token": None},
        {"token": "é"},
        {"protocol": 2},
    ],
)
def test_the_token_is_never_carried_off_this_machine(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    write_runtime(tmp_path, **changes)
    with pytest.raises(DaemonUnreachableError):
        read_door(tmp_path)


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_a_runtime_file_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    folder = tmp_path_factory.mktemp("d")
    (folder / "runtime.json").write_bytes(raw)
    (folder / "runtime.json").chmod(0o600)
    with pytest.raises(DaemonUnreachableError):
        read_door(folder)


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_none(raw: bytes) -> None:
    decode_answer(raw)


def test_an_answer_may_hold_more_than_this_client_knows() -> None:
    answer = decode_answer(
        b'{"op":"ack","id":3,"accepted":1,"new":{},'
        b'"rejected":[{"index":0,"reason":"a_new_one","more":1}]}'
    )
    assert answer is not None
    assert answer.rejected[0].reason == "a_new_one"


class OutboxModel(RuleBasedStateMachine):
    """Against a list: order is kept, the oldest give way, and every number is accounted for."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(5)
        self.waiting: list[int] = []
        self.out: list[tuple[int, bytes]] = []
        self.lost = self.emitted = 0

    @rule()
    def emit(self) -> None:
        number = self.outbox.number()
        self.outbox.append((number, b""))
        self.emitted += 1
        self.waiting.append(number)
        self._overflow()

    def _overflow(self) -> None:
        while len(self.waiting) > 5:
            self.waiting.pop(0)
            self.lost += 1

    @rule()
    def take(self) -> None:
        item = self.outbox.take()
        assert (item is None) == (not self.waiting)
        if item is not None:
            assert item[0] == self.waiting.pop(0)
            self.out.append((item[0], b""))

    @rule()
    def lose_connection(self) -> None:
        self.outbox.put_back(self.out)
        self.waiting = [number for number, _ in self.out] + self.waiting
        self.out = []
        self._overflow()

    @rule()
    def acknowledge(self) -> None:
        self.out = []

    @invariant()
    def counts_agree(self) -> None:
        assert [item[0] for item in self.outbox.items] == self.waiting
        assert self.outbox.counts() == {
            "emitted": self.emitted,
            "waiting": len(self.waiting),
            "overflow": self.lost,
            "shutdown": 0,
        }
        assert self.outbox.passed(self.outbox.bound()) == (not self.waiting)


TestOutboxModel = OutboxModel.TestCase


def encoded(*items: tuple[Any, ...]) -> list[dict[str, Any]]:
    encoder = EventEncoder(None, None)
    lines = [encoder.encode(item) for item in items]
    return [json.loads(line) for line in lines if isinstance(line, bytes)]


def test_ids_of_one_moment_differ_and_sort_by_emit() -> None:
    now = 1_700_000_000_000_000_000
    events = encoded(*((n, now + n * 300_000, "ChatTurn", {}, None) for n in range(50)))
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == 50
    assert sorted(id_[:13] for id_ in ids) == [id_[:13] for id_ in ids]
    assert events[0]["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert events[49]["timestamp"] == "2023-11-14T22:13:20.014Z"


@given(
    event_type=st.text() | st.none() | st.lists(st.integers(), max_size=1),
    payload=st.dictionaries(
        st.text() | st.integers() | st.none(),
        st.floats() | st.text(st.characters()) | st.binary() | st.just(object()),
        max_size=3,
    ),
    timestamp=st.none() | st.text() | st.floats() | st.datetimes() | st.integers(),
)
def test_whatever_is_emitted_encodes_to_one_line_of_json_or_a_reason(
    event_type: Any, payload: Any, timestamp: Any
) -> None:
    line = EventEncoder("s1", None).encode((0, 10**18, event_type, payload, timestamp))
    if isinstance(line, Drop):
        return
    event = json.loads(line)
    assert b"\n" not in line
    assert set(event) == {"event_type", "event_id", "timestamp", "session_id", "payload"}
    assert parse_time(event["timestamp"]) is not None


@given(moment=st.text() | st.floats() | st.integers() | st.datetimes() | st.booleans())
def test_a_moment_is_a_time_or_an_error_that_the_encoder_knows(moment: Any) -> None:
    with suppress(ValueError, OverflowError, OSError):
        assert parse_time(time_text(moment)) is not None


def raised(make: Any) -> BaseException:
    try:
        make()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_an_error_names_places_but_shows_no_source_and_no_values() -> None:
    def fail() -> None:
        secret = "hunter2"
        raise ValueError("no such user") from KeyError(len(secret))

    payload = error_payload(raised(fail), {"route": "/x", "n": 3, "deep": {"no": 1}, 5: 5})
    assert payload["error_type"] == "ValueError"
    assert payload["message"] == "no such user"
    assert payload["context"] == {"route": "/x", "n": 3}
    stack = payload["stack_trace"]
    assert re.search(r'File ".*test_client_parts.py", line \d+, in fail', stack)
    assert stack.index("KeyError") < stack.index("ValueError")
    assert "hunter2" not in json.dumps(payload)
    assert "raise " not in stack


def test_deep_and_huge_errors_are_cut_and_keep_both_ends() -> None:
    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        raise ValueError("x" * 100_000)

    payload = error_payload(raised(lambda: deep(200)), None)
    assert len(payload["message"].encode()) <= TEXT_BYTES_MAX
    assert len(payload["stack_trace"].encode()) <= TEXT_BYTES_MAX
    assert "frames left out" in payload["stack_trace"]
    assert payload["stack_trace"].endswith("ValueError")


def test_an_exception_without_a_readable_message_is_reported() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert error_payload(Mute(), "here")["error_type"] == "Mute"
    assert error_payload(Mute(), "here")["context"] == "here"


def test_a_group_and_a_circle_of_causes_end() -> None:
    one, two = ValueError("1"), TypeError("2")
    one.__cause__, two.__cause__ = two, one
    assert "TypeError" in error_payload(one, None)["stack_trace"]
    group = ExceptionGroup("all", [KeyError("k"), OSError()])
    assert "KeyError" in error_payload(group, None)["stack_trace"]


class Calls:
    """Collects what tool calls emit."""

    def __init__(self) -> None:
        self.payloads: list[dict[str, Any]] = []

    def tool_call(self, name: str) -> ToolCall:
        return ToolCall(lambda kind, payload: self.payloads.append({**payload, "kind": kind}), name)

    def outcomes(self) -> list[tuple[str, bool, str | None]]:
        assert all(p["kind"] == "ToolCall" and p["duration_ms"] >= 0 for p in self.payloads)
        return [(p["tool_name"], p["success"], p.get("error_type")) for p in self.payloads]


def test_a_tool_call_as_context_manager_tells_duration_and_outcome() -> None:
    calls = Calls()
    with calls.tool_call("good"):
        pass
    with pytest.raises(KeyError), calls.tool_call("bad"):
        raise KeyError
    with calls.tool_call("soft") as call:
        call.failed("Timeout")
    assert calls.outcomes() == [
        ("good", True, None),
        ("bad", False, "KeyError"),
        ("soft", False, "Timeout"),
    ]


def test_a_tool_call_decorates_functions_and_generators() -> None:
    calls = Calls()

    @calls.tool_call("add")
    def add(one: int, two: int = 2) -> int:
        """Adds."""
        return one + two

    @calls.tool_call("count")
    def count() -> Iterator[int]:
        yield from (1, 2)

    assert (add(1), add(1, two=5)) == (3, 6)
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert list(count()) == [1, 2]
    next(count())
    assert calls.outcomes() == [("add", True, None)] * 2 + [("count", True, None)] * 2


async def test_a_tool_call_decorates_coroutines_that_overlap() -> None:
    calls = Calls()
    gate = asyncio.Event()

    @calls.tool_call("fetch")
    async def fetch(fail: bool) -> int:
        await gate.wait()
        if fail:
            raise TimeoutError
        return 1

    @calls.tool_call("stream")
    async def stream() -> AsyncIterator[int]:
        yield 1
        yield 2

    opened = asyncio.gather(fetch(False), fetch(True), return_exceptions=True)
    gate.set()
    done = await opened
    assert done[0] == 1
    assert isinstance(done[1], TimeoutError)
    assert [item async for item in stream()] == [1, 2]
    async with calls.tool_call("block"):
        pass
    assert sorted(calls.outcomes(), key=str) == [
        ("block", True, None),
        ("fetch", False, "TimeoutError"),
        ("fetch", True, None),
        ("stream", True, None),
    ]


@pytest.mark.parametrize(
    "scope", [{}, {"route": 5}, {"fastapi": 7}, {"route": object(), "endpoint": object()}]
)
def test_a_scope_without_a_route_has_no_name_to_tell(scope: dict[str, Any]) -> None:
    assert route_template(scope) == "(unmatched)"
