"""What a client had to give up is counted by the daemon, and told to the collector."""

from pathlib import Path
from typing import Any

import pytest

from support.daemon import start_daemon

QUIET = {"TELEMETRY_FLUSH_INTERVAL_S": "600"}
LOST = {"page_gone": 3, "client_overflow": 1}


def test_events_lost_in_a_client_stand_in_the_status_and_go_out_in_a_report(
    tmp_path: Path,
) -> None:
    with start_daemon({**QUIET, "TELEMETRY_DATA_DIR": str(tmp_path)}) as daemon:
        with daemon.client("renderer") as client:
            assert client.ask("lost", counts=LOST)["op"] == "ack"
            assert client.ask("lost", counts={"page_gone": 2})["op"] == "ack"
            assert daemon.status()["tally"]["rejected"] == {"page_gone": 5, "client_overflow": 1}
            client.ask("flush")
        [report] = [one for one in daemon.pending() if one["event_type"] == "ClientReport"]
        assert report["payload"]["rejected"] == {"page_gone": 5, "client_overflow": 1}
        assert daemon.terminate() == 0
    with start_daemon({**QUIET, "TELEMETRY_DATA_DIR": str(tmp_path)}) as daemon:
        assert daemon.status()["tally"]["rejected"] == {"page_gone": 5, "client_overflow": 1}


@pytest.mark.parametrize(
    "counts", [{"nonsense": 1}, {"page_gone": 0}, {"page_gone": -1}, {"page_gone": 2**40}]
)
def test_counts_that_cannot_be_are_refused(counts: dict[str, Any]) -> None:
    with start_daemon(QUIET) as daemon, daemon.client() as client:
        answer = client.ask("lost", counts=counts)
        assert (answer["op"], answer["reason"]) == ("error", "invalid_value")
        assert daemon.status()["tally"]["rejected"] == {}
