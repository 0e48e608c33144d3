"""Contract 1.1: how the daemon comes up, is found, and goes."""

import base64
import json
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.blackbox.outside_world import Collector, Daemon, chat, gunzip_all, verb

Start = Callable[..., Daemon]


def test_the_ready_line_is_the_only_line_and_has_these_keys(start: Start) -> None:
    daemon = start()
    assert daemon.ready["op"] == "ready"
    assert daemon.ready["protocol"] == 1
    assert list(daemon.ready) == ["op", "protocol", "version", "pid", "url", "socket", "token"]
    assert daemon.ready["pid"] == daemon.process.pid
    assert isinstance(daemon.ready["version"], str)
    daemon.emit(chat())
    assert daemon.stop() == 0
    assert daemon.said.count(b"\n") == 1
    assert daemon.errors() == ""


def test_runtime_json_is_the_ready_object_private_and_gone_at_the_end(start: Start) -> None:
    daemon = start()
    path = daemon.data / "runtime.json"
    assert json.loads(path.read_text()) == daemon.ready
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert daemon.stop() == 0
    assert not path.exists()


def test_the_unix_socket_lies_in_a_private_directory(start: Start) -> None:
    daemon = start()
    path = Path(daemon.ready["socket"])
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_data_directory_too_deep_for_a_socket_still_works(start: Start, tmp_path: Path) -> None:
    daemon = start(data=tmp_path / ("d" * 90) / ("e" * 90))
    if daemon.ready["socket"] is not None:
        with daemon.unix() as lines:
            lines.send({"op": "hello", "client": "x", "token": daemon.token})
            assert lines.receive()["op"] == "welcome"
        assert stat.S_IMODE(Path(daemon.ready["socket"]).parent.stat().st_mode) == 0o700
    assert daemon.emit(chat())["accepted"] == 1


def test_it_listens_on_loopback_alone(start: Start) -> None:
    daemon = start()
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            if words[3] == "0A" and int(port, 16) == daemon.port:
                found.append(address)
    assert found == ["0100007F"]


def test_the_token_is_256_bits_and_new_at_each_start(start: Start) -> None:
    first = start()
    first.stop()
    second = start()
    assert first.token != second.token
    for token in (first.token, second.token):
        padded = token + "=" * (-len(token) % 4)
        raw = bytes.fromhex(token) if len(token) == 64 else base64.urlsafe_b64decode(padded)
        assert len(raw) == 32


def test_the_token_is_not_in_argv_and_not_in_any_log(start: Start) -> None:
    daemon = start("--verbose")
    daemon.emit(chat())
    daemon.http("GET", "/v1/status", token="wrong" * 8)
    assert daemon.token.encode() not in Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()
    daemon.stop()
    assert daemon.token not in daemon.errors()
    for path in (daemon.data / "logs").rglob("*"):
        assert daemon.token.encode() not in path.read_bytes()


def test_a_fixed_port_is_listened_on(start: Start) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = start("--port", str(port))
    assert daemon.ready["url"] == f"http://127.0.0.1:{port}"


def test_a_taken_port_is_exit_4(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon = start("--port", str(taken.getsockname()[1]), ready=False)
        assert daemon.wait() == 4
    assert daemon.said == b""
    errors = daemon.errors()
    assert errors.count("\n") == 1, errors


def test_a_file_in_place_of_the_data_directory_is_exit_3(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    daemon = start(data=tmp_path / "file", ready=False)
    assert daemon.wait() == 3
    assert daemon.errors().count("\n") == 1


def test_a_data_directory_below_a_file_is_exit_3(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    daemon = start(data=tmp_path / "file" / "x", ready=False)
    assert daemon.wait() == 3


def test_an_unwritable_place_is_exit_3(start: Start) -> None:
    daemon = start(data=Path("/proc/nowhere/sidespool"), ready=False)
    assert daemon.wait() == 3
    assert daemon.errors().count("\n") == 1


def test_a_second_start_shows_the_first_and_ends_well(start: Start) -> None:
    first = start()
    second = start()
    assert second.ready == {**first.ready, "already_running": True}
    assert second.wait() == 0
    assert second.said.count(b"\n") == 1
    assert first.emit(chat())["accepted"] == 1
    assert (first.data / "runtime.json").exists()


def test_what_a_killed_daemon_left_is_taken_over(start: Start) -> None:
    first = start()
    first.emit(chat())
    first.process.kill()
    first.wait()
    assert (first.data / "runtime.json").exists()
    second = start()
    assert "already_running" not in second.ready
    assert second.ready["pid"] == second.process.pid
    assert second.flush()["pending"] >= 1


def test_a_runtime_file_of_a_living_stranger_is_taken_over(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    lie = {
        "op": "ready",
        "protocol": 1,
        "version": "0",
        "pid": os.getpid(),
        "url": "http://127.0.0.1:9",
        "socket": None,
        "token": "x",
    }
    (data / "runtime.json").write_text(json.dumps(lie))
    daemon = start()
    assert "already_running" not in daemon.ready
    assert json.loads((data / "runtime.json").read_text())["pid"] == daemon.process.pid


def test_a_torn_runtime_file_is_taken_over(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "runtime.json").write_bytes(b'{"op":"rea')
    assert start().ready["op"] == "ready"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signals_seal_upload_and_end_with_0(
    start: Start, collector: Collector, how: signal.Signals
) -> None:
    daemon = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    daemon.emit(chat())
    assert daemon.stop(how) == 0
    assert [e["event_type"] for b in collector.batches for e in b.events].count("ChatTurn") == 1


@pytest.mark.parametrize("flag", ["--stdio", "--exit-with-stdin"])
def test_the_end_of_stdin_is_the_end_of_the_daemon(
    start: Start, collector: Collector, flag: str
) -> None:
    daemon = start(flag, TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    daemon.emit(chat())
    assert daemon.process.stdin is not None
    daemon.process.stdin.close()
    assert daemon.wait() == 0
    assert [e["event_type"] for b in collector.batches for e in b.events].count("ChatTurn") == 1
    assert not (daemon.data / "runtime.json").exists()


def test_without_those_flags_the_end_of_stdin_means_nothing(start: Start) -> None:
    daemon = start()
    assert daemon.process.stdin is not None
    daemon.process.stdin.close()
    time.sleep(0.3)
    assert daemon.emit(chat())["accepted"] == 1


def test_at_the_end_what_cannot_be_sent_is_left_sealed(start: Start) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = start(TELEMETRY_ENDPOINT=f"http://127.0.0.1:{port}", TELEMETRY_SHUTDOWN_GRACE_S="2")
    daemon.emit(chat())
    assert daemon.stop() == 0
    names = [p.name for p in (daemon.data / "spool").iterdir()]
    assert [n for n in names if n.endswith(".v1.sealed")], names
    assert not [n for n in names if n.endswith(".v1.active")], names


def test_the_grace_is_never_outlived(start: Start) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        daemon = start(
            TELEMETRY_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
            TELEMETRY_SHUTDOWN_GRACE_S="1",
        )
        daemon.emit(chat())
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 2.5
    sealed = [p for p in (daemon.data / "spool").iterdir() if p.name.endswith(".v1.sealed")]
    assert b"ChatTurn" in b"".join(gunzip_all(p.read_bytes()) for p in sealed)


def test_the_shutdown_op_ends_it(start: Start) -> None:
    daemon = start()
    with daemon.socket() as client:
        answer = client.ask({"op": "shutdown", "id": 5})
        assert answer["op"] == "result"
    assert daemon.wait() == 0
    assert not (daemon.data / "runtime.json").exists()


def test_stdio_takes_frames_without_a_token(start: Start) -> None:
    daemon = start("--stdio")
    daemon.say({"op": "hello", "client": "electron-main"})
    welcome = daemon.line()
    assert welcome["op"] == "welcome"
    assert {"session_id", "level", "settings"} <= set(welcome)
    answer = daemon.ask({"op": "emit", "id": 1, "events": [chat()]})
    assert answer == {"op": "ack", "id": 1, "accepted": 1, "rejected": []}
    assert daemon.ask({"op": "status", "id": 2})["op"] == "result"


def test_stdio_works_without_hello(start: Start) -> None:
    daemon = start("--stdio")
    answer = daemon.ask({"op": "emit", "id": 1, "events": [chat()]})
    assert answer["accepted"] == 1


def test_stdio_survives_a_malformed_line(start: Start) -> None:
    daemon = start("--stdio")
    daemon.say("{nonsense")
    answer = daemon.line()
    assert answer["op"] == "error"
    assert answer["reason"] == "malformed"
    assert daemon.ask({"op": "emit", "id": 1, "events": [chat()]})["accepted"] == 1


def test_a_token_handed_over_on_stdio_is_used(start: Start, collector: Collector) -> None:
    daemon = start("--stdio", TELEMETRY_ENDPOINT=collector.url)
    daemon.ask({"op": "set", "id": 1, "secrets": {"collector_token": "hand-over"}})
    daemon.ask({"op": "emit", "id": 2, "events": [chat()]})
    daemon.ask({"op": "flush", "id": 3})
    assert collector.batches[-1].headers["authorization"] == "Bearer hand-over"


def test_logs_lie_in_the_data_directory(start: Start) -> None:
    daemon = start()
    daemon.stop()
    assert any((daemon.data / "logs").iterdir())
    assert sum(p.stat().st_size for p in (daemon.data / "logs").iterdir()) <= 5 * 2**20


def test_verbose_says_it_on_stderr_too(start: Start) -> None:
    daemon = start("--verbose")
    daemon.stop()
    assert daemon.errors().strip()
    assert daemon.said.count(b"\n") == 1


def test_everything_written_lies_in_the_data_directory(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    daemon = start(HOME=str(home), XDG_RUNTIME_DIR=str(home), TMPDIR=str(home))
    daemon.emit(chat())
    daemon.flush()
    daemon.stop()
    assert list(home.rglob("*")) == []


def test_the_status_verb_finds_the_daemon(start: Start) -> None:
    daemon = start()
    done = verb("status", "--json", data=daemon.data)
    assert done.returncode == 0
    assert json.loads(done.stdout)["level"] == "usage"
