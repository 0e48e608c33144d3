"""Counts in place of events: bins, medians, and periods without gap or overlap."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.rollup import (
    PERIOD_MS,
    RECENT_MAX,
    Counted,
    RollUp,
    decode_rollup,
    encode_rollup,
    measure,
    summarised,
)
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog
from sidespool.wire.event import parse_time
from sidespool.wire.validate import Validator

START_MS = 1_790_000_000_000


def id_of(start_ms: int, end_ms: int) -> str:
    return f"{start_ms}-{end_ms}"


def moment(payload: dict[str, Any], name: str) -> int:
    found = parse_time(payload[name])
    assert found is not None
    return found


def test_a_closed_period_tells_bins_and_never_a_number() -> None:
    rollup = RollUp(START_MS)
    for _ in range(7):
        rollup.add(Counted("ChatTurn", {"latency_ms": 400.0}, {"prompt_length": 30_000.0}))
    rollup.add(Counted("SessionStart"))
    rollup.add(Counted("SessionEnd", {"duration_ms": 1_200_000.0}))
    assert rollup.close(START_MS + PERIOD_MS, id_of)
    [summary] = rollup.ready
    assert summary.payload["exchanges"] == "6-10"
    assert summary.payload["sessions"] == "1-5"
    assert summary.payload["session_minutes"] == "15-60"
    assert summary.payload["events"] == {
        "ChatTurn": "6-10", "SessionEnd": "1-5", "SessionStart": "1-5",
    }  # fmt: skip
    assert summary.payload["durations"]["ChatTurn.latency_ms"] == "<1min"
    assert summary.payload["sizes"] == {"ChatTurn.prompt_length": "200-500KB"}
    assert all(isinstance(v, str | dict) for v in summary.payload.values())


def test_the_median_is_the_bin_of_the_middle_value() -> None:
    rollup = RollUp(START_MS)
    for minutes in (0, 0, 2, 7, 7, 30, 90):
        rollup.add(Counted("ToolCall", {"duration_ms": minutes * 60_000.0}))
    rollup.close(START_MS + PERIOD_MS, id_of)
    assert rollup.ready[0].payload["durations"] == {"ToolCall.duration_ms": "5-10min"}


@given(st.lists(st.integers(-3 * PERIOD_MS // 2, 5 * PERIOD_MS), max_size=20))
def test_periods_are_gap_free_and_never_overlap_while_the_clock_runs_on(steps: list[int]) -> None:
    rollup, now, added, told = RollUp(START_MS), START_MS, 0, 0
    for step in steps:
        now = max(now, now + step)
        rollup.close(now, id_of)
        rollup.add(Counted("ToolCall"))
        added += 1
    rollup.close(now + PERIOD_MS, id_of)
    reached = START_MS
    for summary in rollup.ready:
        assert moment(summary.payload, "period_start") == reached
        reached = moment(summary.payload, "period_end")
        assert (reached - START_MS) % PERIOD_MS == 0
        told += summary.payload["events"].get("ToolCall") is not None
    assert reached == rollup.period_start_ms
    assert bool(told) == bool(added)


def test_a_long_absence_is_told_as_one_empty_period() -> None:
    rollup = RollUp(START_MS)
    rollup.add(Counted("ChatTurn"))
    rollup.close(START_MS + 21 * PERIOD_MS + 5, id_of)
    assert [one.payload["exchanges"] for one in rollup.ready] == ["1-5", "0"]
    assert rollup.period_start_ms == START_MS + 21 * PERIOD_MS


def test_a_clock_set_back_a_little_goes_on_and_set_back_far_begins_anew() -> None:
    rollup = RollUp(START_MS)
    rollup.add(Counted("ChatTurn"))
    assert not rollup.close(START_MS - PERIOD_MS, id_of)
    assert rollup.events
    assert rollup.close(START_MS - 400 * PERIOD_MS, id_of)
    assert (rollup.events, rollup.ready) == ({}, [])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_state_or_none(raw: bytes) -> None:
    assert decode_rollup(raw) is None or isinstance(decode_rollup(raw), RollUp)


def test_a_state_survives_the_disk() -> None:
    rollup = RollUp(START_MS)
    rollup.add(Counted("ChatTurn", {"latency_ms": 3.0}, {"prompt_length": 9.0}))
    rollup.close(START_MS + PERIOD_MS, id_of)
    assert decode_rollup(encode_rollup(rollup)) == rollup


def test_an_event_that_is_sent_again_is_counted_once_also_after_a_restart() -> None:
    rollup = RollUp(START_MS)
    rollup.add_new([Counted("ChatTurn", event_id="a"), Counted("ChatTurn", event_id="b")])
    restarted = decode_rollup(encode_rollup(rollup))
    assert restarted is not None
    restarted.close(START_MS + PERIOD_MS, id_of)
    restarted.add_new([Counted("ChatTurn", event_id=name) for name in ("b", "a", "c", "c", "", "")])
    assert restarted.events == {"ChatTurn": 3}


def test_no_more_than_the_latest_ids_are_remembered() -> None:
    rollup = RollUp(START_MS)
    for start in range(0, 3 * RECENT_MAX, 1_000):
        rollup.add_new([Counted("A", event_id=str(start + n)) for n in range(1_000)])
    assert len(rollup.recent) == 8 * RECENT_MAX
    rollup.add_new([Counted("B", event_id="0")])
    assert rollup.events["B"] == 1


def test_only_durations_and_sizes_are_kept_of_an_event() -> None:
    catalog = builtin_catalog()
    decoder = Validator(catalog).event_decoder
    event: Any = decoder.decode(
        b'{"event_type":"ChatTurn","payload":{"model":"secret-model","latency_ms":5,'
        b'"prompt_length":7,"token_count":3}}'
    )
    counted = measure(catalog.events["ChatTurn"], event.payload)
    assert counted == Counted("ChatTurn", {"latency_ms": 5.0}, {"prompt_length": 7.0})


def test_the_setting_covers_all_usage_a_client_may_send_and_nothing_else() -> None:
    names = summarised(builtin_catalog(), all_usage=True)
    assert {"ChatTurn", "SessionStart", "ToolCall"} <= names
    assert not names & {"Error", "Crash", "UsageSummary", "ClientReport", "ChatTurnFull"}
    assert summarised(builtin_catalog(), all_usage=False) == set()


def test_an_event_can_be_declared_as_counted_only() -> None:
    known = builtin_catalog().events
    counted = msgspec.structs.replace(known["ToolCall"], aggregate=True)
    catalog = Catalog(events={**known, "ToolCall": counted})
    assert summarised(catalog, all_usage=False) == {"ToolCall"}
