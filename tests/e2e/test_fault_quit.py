"""The app quits, crashes, or the machine does: what was acknowledged is delivered, now or later."""

import json
import threading
from pathlib import Path

import pytest

from support.daemon import RunningDaemon, start_daemon
from support.doomed_daemon import Events, lying_events, settings, start
from support.small_collector import SmallCollector


def test_an_app_that_exits_right_after_emit_has_its_events_delivered(tmp_path: Path) -> None:
    events = Events()
    batch = [events.make(kind) for kind in ("ChatTurn", "Error", "Crash")]
    with SmallCollector() as collector:
        env = settings(tmp_path / "data", collector.url, TELEMETRY_SHUTDOWN_GRACE_S="10")
        with start_daemon(env, "--stdio") as daemon:
            pipe = daemon.process.stdin
            assert pipe is not None
            pipe.write(json.dumps({"op": "emit", "id": 1, "events": batch}).encode() + b"\n")
            pipe.close()  # the app is gone; it has read no answer
            assert daemon.wait() == 0
        assert {one["event_id"] for one in batch} <= collector.events.keys()
    assert lying_events(tmp_path / "data") == []


class Hammer:
    """A client that emits one event after the other until the door closes."""

    def __init__(self, daemon: RunningDaemon, first: int) -> None:
        """Its events are numbered from `first`."""
        self.acknowledged: list[str] = []
        self.going = threading.Event()
        self._daemon, self._events = daemon, Events()
        self._events.made = first
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._daemon.client() as client:
                while True:
                    event = self._events.make("ChatTurn")
                    if client.emit(event)["accepted"]:
                        self.acknowledged.append(event["event_id"])
                    if len(self.acknowledged) == 20:
                        self.going.set()
        except (OSError, EOFError, ValueError):
            return

    def join(self) -> list[str]:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.acknowledged


@pytest.mark.parametrize("how", ["SIGTERM", "shutdown", "end of stdin"])
def test_what_is_acknowledged_while_the_daemon_ends_is_delivered_now_or_by_the_next(
    how: str, tmp_path: Path
) -> None:
    events = Events()
    with SmallCollector() as collector:
        env = settings(tmp_path / "data", collector.url, TELEMETRY_SHUTDOWN_GRACE_S="5")
        with start_daemon(env, "--exit-with-stdin") as daemon:
            hammers = [Hammer(daemon, first) for first in (1_000_000, 2_000_000)]
            for hammer in hammers:
                assert hammer.going.wait(30)
            if how == "SIGTERM":
                daemon.process.terminate()
            elif how == "shutdown":
                with daemon.client() as client:
                    client.send({"op": "shutdown", "id": 1})
            else:
                daemon.end_stdin()
            assert daemon.wait() == 0
            acknowledged = {one for hammer in hammers for one in hammer.join()}
        left = set(lying_events(tmp_path / "data"))
        assert acknowledged <= collector.events.keys() | left
        with start(env) as daemon, daemon.client() as client:
            client.emit(events.make("ChatTurn"))
            assert client.ask("flush")["pending"] == 0
        assert acknowledged <= collector.events.keys()


def test_a_machine_that_goes_down_in_the_middle_delivers_after_the_next_start(
    tmp_path: Path,
) -> None:
    events = Events()
    with SmallCollector() as collector:
        env = settings(tmp_path / "data", collector.url)
        collector.busy = True
        kept = []
        with start(env) as daemon, daemon.client("electron-main", "s1") as client:
            client.emit({"event_type": "SessionStart", "payload": {}})
            for _ in range(3):
                event = events.make("ChatTurn")
                assert client.emit(event)["accepted"] == 1
                kept.append(event["event_id"])
                client.ask("flush")
            daemon.kill9()
        collector.busy = False
        with start(env) as daemon, daemon.client() as client:
            assert client.ask("flush")["pending"] == 0
        assert set(kept) <= collector.events.keys()
        ends = [one for one in collector.events.values() if one["event_type"] == "SessionEnd"]
        assert [(one["session_id"], one["payload"]["reason"]) for one in ends] == [("s1", "lost")]
