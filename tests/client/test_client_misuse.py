"""What a host may do wrong: failing hooks, events that are none, arguments of any kind."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidespool.client import Telemetry
from support.protocol_server import ProtocolServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ProtocolServer]:
    with ProtocolServer(tmp_path / "data") as running:
        yield running


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[Telemetry]:
    client = Telemetry("test-app", data_dir=tmp_path / "data", buffer_max=100)
    yield client
    client.shutdown(5)


def numbers(server: ProtocolServer) -> list[int]:
    return [event["payload"]["n"] for event in server.events]


def test_before_send_changes_and_drops(server: ProtocolServer, tmp_path: Path) -> None:
    def hook(event: dict[str, Any]) -> dict[str, Any] | None:
        if event["payload"]["n"] == 1:
            return None
        if event["payload"]["n"] == 2:
            raise RuntimeError("a hook that fails")
        event["payload"]["seen"] = True
        return event

    telemetry = Telemetry(data_dir=tmp_path / "data", before_send=hook)
    for n in range(4):
        telemetry.emit("ChatTurn", {"n": n})
    assert telemetry.flush()
    assert [e["payload"] for e in server.events] == [{"n": 0, "seen": True}, {"n": 3, "seen": True}]
    assert telemetry.stats.dropped == {"before_send": 2}
    telemetry.shutdown()


def test_a_hook_that_flushes_does_not_wait_for_itself(tmp_path: Path) -> None:
    with ProtocolServer(tmp_path) as server:

        def hook(event: dict[str, Any]) -> dict[str, Any]:
            client.flush(60)
            return event

        client = Telemetry(data_dir=tmp_path, before_send=hook)
        client.emit("ChatTurn", {"n": 1})
        assert client.flush(10)
        assert numbers(server) == [1]
        client.shutdown()


def test_events_that_are_none_cost_only_themselves(
    server: ProtocolServer, telemetry: Telemetry
) -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    for kind, payload in (
        ("ChatTurn", cycle),
        ("ChatTurn", {"x": object()}),
        ("ChatTurn", [1]),
        (None, {}),
        (b"ChatTurn", {}),
        ("", {}),
        ("ChatTurn", {"x": "y" * 2_000_000}),
    ):
        telemetry.emit(kind, payload)  # type: ignore[arg-type]  # the point of the test
    telemetry.emit("ChatTurn", {}, timestamp="yesterday")
    telemetry.emit("ChatTurn", {"n": 1})
    assert telemetry.flush()
    assert numbers(server) == [1]
    assert telemetry.stats.dropped == {"invalid": 7, "too_large": 1}
    assert telemetry.stats.emitted == 9


def test_half_surrogate_pairs_are_mended(server: ProtocolServer, telemetry: Telemetry) -> None:
    telemetry.emit("ChatTurn", {"model": "a\udcffb", "more": ["\ud800"]})
    assert telemetry.flush()
    assert server.events[0]["payload"] == {"model": "a?b", "more": ["?"]}


def test_notices_are_said_once(
    tmp_path: Path, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="sidespool"):
        for _ in range(500):
            telemetry.emit("ChatTurn", 5)  # type: ignore[arg-type]  # the point of the test
    assert len(caplog.records) == 1
    assert telemetry.dropped == 500


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.just(object())
    | st.just(ValueError("x"))
)
GARBAGE = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)


@given(first=GARBAGE, second=GARBAGE, third=GARBAGE)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_argument_makes_any_method_raise(
    tmp_path: Path, first: Any, second: Any, third: Any
) -> None:
    telemetry = Telemetry(first, data_dir=second, session_id=third, buffer_max=first, client=second)
    telemetry._named_dir = tmp_path  # not the directories that the garbage names
    telemetry.emit(first, second, timestamp=third)
    telemetry.emit("ChatTurn", {"x": first}, timestamp=second)
    telemetry.capture_exception(first, context=second)
    telemetry.capture_exception(ValueError(second), context=third)
    with telemetry.tool_call(first) as call:
        call.failed(second)
    if not isinstance(first, int | float):
        assert telemetry.flush(first) is False
    telemetry.shutdown(second if not isinstance(second, int | float) else 0)
    telemetry.shutdown(0)
    assert telemetry.stats.emitted >= 4


@given(payloads=st.lists(GARBAGE, max_size=20))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_emit_has_exactly_one_fate(tmp_path: Path, payloads: list[Any]) -> None:
    with ProtocolServer(tmp_path) as server:
        telemetry = Telemetry(data_dir=tmp_path)
        for payload in payloads:
            telemetry.emit("ChatTurn", payload)
            telemetry.emit("ChatTurn", {"x": payload})
        assert telemetry.flush(10)
        stats = telemetry.stats
        assert stats.emitted == 2 * len(payloads)
        assert stats.emitted == stats.acknowledged + telemetry.dropped
        assert len(server.events) == stats.acknowledged
        telemetry.shutdown()
