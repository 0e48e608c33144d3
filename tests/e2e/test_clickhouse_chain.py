"""The whole chain on ClickHouse: from the door of a daemon to a figure of the dashboard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.clickhouse import ClickHouse, missing, running
from support.daemon import start_daemon, wait_until
from support.live_collector import LiveCollector

TURN = {"event_type": "ChatTurn", "payload": {"model": "m1", "latency_ms": 800}}
FAST = {"TELEMETRY_FLUSH_INTERVAL_S": "0.1"}


@pytest.fixture
def server() -> Iterator[ClickHouse]:
    if missing():
        pytest.skip(f"not run: {missing()}")
    yield from running()


def turns(collector: LiveCollector) -> Any:
    """The rows of the latency chart's table."""
    return json.loads(collector.fetch("/api/v1/metrics/latency"))["table"]["rows"]


def test_what_a_daemon_takes_in_becomes_figures_and_goes_with_a_reset(
    server: ClickHouse, tmp_path: Path
) -> None:
    with (
        LiveCollector(tmp_path, server.new_database()) as collector,
        start_daemon({**FAST, **collector.env}) as daemon,
        daemon.client() as client,
    ):
        client.emit(*[TURN] * 7)
        wait_until(lambda: [row[:2] for row in turns(collector)] == [["m1", 7]])
        sent = [one for one in collector.events() if one["event_type"] == "ChatTurn"]
        assert len({one["event_id"] for one in sent}) == 7
        assert b"Chat latency" in collector.fetch("/")
        client.ask("reset")
        wait_until(lambda: collector.events() == [])
