"""Lock, runtime file and listening sockets, before any loop runs."""

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from sidespool.errors import DataDirError, PortTakenError
from sidespool.runtime import doorstep as steps
from sidespool.runtime.doorstep import (
    make_private_dirs,
    open_doors,
    take_place,
    take_place_or_find,
)
from sidespool.runtime.end_signal import EndSignal
from sidespool.runtime.paths import DataPaths


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    found = DataPaths(tmp_path / "data")
    make_private_dirs(found)
    return found


def runtime(paths: DataPaths, pid: int) -> dict[str, object]:
    content: dict[str, object] = {"op": "ready", "pid": pid, "token": "t"}
    paths.runtime_file.write_text(json.dumps(content))
    return content


def test_every_folder_is_for_its_owner_only(paths: DataPaths) -> None:
    assert {stat.S_IMODE(one.stat().st_mode) for one in paths.directories()} == {0o700}
    assert sorted(one.name for one in paths.root.iterdir()) == sorted(
        one.name for one in paths.directories() if one != paths.root
    )


def test_the_lock_is_held_once_and_a_stale_runtime_file_goes_with_it(paths: DataPaths) -> None:
    runtime(paths, os.getpid())
    lock = take_place(paths)
    assert lock is not None
    assert not paths.runtime_file.exists()
    assert take_place(paths) is None
    lock.release()
    again = take_place(paths)
    assert again is not None
    again.release()


def test_who_comes_second_gets_the_line_of_a_process_that_lives(paths: DataPaths) -> None:
    lock = take_place(paths)
    assert lock is not None
    said = runtime(paths, os.getpid())
    assert take_place_or_find(paths) == {**said, "already_running": True}
    lock.release()


@pytest.mark.parametrize("content", ["", "{", "[]", "5", '{"pid":"x"}', '{"pid":4194304}', "{}"])
def test_a_runtime_file_of_no_living_process_is_not_believed(
    paths: DataPaths, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_PLACE_WAIT_S", 0.0)
    lock = take_place(paths)
    assert lock is not None
    paths.runtime_file.write_text(content)
    assert take_place_or_find(paths) is None
    lock.release()


def test_what_stands_in_the_place_of_the_lock_is_named(paths: DataPaths) -> None:
    paths.lock_file.mkdir()
    with pytest.raises(DataDirError, match=r"daemon\.lock"):
        take_place(paths)


def test_the_sockets_are_private_and_go_with_the_doorstep(paths: DataPaths) -> None:
    lock = take_place(paths)
    assert lock is not None
    paths.run.mkdir()
    paths.socket.write_text("stale")
    doorstep = open_doors(paths, lock, 0, "t")
    assert doorstep.tcp.getsockname()[0] == "127.0.0.1"
    assert doorstep.socket_path == str(paths.socket)
    assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.run.stat().st_mode) == 0o700
    with pytest.raises(PortTakenError):
        open_doors(paths, lock, doorstep.port, "t")
    doorstep.tcp.close()
    assert doorstep.unix is not None
    doorstep.unix.close()
    doorstep.close()
    assert not paths.socket.exists()


def test_a_folder_without_sockets_leaves_the_port(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoUnix(socket.socket):
        def bind(self, address: object) -> None:
            if isinstance(address, str):
                raise OSError(95, "Operation not supported")
            super().bind(address)  # type: ignore[arg-type]  # an address of the parent's kind

    lock = take_place(paths)
    assert lock is not None
    monkeypatch.setattr(socket, "socket", NoUnix)
    doorstep = open_doors(paths, lock, 0, "t")
    assert doorstep.ready()["socket"] is None
    doorstep.tcp.close()
    doorstep.close()


def test_an_end_that_was_asked_for_early_is_not_forgotten() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        signals, heard = EndSignal(), []
        signals.install()
        os.kill(os.getpid(), signal.SIGTERM)
        signals.listen(lambda: heard.append("first"))
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert heard == ["first", "first"]
