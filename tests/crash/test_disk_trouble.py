"""A disk that is full, failing, or not ours to write: a state that heals, and says so."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.daemon import SocketClient, clean_environment
from support.doomed_daemon import Events, command, lying_events, settings, start
from support.small_collector import SmallCollector

WRITES = ["write_at spool.active", "create spool.active"]
CASES: list[tuple[str, int, list[str]]] = [
    ("full", errno.ENOSPC, [*WRITES, "write_at spool.sealed", "write_at tally.json"]),
    ("failing to write", errno.EIO, WRITES),
    ("failing to sync", errno.EIO, ["sync spool.active"]),
    ("failing to sync the folder", errno.EIO, ["sync_dir spool"]),
    ("failing to rename", errno.EIO, ["rename spool.sealed", "rename tally.json"]),
    ("no longer ours", errno.EACCES, ["create spool.active", "rename spool.sealed"]),
    ("read-only", errno.EROFS, [*WRITES, "truncate spool.active", "rename spool.sealed"]),
]


def emit(client: SocketClient, events: Events, count: int = 1) -> tuple[list[str], dict[str, Any]]:
    batch = [events.make("ChatTurn") for _ in range(count)]
    return [one["event_id"] for one in batch], client.emit(*batch)


@pytest.mark.parametrize(("name", "code", "names"), CASES, ids=[case[0] for case in CASES])
def test_a_disk_in_trouble_refuses_loses_nothing_and_heals(
    name: str, code: int, names: list[str], tmp_path: Path
) -> None:
    events, trouble = Events(), tmp_path / "trouble"
    refused: set[str] = set()
    plan = {"errno": code, "names": names, "while": str(trouble)}
    with SmallCollector() as collector:
        env = settings(tmp_path / "data", collector.url)
        with start(env, plan) as daemon, daemon.client() as client:
            kept, answer = emit(client, events, 3)
            assert answer["accepted"] == 3
            trouble.touch()
            for _ in range(3):
                ids, answer = emit(client, events)
                reasons = {one["reason"] for one in answer["rejected"]}
                assert reasons <= {"spool_full"}
                kept += ids[: answer["accepted"]]
                refused |= {*ids[answer["accepted"] :]}
            client.ask("flush")
            assert daemon.status()["tally"]["accepted"] == len(kept)
            trouble.unlink()
            ids, answer = emit(client, events, 2)
            assert answer["accepted"] == 2, f"{name}: heals by itself"
            kept += ids
            done = client.ask("flush")
            assert done["pending"] == 0, done
            status = daemon.status()
            assert status["spool"]["problem"] == ""
            assert status["tally"]["in_spool"] == 0
            assert daemon.terminate() == 0
        assert set(kept) <= collector.events.keys()
        # a report of what was refused, made at the end, may wait for the next start
        assert not {*kept, *refused} & {*lying_events(tmp_path / "data")}
        assert not refused & collector.events.keys()


def test_of_a_frame_of_two_levels_only_what_could_not_be_written_is_refused(
    tmp_path: Path,
) -> None:
    events, trouble = Events(), tmp_path / "trouble"
    plan = {"errno": errno.ENOSPC, "names": ["create spool.active"], "while": str(trouble)}
    env = settings(tmp_path / "data", TELEMETRY_LOCAL="1")
    with start(env, plan) as daemon, daemon.client() as client:
        kept, _ = emit(client, events)
        trouble.touch()
        kinds = ("Error", "ChatTurn", "Crash", "ChatTurn")
        batch = [events.make(kind) for kind in kinds]
        answer = client.emit(*batch, {"event_type": "Nonsense"})
        assert answer["accepted"] == 2
        told = [(one["index"], one["reason"]) for one in answer["rejected"]]
        assert told == [(0, "spool_full"), (2, "spool_full"), (4, "unknown_event")]
        answer = daemon.request("POST", "/v1/events", [events.make("Error"), batch[1]]).json()
        assert answer["accepted"] == 1
        trouble.unlink()
        status = daemon.status()
    assert status["tally"]["accepted"] == 4
    assert status["tally"]["rejected"] == {"spool_full": 3, "unknown_event": 1}
    again = [batch[n]["event_id"] for n in (1, 1, 3)]
    left = [one for one in lying_events(tmp_path / "data") if one in {*kept, *again}]
    assert sorted(left) == sorted([*kept, *again])


def test_a_withdrawal_on_a_full_disk_deletes_all_the_same(tmp_path: Path) -> None:
    events, trouble = Events(), tmp_path / "trouble"
    full = ["write_at withdrawal.json", "write_at tally.json", "write_at spool.active"]
    plan = {"errno": errno.ENOSPC, "names": full, "while": str(trouble)}
    env = settings(tmp_path / "data", TELEMETRY_LOCAL="1")
    with start(env, plan) as daemon, daemon.client() as client:
        withdrawn, _ = emit(client, events, 3)
        client.ask("flush")
        withdrawn += emit(client, events, 2)[0]
        trouble.touch()
        client.ask("set", settings={"level": "error"})
        assert lying_events(tmp_path / "data") == []
        trouble.unlink()
        client.ask("set", settings={"level": "usage"})
        ids, answer = emit(client, events)
        assert answer["accepted"] == 1
        status = daemon.status()
    assert status["tally"]["dropped"] == {"consent_withdrawn": 5}
    left = set(lying_events(tmp_path / "data"))
    assert set(ids) <= left
    assert not left & set(withdrawn), "deleted for good"


def run_out(env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """`sidespool run` where it cannot run: how it ends and what it says."""
    data_dir = Path(env["TELEMETRY_DATA_DIR"])
    return subprocess.run(
        command(data_dir, None),
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def is_one_clear_line(done: "subprocess.CompletedProcess[str]", path: Path) -> None:
    assert done.returncode == 3, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("sidespool run: ")
    assert str(path) in line


def test_a_file_where_the_data_directory_should_be_ends_the_start(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("a file")
    is_one_clear_line(run_out(settings(path)), path)


def test_a_folder_where_the_lock_should_be_ends_the_start(tmp_path: Path) -> None:
    path = tmp_path / "data"
    (path / "daemon.lock").mkdir(parents=True)
    is_one_clear_line(run_out(settings(path)), path)


# -- real small disks ------------------------------------------------------------------------------


def mount(path: Path, *options: str) -> None:
    path.mkdir(exist_ok=True)
    chosen = ",".join(options)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", chosen, "tmpfs", str(path)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"not run: a tmpfs cannot be mounted here ({done.stderr.decode().strip()})")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 512 KiB that can be filled, and emptied again."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("not run: mounting a tmpfs needs root")
    path = tmp_path / "disk"
    mount(path, "size=512k")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path) -> None:
    with (path / "filler").open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_real_full_disk_refuses_loses_nothing_and_heals(small_disk: Path) -> None:
    events = Events()
    with SmallCollector() as collector:
        env = settings(small_disk / "data", collector.url)
        with start(env) as daemon, daemon.client() as client:
            kept, _ = emit(client, events, 5)
            fill(small_disk)
            refused = 0
            while not refused:
                ids, answer = emit(client, events, 40)
                kept += ids[: answer["accepted"]]
                refused = len(answer["rejected"])
                assert {one["reason"] for one in answer["rejected"]} <= {"spool_full"}
            assert "No space left" in daemon.status()["spool"]["problem"]
            client.ask("flush")
            (small_disk / "filler").unlink()
            ids, answer = emit(client, events, 2)
            assert answer["accepted"] == 2
            kept += ids
            assert client.ask("flush")["pending"] == 0
        assert set(kept) <= collector.events.keys()


def test_a_daemon_killed_on_a_full_disk_starts_on_it_and_delivers(small_disk: Path) -> None:
    events = Events()
    with SmallCollector() as collector:
        env = settings(small_disk / "data", collector.url)
        with start(env) as daemon, daemon.client() as client:
            kept, _ = emit(client, events, 30)
            fill(small_disk)
            daemon.kill9()
        with start(env) as daemon, daemon.client() as client:
            _, answer = emit(client, events, 1)
            assert answer["op"] == "ack", "it answers, whatever the answer"
            client.ask("flush")
            (small_disk / "filler").unlink()
            assert client.ask("flush")["pending"] == 0
        assert set(kept) <= collector.events.keys()


def use_up_inodes(path: Path) -> int:
    made = 0
    while True:
        try:
            (path / f"filler{made}").touch()
        except OSError:
            return made
        made += 1


def test_a_disk_without_inodes_refuses_and_heals(tmp_path: Path) -> None:
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("not run: mounting a tmpfs needs root")
    disk = tmp_path / "disk"
    mount(disk, "size=4m", "nr_inodes=64")
    try:
        events = Events()
        env = settings(disk / "data", TELEMETRY_LOCAL="1")
        with start(env) as daemon, daemon.client() as client:
            made = use_up_inodes(disk)
            _, answer = emit(client, events)
            assert [one["reason"] for one in answer["rejected"]] == ["spool_full"]
            for number in range(made):
                (disk / f"filler{number}").unlink()
            _, answer = emit(client, events)
            assert answer["accepted"] == 1
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_read_only_disk_ends_the_start_with_one_clear_line(small_disk: Path) -> None:
    env = settings(small_disk / "data")
    with start(env):
        pass
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    is_one_clear_line(run_out(env), small_disk / "data")
