"""Durable ingest over the Unix socket: CPU an event, events a second, bytes on disk.

The floor, in the same run: parsing the same frames with json and compressing them with zlib
level 1, in one process, with no check, no scrubbing, no disk and no answer. Run:
`.venv/bin/python tests/bench/bench_ingest.py`.
"""

import json
import os
import socket
import sys
import threading
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.daemon import RunningDaemon, start_daemon
from support.event_mix import frames

CASES = ((100, 4_000, 0.0), (20, 20_000, 0.0), (1, 200_000, 0.0), (100, 4_000, 2.5))
SETTINGS = {"TELEMETRY_SPOOL_MAX_BYTES": str(2**30), "TELEMETRY_FLUSH_INTERVAL_S": "600"}


def cpu_s(pid: int) -> float:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Peak resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def feed(daemon: RunningDaemon, made: list[bytes], count: int) -> float:
    """Sends `count` frames, reads every ack; wall seconds."""
    link = socket.socket(socket.AF_UNIX)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    link.connect(daemon.socket)
    link.sendall(json.dumps({"op": "hello", "token": daemon.token}).encode() + b"\n")
    answers = link.makefile("rb")
    answers.readline()
    together = max(1, 65_536 // len(made[0]))

    def send() -> None:
        sent = 0
        while sent < count:
            part = [made[n % len(made)] for n in range(sent, min(sent + together, count))]
            link.sendall(b"".join(part))
            sent += len(part)

    start = time.perf_counter()
    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(count):
        answers.readline()
    sender.join()
    return time.perf_counter() - start


def floor_us(made: list[bytes], per_frame: int) -> float:
    """CPU µs an event of json.loads and zlib level 1 on the same frames."""
    deflate = zlib.compressobj(1)
    start = time.process_time()
    for frame in made:
        json.loads(frame)
        deflate.compress(frame)
    return (time.process_time() - start) / len(made) / per_frame * 1e6


def measure(per_frame: int, count: int, errors: float) -> str:
    """One row of the table."""
    made = frames(per_frame, min(count, 20_000 // per_frame), errors=errors)
    with start_daemon(SETTINGS) as daemon:
        pid = daemon.process.pid
        os.sched_setaffinity(pid, {0})
        os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
        before = cpu_s(pid)
        wall_s = feed(daemon, made, count)
        used = (cpu_s(pid) - before) / (per_frame * count) * 1e6
        disk = sum(path.stat().st_size for path in (daemon.data_dir / "spool").iterdir())
        peak = memory_mb(pid)
    total = per_frame * count
    floor = floor_us(made, per_frame)
    size = sum(map(len, made)) / len(made) / per_frame
    return (
        f"{per_frame:>6} {errors:>6} % {size:>7.0f} B {total / wall_s:>12,.0f} {used:>9.2f} "
        f"{floor:>9.2f} {used / floor:>7.2f} {disk / total:>8.1f} B {peak:>7.0f} MB"
    )


def main() -> None:
    """Prints the table."""
    print("Durable ingest, Unix socket, daemon on one core; acknowledged after fdatasync")
    print(
        f"{'a frame':>6} {'errors':>7} {'event':>8} {'events/s':>13} {'CPU µs':>9} "
        f"{'floor µs':>9} {'ratio':>7} {'on disk':>10} {'peak':>9}"
    )
    for case in CASES:
        print(measure(*case))


if __name__ == "__main__":
    main()
