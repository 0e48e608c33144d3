"""`kill -9` of the real daemon under load, again and again on one data directory.

`SIDESPOOL_KILL_ROUNDS` asks for more rounds than the suite's, `SIDESPOOL_KILL_SEED` for a seed; a
failure prints both.
"""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from support.daemon import RunningDaemon, wait_until
from support.doomed_daemon import Events, lying_events, settings, start
from support.small_collector import SmallCollector

ROUNDS = int(os.environ.get("SIDESPOOL_KILL_ROUNDS", "16"))
SEED = int(os.environ.get("SIDESPOOL_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
TYPES = ("ChatTurn", "ChatTurn", "ChatTurn", "Error", "Crash")


class Load:
    """One client that emits as fast as it is answered, until the daemon is gone."""

    def __init__(self, daemon: RunningDaemon, events: Events, dice: random.Random) -> None:
        self.asked: set[str] = set()
        self.acknowledged: set[str] = set()
        self.going = threading.Event()  # something was acknowledged, or the daemon is gone
        self._daemon, self._events, self._dice = daemon, events, dice
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._daemon.client() as client:
                while True:
                    count = self._dice.choice([1, 1, 3, 40])
                    batch = [self._events.make(self._dice.choice(TYPES)) for _ in range(count)]
                    self.asked.update(one["event_id"] for one in batch)
                    if self._dice.random() < 0.1:
                        client.ask("flush")
                    answer = client.emit(*batch)
                    if answer["op"] == "ack" and answer["accepted"] == count:
                        self.acknowledged.update(one["event_id"] for one in batch)
                        self.going.set()
        except (OSError, EOFError, ValueError):
            return  # the daemon was killed
        finally:
            self.going.set()

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.mark.timeout(60 + 3 * ROUNDS)
def test_every_acknowledged_event_arrives_whenever_the_daemon_is_killed(tmp_path: Path) -> None:
    dice, events = random.Random(SEED), Events()
    acknowledged: set[str] = set()
    asked: set[str] = set()
    print(f"seed {SEED}, {ROUNDS} rounds")
    with SmallCollector() as collector:
        env = settings(tmp_path / "data", collector.url)
        collector.flapping = random.Random(SEED)
        for _ in range(ROUNDS):
            with start(env) as daemon:
                load = Load(daemon, events, random.Random(dice.random()))
                # The moment of death is what is drawn, from the start of recovery to full load.
                if dice.random() < 0.7:
                    assert load.going.wait(60)
                time.sleep(dice.choice([0.0, 0.05, 0.2, 0.4]) * dice.random())
                daemon.kill9()
                load.join()
            acknowledged |= load.acknowledged
            asked |= load.asked
        collector.flapping = None
        with start(env) as daemon, daemon.client() as client:
            client.send({"op": "flush", "id": 1})
            wait_until(lambda: not daemon.status()["upload"]["pending"], 60 + ROUNDS)
            status = daemon.status()
        left = set(lying_events(tmp_path / "data"))
    arrived = set(collector.events)
    assert len(acknowledged) >= ROUNDS // 2, "there was load"
    assert not acknowledged - arrived - left, f"seed {SEED}: lost"
    assert not arrived & left, f"seed {SEED}: delivered, and still here"
    ours = {one for one, event in collector.events.items() if event["event_type"] in TYPES}
    assert ours <= asked, f"seed {SEED}: never asked for"
    assert status["spool"]["quarantined"] == {}
    assert "corrupt" not in status["tally"]["dropped"]
    print(f"{len(acknowledged)} acknowledged, {len(arrived)} arrived, 0 lost")
