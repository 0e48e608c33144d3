"""From the ready line to the exit code, seen from outside, on real processes."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon import clean_environment, start_daemon, wait_until

READY = {"op", "protocol", "version", "pid", "url", "socket", "token"}


def run(
    env: dict[str, str], *flags: str, stdin: int | None = subprocess.DEVNULL
) -> subprocess.CompletedProcess[bytes]:
    """`sidespool run` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "sidespool", "run", *flags],
        env=clean_environment(env), stdin=stdin, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def silent_collector() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


# -- the ready line and the runtime file ---------------------------------------------------------


def test_the_ready_line_is_one_line_and_the_runtime_file_says_the_same() -> None:
    with start_daemon() as daemon:
        assert set(daemon.ready) == READY
        assert daemon.ready["op"] == "ready"
        assert daemon.ready["protocol"] == 1
        assert daemon.ready["pid"] == daemon.process.pid
        assert len(daemon.token) >= 43  # 256 bits in base64
        runtime = daemon.data_dir / "runtime.json"
        assert json.loads(runtime.read_text()) == daemon.ready
        assert mode(runtime) == 0o600
        assert mode(daemon.data_dir) == 0o700
        assert mode(Path(daemon.socket).parent) == 0o700
        with daemon.client() as client:
            client.emit({"event_type": "ChatTurn"})
        assert daemon.terminate() == 0
        with pytest.raises(EOFError):
            daemon.stdout_line()
        assert daemon.stderr == ""
        assert not runtime.exists()
        assert not Path(daemon.socket).exists()


def test_the_token_is_new_at_every_start(tmp_path: Path) -> None:
    env = {"TELEMETRY_DATA_DIR": str(tmp_path / "d")}
    tokens = set()
    for _ in range(2):
        with start_daemon(env) as daemon:
            tokens.add(daemon.token)
    assert len(tokens) == 2


def test_everything_written_lies_in_the_data_directory_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    place = tmp_path / "data"
    place.mkdir(mode=0o755)
    with start_daemon({"TELEMETRY_DATA_DIR": str(place), "HOME": str(home)}) as daemon:
        with daemon.client() as client:
            client.emit({"event_type": "ChatTurn"})
            client.ask("flush")
        assert mode(place) == 0o700
        assert list(home.iterdir()) == []


def test_a_data_directory_with_a_long_path_still_has_a_private_socket(tmp_path: Path) -> None:
    place = tmp_path / ("long" * 30) / "data"
    with start_daemon({"TELEMETRY_DATA_DIR": str(place)}) as daemon:
        folder = Path(daemon.socket).parent
        assert mode(folder) == 0o700
        with daemon.client() as client:
            assert client.emit({"event_type": "ChatTurn"})["accepted"] == 1
        daemon.terminate()
        assert not folder.exists()


def test_the_platforms_folder_per_app_id_is_the_default(tmp_path: Path) -> None:
    env = {"XDG_DATA_HOME": str(tmp_path), "TELEMETRY_APP_ID": "my-app"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sidespool", "run"],
        env=clean_environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["op"] == "ready"
        assert (tmp_path / "my-app" / "sidespool" / "runtime.json").exists()
    finally:
        process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def test_a_daemon_without_standard_output_runs_all_the_same(tmp_path: Path) -> None:
    place = tmp_path / "d"
    command = f"exec {sys.executable} -m sidespool run --exit-with-stdin >&- 2>&-"
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=clean_environment({"TELEMETRY_DATA_DIR": str(place)}), stdin=subprocess.PIPE,
    )  # fmt: skip
    wait_until((place / "runtime.json").exists)
    process.communicate(timeout=30)
    assert process.returncode == 0


# -- one daemon per data directory ---------------------------------------------------------------


def test_a_second_start_prints_the_firsts_line_and_ends_well() -> None:
    with start_daemon() as daemon:
        again = run({"TELEMETRY_DATA_DIR": str(daemon.data_dir)}, "--stdio")
        assert again.returncode == 0
        assert again.stderr == b""
        assert json.loads(again.stdout) == {**daemon.ready, "already_running": True}
        assert daemon.request("GET", "/v1/settings").status == 200


def test_what_a_killed_daemon_left_behind_is_taken_over(tmp_path: Path) -> None:
    env = {"TELEMETRY_DATA_DIR": str(tmp_path / "d")}
    with start_daemon(env) as first:
        with first.client() as client:
            client.emit({"event_type": "ChatTurn", "payload": {"latency_ms": 7}})
        first.kill9()
        assert (first.data_dir / "runtime.json").exists()
        with start_daemon(env) as second:
            assert "already_running" not in second.ready
            assert second.token != first.token
            assert [one["payload"] for one in second.pending()] == [{"latency_ms": 7}]


def test_a_second_start_waits_for_one_that_is_starting_over_a_stale_file(tmp_path: Path) -> None:
    """The stale file names a process that lives: only the lock tells the truth."""
    place = tmp_path / "d"
    env = {"TELEMETRY_DATA_DIR": str(place)}
    place.mkdir()
    stale = {"op": "ready", "protocol": 1, "version": "0", "pid": os.getpid(),
             "url": "http://127.0.0.1:1", "socket": None, "token": "stale"}  # fmt: skip
    for _ in range(3):
        (place / "runtime.json").write_text(json.dumps(stale))
        starts = [
            subprocess.Popen(
                [sys.executable, "-m", "sidespool", "run"], env=clean_environment(env),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            )
            for _ in range(3)
        ]  # fmt: skip
        lines = []
        for one in starts:
            assert one.stdout is not None
            lines.append(json.loads(one.stdout.readline()))
        assert {line["token"] for line in lines} != {"stale"}
        assert len({line["token"] for line in lines}) == 1
        assert sum("already_running" not in line for line in lines) == 1
        for one in starts:
            one.terminate()
        for one in starts:
            one.communicate(timeout=30)


def test_a_start_while_the_first_is_ending_takes_over_after_it(tmp_path: Path) -> None:
    with silent_collector() as endpoint:
        env = {"TELEMETRY_DATA_DIR": str(tmp_path / "d"), "TELEMETRY_SHUTDOWN_GRACE_S": "1"}
        with start_daemon({**env, "TELEMETRY_ENDPOINT": endpoint}) as first:
            with first.client() as client:
                client.emit({"event_type": "ChatTurn"})
            first.process.terminate()
            wait_until(lambda: not (first.data_dir / "runtime.json").exists())
            assert first.process.poll() is None
            with start_daemon(env) as second:
                assert "already_running" not in second.ready
                assert first.wait() == 0
                assert len(second.pending()) == 1


# -- exit codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEMETRY_ENABLED", "perhaps"),
        ("TELEMETRY_FULL_CONTENT", "2"),
        ("TELEMETRY_LEVEL", "everything"),
        ("TELEMETRY_CONSENT_MODEL", "opt-in"),
        ("TELEMETRY_FEATURE", "maybe"),
        ("TELEMETRY_LOCAL", "x"),
        ("TELEMETRY_ENDPOINT", "collector.example"),
        ("TELEMETRY_ENDPOINT", "http://collector.example"),
        ("TELEMETRY_EXPORTER", "pigeon"),
        ("TELEMETRY_EXPORTER", "http,,pigeon"),
        ("TELEMETRY_APP_ID", "../up"),
        ("TELEMETRY_USER_ID", "a b"),
        ("TELEMETRY_IDENTITY", "mac"),
        ("TELEMETRY_DATA_DIR", "~nobody-of-that-name/x"),
        ("TELEMETRY_CATALOG", "/nowhere/telemetry.catalog.toml"),
        ("TELEMETRY_SPOOL_MAX_BYTES", "50MB"),
        ("TELEMETRY_SPOOL_MAX_AGE_DAYS", "nan"),
        ("TELEMETRY_FLUSH_INTERVAL_S", "-1"),
        ("TELEMETRY_SHUTDOWN_GRACE_S", "inf"),
        ("TELEMETRY_DELETION", "email:"),
        ("TELEMETRY_CA_FILE", "/nowhere/ca.pem"),
        ("TELEMETRY_CA_FILE", "/etc/passwd"),
        ("TELEMETRY_PROXY", "not a proxy"),
    ],
)
def test_a_bad_setting_ends_with_2_and_one_line_that_names_it(
    tmp_path: Path, name: str, value: str
) -> None:
    ended = run({"TELEMETRY_DATA_DIR": str(tmp_path / "d"), name: value})
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert name in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1
    assert not (tmp_path / "d" / "runtime.json").exists()


def test_a_secret_in_the_wrong_variable_is_not_repeated(tmp_path: Path) -> None:
    ended = run({"TELEMETRY_DATA_DIR": str(tmp_path / "d"), "TELEMETRY_LEVEL": "hunter2secret"})
    assert b"hunter2secret" not in ended.stderr


def test_an_unknown_option_ends_with_2() -> None:
    assert run({}, "--listen=0.0.0.0").returncode == 2
    assert run({}, "--port", "99999").returncode == 2
    assert run({}, "--port").returncode == 2


def test_a_data_directory_that_cannot_be_used_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/sidespool")):
        ended = run({"TELEMETRY_DATA_DIR": str(place)})
        assert ended.returncode == 3, place
        assert ended.stdout == b""
        assert ended.stderr.count(b"\n") == 1
        assert "TELEMETRY_DATA_DIR" in ended.stderr.decode()


def test_a_file_where_a_directory_should_be_ends_with_3_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    ended = run({"TELEMETRY_DATA_DIR": str(tmp_path)})
    assert ended.returncode == 3
    assert b"Traceback" not in ended.stderr
    assert not (tmp_path / "runtime.json").exists()


def test_a_taken_port_ends_with_4(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run({"TELEMETRY_DATA_DIR": str(tmp_path / "d")}, "--port", str(port))
    assert ended.returncode == 4
    assert str(port) in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1


def test_a_fixed_port_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with start_daemon({"TELEMETRY_DATA_DIR": str(tmp_path / "d")}, f"--port={port}") as daemon:
        assert daemon.port == port
