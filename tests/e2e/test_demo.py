"""The demo from its first line to its last, as a process of its own."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.daemon import clean_environment, wait_until

FAST = ("--speed", "20", "--installs", "3")


def start(tmp_path: Path, *args: str) -> "subprocess.Popen[str]":
    """The demo in a temporary folder that can be looked at afterwards."""
    return subprocess.Popen(
        [sys.executable, "-m", "sidespool", "demo", *FAST, *args],
        env=clean_environment(
            {"TMPDIR": str(tmp_path), "DO_NOT_TRACK": "1", "TELEMETRY_LEVEL": "off"}
        ),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_play_loses_doubles_and_leaks_nothing(tmp_path: Path, seed: str) -> None:
    out, err = start(tmp_path, "--exit", "--json", "--seed", seed).communicate(timeout=100)
    said = json.loads(out)
    assert err == ""
    assert said["ok"] is True
    assert said["lost"] == said["duplicated"] == 0
    assert said["canaries_found"] == []
    assert said["acknowledged"] == said["stored"] > 300
    assert said["uploaded"] == said["stored"] + said["made_by_daemon"]
    assert said["emitted"] == said["acknowledged"] + sum(said["rejected"].values())
    assert said["history"] == said["history_stored"] > 200
    assert said["rejected"] == {"consent_off": 5, "level_too_low": 3}
    assert list(tmp_path.iterdir()) == []


def test_the_dashboard_stays_until_ctrl_c_and_nothing_is_left(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Dashboard: "):
        lines.append(process.stdout.readline())
        assert lines[-1] or process.poll() is None, "".join(lines)
    url = lines[-1].split()[1]
    with urllib.request.urlopen(url, timeout=30) as page:
        assert b"Sessions" in page.read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_the_middle_ends_every_process(tmp_path: Path) -> None:
    process = start(tmp_path, "--speed", "0.2")
    runtime = wait_until(lambda: list(tmp_path.glob("*/data/runtime.json")))
    pid = wait_until(lambda: json.loads(runtime[0].read_text() or "{}").get("pid"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 1
    wait_until(lambda: has_ended(pid))
    assert list(tmp_path.iterdir()) == []


def has_ended(pid: int) -> bool:
    """Gone, or a zombie that nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        _, err = start(tmp_path, "--exit", "--port", port).communicate(timeout=60)
    assert err.count("\n") == 1
    assert port in err
