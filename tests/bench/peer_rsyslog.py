"""rsyslog with a queue on disk, as a peer: the same events, one a line, over TCP on loopback.

It neither checks, scrubs, compresses on disk, syncs nor acknowledges; its sink is away, so that
all of it stays in its queue. Taken from the path, or unpacked from Debian's packages into
`.make/peers` (nothing is installed); where neither can be had the rows go without a peer.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import gauges

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".make" / "peers"
PACKAGES = ("rsyslog", "libestr0", "libfastjson4")
CONFIG = """
global(workDirectory="{folder}/queue" maxMessageSize="64k")
module(load="imptcp")
input(type="imptcp" address="127.0.0.1" port="{port}" ruleset="keep")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="keep" queue.type="FixedArray" queue.size="1000") {{
  action(type="omfwd" target="127.0.0.1" port="{away}" protocol="tcp" template="raw"
    action.resumeRetryCount="-1" action.resumeInterval="600"
    queue.type="Disk" queue.filename="spool" queue.maxDiskSpace="2g" queue.maxFileSize="1m"
    queue.size="10000000" queue.timeoutEnqueue="600000")
}}
"""


@dataclass
class Peer:
    """What it took in."""

    cpu_us: float
    rate: float
    disk_bytes: float
    peak_mb: float


def find() -> tuple[Path, dict[str, str]] | None:
    """The program and its environment; None where it cannot be had."""
    installed = shutil.which("rsyslogd")
    if installed:
        return Path(installed), dict(os.environ)
    program = PEERS / "usr/sbin/rsyslogd"
    if not program.exists():
        _unpack()
    if not program.exists():
        return None
    libraries = next((PEERS / "usr/lib").glob("*/rsyslog"))
    return program, {**os.environ, "LD_LIBRARY_PATH": str(libraries.parent)}


def _unpack() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return
    PEERS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = ["apt-get", "download", "-q", *PACKAGES]
        if subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode:
            return
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(PEERS)], check=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def measure(frames: list[bytes], count: int) -> Peer | None:
    """Feeds it `count` lines, and waits until its queue's threads rest."""
    found = find()
    if found is None:
        return None
    program, environment = found
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), _free_port()
        (folder / "queue").mkdir()
        config = folder / "rsyslog.conf"
        config.write_text(CONFIG.format(folder=folder, port=port, away=_free_port()))
        libraries = next(program.parents[1].glob("lib/*/rsyslog"))
        command = [program, "-n", "-f", config, "-i", folder / "pid", "-M", libraries]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                return _fed(process.pid, port, folder, frames, count)
            finally:
                process.kill()


def _fed(pid: int, port: int, folder: Path, frames: list[bytes], count: int) -> Peer:
    # A line of syslog carries the event's JSON behind its head.
    lines = [b"<14>1 - - app - - - " + frame + b"\n" for frame in frames]
    parts = [b"".join(lines[n : n + 150]) for n in range(0, len(lines), 150)]
    gauges.pin(pid, 0)
    link = _connect(port)
    before, start = gauges.cpu_s(pid), time.perf_counter()
    sent = 0
    while sent < count:
        for n, part in enumerate(parts):
            link.sendall(part)
            sent += min(150, len(lines) - n * 150)
            if sent >= count:
                break
    used = _rested(pid)
    wall = time.perf_counter() - start - REST_S
    link.close()
    disk = sum(path.stat().st_size for path in (folder / "queue").iterdir())
    peak = gauges.memory_mb(pid, "VmHWM")
    return Peer((used - before) / sent * 1e6, sent / wall, disk / sent, peak)


def _connect(port: int) -> socket.socket:
    limit = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


REST_S = 0.3


def _rested(pid: int) -> float:
    """Its CPU seconds, once they stand still."""
    last = -1.0
    while (now := gauges.cpu_s(pid)) - last > 0.005:
        last = now
        time.sleep(REST_S)
    return now
