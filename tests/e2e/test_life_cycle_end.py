"""Every way in which a daemon ends, what it loads and what it says meanwhile."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon import RunningDaemon, clean_environment, start_daemon, wait_until


def run(
    env: dict[str, str], *flags: str, stdin: int | None = subprocess.DEVNULL
) -> subprocess.CompletedProcess[bytes]:
    """`sidespool run` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "sidespool", "run", *flags],
        env=clean_environment(env), stdin=stdin, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@contextlib.contextmanager
def silent_collector() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


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


def test_a_daemon_that_nobody_asked_anything_has_loaded_no_web_server(
    tmp_path: Path,
) -> None:
    # nor anything to watch: there is no settings file, and no folder of a policy
    with start_daemon({}, "--policy-file", str(tmp_path / "none" / "policy.json")) as daemon:
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
