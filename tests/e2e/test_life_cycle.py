"""From the ready line to the exit code, seen from outside, on real processes."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemon import RunningDaemon, clean_environment, start_daemon, wait_until

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


# -- the end -------------------------------------------------------------------------------------


def ask_shutdown(daemon: RunningDaemon) -> None:
    with daemon.client() as client:
        assert client.ask("shutdown")["op"] == "result"


def stdio_shutdown(daemon: RunningDaemon) -> None:
    assert daemon.stdio().ask("shutdown")["op"] == "result"


ENDINGS = {
    "SIGTERM": lambda daemon: daemon.process.send_signal(signal.SIGTERM),
    "SIGINT": lambda daemon: daemon.process.send_signal(signal.SIGINT),
    "end of stdin": RunningDaemon.end_stdin,
    "shutdown on the socket": ask_shutdown,
    "shutdown on stdio": stdio_shutdown,
}


@pytest.mark.parametrize("way", ENDINGS)
def test_every_way_to_end_seals_what_there_is_and_exits_with_0(way: str) -> None:
    with start_daemon({}, "--stdio") as daemon:
        with daemon.client() as client:
            assert client.emit({"event_type": "ChatTurn"})["accepted"] == 1
        ENDINGS[way](daemon)
        assert daemon.wait() == 0
        names = [path.name for path in (daemon.data_dir / "spool").iterdir()]
        assert [name.partition(".")[2] for name in names] == ["v1.sealed"]
        assert not (daemon.data_dir / "runtime.json").exists()
        assert daemon.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_right_after_the_ready_line_is_obeyed(number: signal.Signals) -> None:
    for _ in range(3):
        with start_daemon() as daemon:
            daemon.process.send_signal(number)
            assert daemon.wait() == 0
            assert not (daemon.data_dir / "runtime.json").exists()
            assert daemon.stderr == ""


def test_without_the_flag_the_end_of_stdin_ends_nothing() -> None:
    with start_daemon() as daemon:
        daemon.end_stdin()
        assert daemon.request("GET", "/v1/settings").status == 200


def test_exit_with_stdin_takes_no_frames() -> None:
    with start_daemon({}, "--exit-with-stdin") as daemon:
        assert daemon.process.stdin is not None
        daemon.process.stdin.write(b'{"op":"shutdown","id":1}\n')
        daemon.process.stdin.flush()
        assert daemon.request("GET", "/v1/settings").status == 200
        daemon.end_stdin()
        assert daemon.wait() == 0


@pytest.mark.parametrize("grace_s", ["0", "1.5"])
def test_a_collector_that_hangs_does_not_hold_up_the_end(grace_s: str) -> None:
    """Measured from the end of stdin to the exit; a second over the grace is the limit."""
    with (
        silent_collector() as endpoint,
        start_daemon(
            {
                "TELEMETRY_ENDPOINT": endpoint,
                "TELEMETRY_TOKEN": "t",
                "TELEMETRY_SHUTDOWN_GRACE_S": grace_s,
                "TELEMETRY_FLUSH_INTERVAL_S": "0.05",
            },
            "--stdio",
        ) as daemon,
    ):
        with daemon.client() as client:
            client.emit({"event_type": "ChatTurn"})
            wait_until(lambda: daemon.status()["upload"]["in_flight"])
            begun = time.monotonic()
            daemon.end_stdin()
            assert daemon.wait() == 0
            took_s = time.monotonic() - begun
        print(f"grace {grace_s} s: ended after {took_s:.2f} s")
        assert took_s <= float(grace_s) + 1.0  # the promise itself
        assert len(list((daemon.data_dir / "spool").iterdir())) == 1


def test_idle_clients_on_every_door_do_not_hold_up_the_end() -> None:
    websockets = pytest.importorskip("websockets.sync.client")
    with start_daemon({"TELEMETRY_SHUTDOWN_GRACE_S": "1"}, "--stdio") as daemon:
        url = daemon.url.replace("http", "ws") + "/v1/socket"
        pair = ["sidespool.v1", f"token.{daemon.token}"]
        with (
            daemon.client(),
            websockets.connect(url, subprotocols=pair) as page,
            socket.create_connection(("127.0.0.1", daemon.port)),
        ):
            begun = time.monotonic()
            daemon.process.terminate()
            assert daemon.wait() == 0
            assert time.monotonic() - begun <= 2.0  # the grace and a second
            with pytest.raises(Exception, match="1001"):
                page.recv(timeout=5)


def test_what_stdin_said_before_its_end_is_answered_and_kept(tmp_path: Path) -> None:
    frames = [
        {"op": "hello", "client": "electron-main"},
        {"op": "emit", "id": 1, "events": [{"event_type": "ChatTurn"}]},
        {"op": "status", "id": 2},
    ]
    said = "\n".join(json.dumps(frame) for frame in frames)  # no line end after the last
    ended = subprocess.run(
        [sys.executable, "-m", "sidespool", "run", "--stdio"],
        env=clean_environment({"TELEMETRY_DATA_DIR": str(tmp_path / "d")}),
        input=said.encode(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    replies = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0
    assert replies[0]["op"] == "ready"
    by_id = {reply.get("id"): reply for reply in replies[1:]}
    assert by_id[1]["accepted"] == 1
    assert by_id[2]["op"] == "result"


def test_a_parent_that_closed_its_end_of_stdout_costs_nothing(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "sidespool", "run", "--stdio"],
        env=clean_environment({"TELEMETRY_DATA_DIR": str(tmp_path / "d")}),
        stdin=subprocess.PIPE, stdout=write_end, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(write_end)
    assert os.read(read_end, 4096).startswith(b'{"op":"ready"')
    os.close(read_end)
    frame = json.dumps({"op": "emit", "id": 1, "events": [{"event_type": "ChatTurn"}]})
    _, stderr = process.communicate(f"{frame}\n".encode() * 10, timeout=30)
    assert process.returncode == 0
    assert stderr == b""


# -- what it says, and what it loads -------------------------------------------------------------


def test_unknown_settings_are_reported_with_the_nearest_known_one() -> None:
    with start_daemon({"TELEMETRY_ENDPIONT": "x", "TELEMETRY_ZZZ": "1"}) as daemon:
        warnings = daemon.status()["warnings"]
        assert any("TELEMETRY_ENDPIONT" in one and "TELEMETRY_ENDPOINT" in one for one in warnings)
        assert any("TELEMETRY_ZZZ" in one for one in warnings)
        log = (daemon.data_dir / "logs" / "daemon.log").read_text()
        assert "TELEMETRY_ENDPIONT" in log


def test_verbose_says_on_stderr_what_the_log_says() -> None:
    with start_daemon({}, "--verbose") as daemon:
        wait_until(lambda: "started" in daemon.stderr)
        assert daemon.terminate() == 0
        assert daemon.stderr == (daemon.data_dir / "logs" / "daemon.log").read_text()


SPY = """
import sys
from sidespool.runtime import doorstep
def announce(_):
    print("\\n".join(sorted(sys.modules)))
    sys.stdout.flush()
    raise SystemExit(0)
doorstep.announce = announce
from sidespool.cli.run import main
main([])
"""
HEAVY = ("aiohttp", "ssl", "pydantic", "pydantic_settings", "keyring", "watchfiles", "jinja2",
         "click", "rich", "asyncio", "platformdirs", "aiofiles", "yarl", "anyio", "re2",
         "isal", "logging", "urllib.request", "email")  # fmt: skip


def test_nothing_heavy_is_imported_before_the_ready_line(tmp_path: Path) -> None:
    env = clean_environment({"TELEMETRY_DATA_DIR": str(tmp_path / "d")})
    ended = subprocess.run(
        [sys.executable, "-I", "-c", SPY], env=env, capture_output=True, timeout=60, check=True
    )
    loaded = set(ended.stdout.decode().split())
    assert "sidespool.config" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_daemon_that_nobody_asked_anything_has_loaded_no_web_server() -> None:
    with start_daemon() as daemon:
        with daemon.client() as client:
            client.emit({"event_type": "ChatTurn"})
        maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
        assert "aiohttp" not in maps
        assert "pydantic" not in maps
        assert "watchfiles" not in maps


def test_the_log_is_rotated_within_five_mebibytes_and_holds_no_event(tmp_path: Path) -> None:
    from sidespool.runtime import log

    log.start_log(tmp_path, verbose=False)
    try:
        for number in range(60_000):
            log.LOGGER.warning("%06d %s", number, "x" * 100)
        sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    finally:
        for handler in log.LOGGER.handlers:
            handler.close()
        log.LOGGER.handlers = []
    assert 3 * 1024 * 1024 < sum(sizes) <= 5 * 1024 * 1024
