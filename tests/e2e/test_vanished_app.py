"""An app that begins a session and vanishes is missed: its session ends as crashed, or lost."""

import time
from collections.abc import Callable
from typing import Any

from support.daemon import RunningDaemon, start_daemon

START = {"event_type": "SessionStart", "payload": {"app_version": "1.2.3"}, "session_id": "s-1"}
END = {"event_type": "SessionEnd", "payload": {"reason": "quit"}, "session_id": "s-1"}


def kept(daemon: RunningDaemon) -> list[dict[str, Any]]:
    """What a daemon without its app has in its spool, shown by the next one."""
    with start_daemon({"TELEMETRY_DATA_DIR": str(daemon.data_dir)}) as after:
        return after.pending()


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come true")


def endings(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [
        (event["event_type"], event["session_id"], event["payload"]["reason"])
        for event in events
        if event["event_type"] in ("SessionEnd", "Crash")
    ]


def test_a_session_whose_app_vanishes_ends_as_crashed_and_says_so_once() -> None:
    with start_daemon({}, "--stdio") as daemon:
        assert daemon.stdio().emit(START)["accepted"] == 1
        daemon.end_stdin()
        assert daemon.wait() == 0
        assert sorted(endings(kept(daemon))) == [
            ("Crash", "s-1", "vanished"),
            ("SessionEnd", "s-1", "crashed"),
        ]


def test_a_session_that_said_its_end_is_left_alone() -> None:
    with start_daemon({}, "--stdio") as daemon:
        assert daemon.stdio().emit(START, END)["accepted"] == 2
        daemon.end_stdin()
        assert daemon.wait() == 0
        assert endings(kept(daemon)) == [("SessionEnd", "s-1", "quit")]


def test_an_app_that_asks_for_the_shutdown_has_not_crashed() -> None:
    with start_daemon({}, "--stdio") as daemon:
        stdio = daemon.stdio()
        assert stdio.emit(START)["accepted"] == 1
        assert stdio.ask("shutdown")["stopping"] is True
        assert daemon.wait() == 0
        assert endings(kept(daemon)) == []


def test_a_session_that_went_with_its_daemon_is_lost_and_said_so_once() -> None:
    with start_daemon({}, "--stdio") as daemon:
        assert daemon.stdio().emit(START)["accepted"] == 1
        written = daemon.data_dir / "session.json"
        wait_until(written.exists)
        daemon.kill9()
        assert endings(kept(daemon)) == [("SessionEnd", "s-1", "lost")]
        assert endings(kept(daemon)) == [("SessionEnd", "s-1", "lost")]
