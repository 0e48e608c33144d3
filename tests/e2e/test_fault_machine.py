"""A machine in trouble under the real daemon: disk, clock and suspension, below the C library.

Where `tests/crash/test_disk_trouble.py` lets the product's own disk calls fail, here the system's
do, as they would: partly done, late, or with another time than a moment ago.
"""

import errno
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon import SocketClient, wait_until
from support.doomed_daemon import Events, lying_events, settings, start
from support.faults import Faults
from support.small_collector import SmallCollector
from support.weather import Weather

DAY_S = 86_400.0


@pytest.fixture
def collector() -> Iterator[SmallCollector]:
    with SmallCollector() as running:
        yield running


@pytest.fixture
def faults(tmp_path: Path) -> Iterator[Faults]:
    with Faults(tmp_path / "data") as made:
        yield made


def emit(client: SocketClient, events: Events, count: int = 1) -> list[str]:
    """The ids that were acknowledged; whatever was not is refused with its reason."""
    batch = [events.make("ChatTurn") for _ in range(count)]
    answer = client.emit(*batch)
    assert {one["reason"] for one in answer["rejected"]} <= {"spool_full"}
    bad = {one["index"] for one in answer["rejected"]}
    return [one["event_id"] for index, one in enumerate(batch) if index not in bad]


# -- disk ------------------------------------------------------------------------------------------

DISKS = {
    "a full disk": {"write_errno": errno.ENOSPC, "open_errno": errno.ENOSPC},
    "a disk over quota": {"write_errno": errno.EDQUOT},
    "a failing disk": {"write_errno": errno.EIO},
    "a disk that does not sync": {"sync_errno": errno.EIO},
    "a read-only disk": {"open_errno": errno.EROFS, "rename_errno": errno.EROFS},
    "a forbidden folder": {"open_errno": errno.EACCES, "rename_errno": errno.EACCES},
    "an unreadable disk": {"read_errno": errno.EIO},
    "too many open files": {"open_errno": errno.EMFILE},
}


@pytest.mark.parametrize("name", DISKS)
def test_a_disk_in_trouble_loses_nothing_and_heals(
    name: str, collector: SmallCollector, faults: Faults, tmp_path: Path
) -> None:
    events = Events()
    env = settings(tmp_path / "data", collector.url, **faults.env)
    with start(env) as daemon, daemon.client() as client:
        kept = emit(client, events, 3)
        faults.set(**DISKS[name])
        for _ in range(3):
            kept += emit(client, events, 2)
        client.ask("flush")
        kept += emit(client, events)
        assert faults.hits, "the trouble was met"
        assert daemon.status()["tally"]["accepted"] == len(kept)
        faults.clear()
        assert len(emit(client, events, 2)) == 2, "it heals by itself"
        wait_until(lambda: client.ask("flush")["pending"] == 0)
        assert set(kept) <= collector.events.keys()
        assert daemon.status()["tally"]["dropped"] == {}
        assert daemon.terminate() == 0
    assert lying_events(tmp_path / "data") == []


def test_a_slow_disk_delays_the_answers_and_nobody_else(
    collector: SmallCollector, faults: Faults, tmp_path: Path
) -> None:
    events = Events()
    env = settings(tmp_path / "data", collector.url, **faults.env)
    with start(env) as daemon, daemon.client() as client:
        faults.set(delay_us=300_000)
        event = events.make("ChatTurn")
        client.send({"op": "emit", "id": "slow", "events": [event]})
        assert daemon.status()["tally"]["accepted"] == 0, "answered before the disk was done"
        assert client.wait_for("ack", id="slow")["accepted"] == 1
        faults.clear()
        assert client.ask("flush")["pending"] == 0
    assert event["event_id"] in collector.events


def test_a_disk_that_writes_by_halves_writes_everything(
    collector: SmallCollector, faults: Faults, tmp_path: Path
) -> None:
    events = Events()
    env = settings(tmp_path / "data", collector.url, **faults.env)
    faults.set(short_writes=1)
    with start(env) as daemon, daemon.client() as client:
        kept = emit(client, events, 200) + emit(client, events)
        daemon.kill9()
    with start(env) as daemon, daemon.client() as client:
        kept += emit(client, events, 50)
        assert client.ask("flush")["pending"] == 0
    assert set(kept) <= collector.events.keys()


# -- clock -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [400.0, -400.0], ids=["forward", "back"])
def test_a_clock_that_jumps_costs_nothing(
    days: float, collector: SmallCollector, faults: Faults, tmp_path: Path
) -> None:
    events = Events()
    with Weather(collector.port) as weather:
        weather.change("refuses")
        env = settings(tmp_path / "data", weather.url, **faults.env)
        with start(env) as daemon, daemon.client() as client:
            kept = emit(client, events, 3)
            client.ask("flush")
            faults.shift_clock(days * DAY_S)
            kept += emit(client, events, 3)
            assert client.ask("flush")["pending"] == 2
            daemon.kill9()
        weather.change("clear")
        with start(env) as daemon, daemon.client() as client:  # the spool is offered before it ages
            kept += emit(client, events)
            wait_until(lambda: client.ask("flush")["pending"] == 0)
            assert daemon.status()["tally"]["dropped"] == {}
    assert set(kept) <= collector.events.keys()
    assert all(count == 1 for count in collector.arrivals.values())


def test_a_machine_that_thinks_it_is_1970_delivers_all_the_same(
    collector: SmallCollector, faults: Faults, tmp_path: Path
) -> None:
    import time

    events = Events()
    env = settings(tmp_path / "data", collector.url, **faults.env)
    faults.shift_clock(-time.time() + DAY_S)
    with start(env) as daemon, daemon.client() as client:
        kept = emit(client, events, 3)
        faults.shift_clock(time.time() - DAY_S)  # the network has told it the time
        kept += emit(client, events, 3)
        wait_until(lambda: client.ask("flush")["pending"] == 0)
        assert daemon.status()["tally"]["dropped"] == {}
    assert set(kept) <= collector.events.keys()


# -- suspension ------------------------------------------------------------------------------------


def test_a_machine_that_was_suspended_in_the_middle_of_an_upload_goes_on(
    collector: SmallCollector, faults: Faults, tmp_path: Path
) -> None:
    events = Events()
    with Weather(collector.port) as weather:
        weather.change("silent")
        env = settings(tmp_path / "data", weather.url, **faults.env)
        with start(env) as daemon, daemon.client() as client:
            kept = emit(client, events, 3)
            client.send({"op": "flush", "id": "waits"})
            wait_until(lambda: daemon.status()["upload"]["in_flight"])
            daemon.process.send_signal(signal.SIGSTOP)
            faults.shift_clock(8 * 3_600.0)  # a night; the connections are gone
            weather.change("clear")
            daemon.process.send_signal(signal.SIGCONT)
            kept += emit(client, events, 2)
            wait_until(lambda: client.ask("flush")["pending"] == 0)
            assert set(kept) <= collector.events.keys()
            assert daemon.status()["tally"]["dropped"] == {}
