"""`kill -9` of the real daemon right before each kind of call it makes on its disk.

Each scenario is run once to learn which calls there are; then once for each of them (with
`SIDESPOOL_KILL_POINTS=all` once for every single call), dying there. After a plain start: what was
acknowledged is there once, what was withdrawn is nowhere, every loss is counted once.
"""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.daemon import RunningDaemon, SocketClient, wait_until
from support.doomed_daemon import Events, lying_events, lying_tally, settings, start
from support.small_collector import SmallCollector

ALL = os.environ.get("SIDESPOOL_KILL_POINTS") == "all"


class Story:
    """One scenario: what it does, and what it was told before it was cut off."""

    def __init__(self, folder: Path, collector: SmallCollector) -> None:
        self.events = Events()
        self.collector = collector
        self.env = settings(folder / "data", collector.url, **self.settings())
        self.acknowledged: list[str] = []
        self.done: list[str] = []
        self.calls_at_start = 0

    def settings(self) -> dict[str, str]:
        return {}

    def play(self, client: SocketClient, daemon: RunningDaemon) -> None:
        raise NotImplementedError

    def emit(self, client: SocketClient, event_type: str, count: int = 1) -> list[str]:
        batch = [self.events.make(event_type) for _ in range(count)]
        answer = client.emit(*batch)
        ids = [one["event_id"] for one in batch]
        if answer["accepted"] == count:
            self.acknowledged += ids
        return ids

    def wait(self) -> None:
        """Until what the start does by itself is done."""

    def judge(self, arrived: set[str], left: set[str]) -> None:
        """After a start that sent what it could: nothing is lost."""
        assert set(self.acknowledged) <= arrived | left


class Deliver(Story):
    """First and later commits of two levels, sealing, uploading, acknowledging."""

    def play(self, client: SocketClient, daemon: RunningDaemon) -> None:
        self.emit(client, "ChatTurn")
        self.emit(client, "Error", 2)
        self.emit(client, "ChatTurn", 3)
        client.ask("flush")
        self.emit(client, "ChatTurn")
        daemon.terminate()


class Halve(Story):
    """The collector finds each batch too large, until it holds a single event or two."""

    def play(self, client: SocketClient, daemon: RunningDaemon) -> None:
        self.collector.events_max = 2
        self.emit(client, "ChatTurn", 5)
        client.ask("flush")

    def judge(self, arrived: set[str], left: set[str]) -> None:
        assert set(self.acknowledged) <= arrived | left
        assert all(self.collector.arrivals[one] <= 2 for one in arrived)


class Evict(Story):
    """Nothing can be sent, and the spool is small: the oldest usage goes for errors."""

    def settings(self) -> dict[str, str]:
        return {"TELEMETRY_LOCAL": "1", "TELEMETRY_SPOOL_MAX_BYTES": "65536"}

    def play(self, client: SocketClient, daemon: RunningDaemon) -> None:
        for _ in range(5):
            self.emit(client, "ChatTurn", 500)
            client.ask("flush")
        self.emit(client, "Error", 200)
        client.ask("flush")

    def judge(self, arrived: set[str], left: set[str]) -> None:
        gone = set(self.acknowledged) - left
        dropped = lying_tally(Path(self.env["TELEMETRY_DATA_DIR"])).all_time.dropped
        assert not arrived
        assert dropped.get("spool_quota", 0) == len(gone)
        assert dropped.keys() <= {"spool_quota"}


class Withdraw(Story):
    """The level is lowered while usage and errors wait; then it is raised again."""

    def settings(self) -> dict[str, str]:
        return {"TELEMETRY_LOCAL": "1"}

    def play(self, client: SocketClient, daemon: RunningDaemon) -> None:
        self.emit(client, "Error")
        self.withdrawn = self.emit(client, "ChatTurn", 3)
        client.ask("flush")
        self.withdrawn += self.emit(client, "ChatTurn", 2)
        client.ask("set", settings={"level": "error"})
        self.done.append("withdrawn")
        client.ask("set", settings={"level": "usage"})
        self.kept = self.emit(client, "ChatTurn")

    def judge(self, arrived: set[str], left: set[str]) -> None:
        gone = set(self.acknowledged) - left
        dropped = lying_tally(Path(self.env["TELEMETRY_DATA_DIR"])).all_time.dropped
        assert dropped.get("consent_withdrawn", 0) == len(gone)
        if self.done:
            assert not set(self.withdrawn) & left
        assert not gone or gone == set(self.withdrawn) & set(self.acknowledged), "all or nothing"


class Reset(Story):
    """The user asks for everything to be deleted; the collector takes no events at all."""

    def play(self, client: SocketClient, daemon: RunningDaemon) -> None:
        self.emit(client, "ChatTurn", 2)
        client.ask("flush")
        self.emit(client, "Error")
        client.ask("reset")
        self.done.append("reset")

    def wait(self) -> None:
        if any((Path(self.env["TELEMETRY_DATA_DIR"]) / "deletion").glob("*.json")):
            wait_until(lambda: self.collector.deletions)

    def judge(self, arrived: set[str], left: set[str]) -> None:
        here = set(self.acknowledged) & (left | arrived)
        assert not here or (here == set(self.acknowledged) and not self.done), "all or nothing"
        if not here and self.acknowledged:
            assert self.collector.deletions, "what is elsewhere is asked for, too"


def run(story: Story, plan: dict[str, Any]) -> None:
    """The scenario, until its end or the daemon's."""
    with start(story.env, plan) as daemon, suppress(OSError, EOFError):
        with daemon.client() as client:
            if "log" in plan:
                story.calls_at_start = len(Path(plan["log"]).read_text().splitlines())
            story.play(client, daemon)
        daemon.terminate()


def points_of(make: type[Story], folder: Path) -> list[tuple[str, int]]:
    """Each kind of call the scenario makes, one in the middle; or every single one.

    What the start itself calls is left to one scenario.
    """
    log = folder / "calls"
    with SmallCollector() as collector:
        story = make(folder, collector)
        collector.busy = make is Reset
        run(story, {"log": str(log)})
    names = log.read_text().splitlines()
    before = Counter(names[: 0 if make is Deliver else story.calls_at_start])
    counts = Counter(names)
    if ALL:
        return [(name, n) for name in counts for n in range(before[name], counts[name])]
    return [
        (name, (before[name] + count) // 2)
        for name, count in counts.items()
        if count > before[name]
    ]


@pytest.mark.slow
@pytest.mark.timeout(3_000 if ALL else 110)
@pytest.mark.parametrize("make", [Deliver, Halve, Evict, Withdraw, Reset])
def test_killed_at_each_point_nothing_is_lost_nothing_comes_back(
    make: type[Story], tmp_path: Path
) -> None:
    points = points_of(make, tmp_path)
    assert len(points) > 5
    for number, point in enumerate(points):
        with SmallCollector() as collector:
            story = make(tmp_path / str(number), collector)
            collector.busy = make is Reset
            print("dies before", point)
            with suppress(AssertionError):  # it died before it said it was ready
                run(story, {"kill": list(point)})
            collector.events_max = None
            data_dir = Path(story.env["TELEMETRY_DATA_DIR"])
            with start(story.env) as daemon, daemon.client() as client:
                client.ask("flush")
                story.wait()
                status = daemon.status()
            assert status["spool"]["quarantined"] == {}
            story.judge(set(collector.events), set(lying_events(data_dir)))
