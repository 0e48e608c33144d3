"""A sealed segment damaged under a running daemon: what is whole arrives, the rest is counted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.daemon import RunningDaemon, SocketClient, wait_until
from support.doomed_daemon import Events, settings, start
from support.small_collector import SmallCollector

COMMITS, EVENTS = 6, 5  # a segment of so many commits of so many events


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def flip(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 0x10]) + raw[middle + 1 :]


def zero(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes(len(raw) - middle)


def nothing(raw: bytes) -> bytes:
    return b""


def longer(raw: bytes) -> bytes:
    return raw + raw[-200:]


def counts_altered(raw: bytes) -> bytes:
    return raw[:16] + b"\x07" + raw[17:]


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "cut": cut,
    "flipped": flip,
    "zeroed": zero,
    "emptied": nothing,
    "longer": longer,
    "a header altered": counts_altered,
}


def fill(client: SocketClient, events: Events) -> list[str]:
    ids = []
    for _ in range(COMMITS):
        batch = [events.make("ChatTurn") for _ in range(EVENTS)]
        assert client.emit(*batch)["accepted"] == EVENTS
        ids += [one["event_id"] for one in batch]
    return ids


def all_settled(daemon: RunningDaemon, client: SocketClient) -> bool:
    client.ask("flush")
    status = daemon.status()
    return bool(status["upload"]["pending"] == 0 and status["spool"]["sealed"] == 0)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_whole_arrives_and_what_is_not_is_counted(way: str, tmp_path: Path) -> None:
    events = Events()
    with SmallCollector() as collector:
        collector.busy = True
        with start(settings(tmp_path / "data", collector.url)) as daemon, daemon.client() as client:
            ids = fill(client, events)
            client.ask("flush")
            (path,) = (tmp_path / "data" / "spool").glob("*.sealed")
            path.write_bytes(WAYS[way](path.read_bytes()))
            others = fill(client, events)
            collector.busy = False
            wait_until(lambda: all_settled(daemon, client))
            status = daemon.status()
            arrived = set(collector.events)
            assert set(others) <= arrived, "a neighbour's damage is not theirs"
            missing = set(ids) - arrived
            tally = status["tally"]
            assert sum(tally["dropped"].values()) == len(missing)
            assert tally["accepted"] == tally["delivered"] + len(missing)
            assert tally["delivered"] == status["upload"]["uploaded_events"]
            assert status["upload"]["pending_events"] == 0
            if missing:
                assert len(status["spool"]["quarantined"]) == 1
                assert sum(status["spool"]["quarantined"].values()) == len(missing)
            assert daemon.terminate() == 0


def test_a_sealed_segment_that_somebody_deleted_holds_up_nothing(tmp_path: Path) -> None:
    events = Events()
    with SmallCollector() as collector:
        collector.busy = True
        with start(settings(tmp_path / "data", collector.url)) as daemon, daemon.client() as client:
            ids = fill(client, events)
            client.ask("flush")
            for path in (tmp_path / "data" / "spool").glob("*.sealed"):
                path.unlink()
            others = fill(client, events)
            collector.busy = False
            wait_until(lambda: all_settled(daemon, client))
            assert set(others) <= collector.events.keys()
            tally = daemon.status()["tally"]
            assert tally["dropped"] == {"corrupt": len(ids)}
            assert tally["accepted"] == tally["delivered"] + len(ids)
