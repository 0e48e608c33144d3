"""Rows of waiting: from emit to the durable acknowledgement, beside the disk's own time.

A client sends what an application made in 2 ms as one frame, at 10,000 and at 100,000 events a
second, and takes the time until its ack has arrived. What fdatasync takes by itself is measured
on the same disk just before and just after.
"""

import select
import socket
import tempfile
import time
from pathlib import Path

import corpus
import gauges
import load
from measure_ingest import SETTINGS
from table import Row

from support.daemon import start_daemon

TICK_S = 0.002
SECONDS = 5


def waited_ms(link: socket.socket, made: list[bytes]) -> list[float]:
    """Milliseconds to each frame's ack, one frame a tick."""
    link.setblocking(False)
    poll = select.poll()
    poll.register(link, select.POLLIN)
    sent: list[float] = []
    waits: list[float] = []
    start = time.perf_counter()
    while len(waits) < len(made):
        now = time.perf_counter()
        due = start + len(sent) * TICK_S
        if len(sent) < len(made) and now >= due:
            link.setblocking(True)
            link.sendall(made[len(sent)])
            link.setblocking(False)
            sent.append(now)
            continue
        pause_s = due - now if len(sent) < len(made) else 1.0
        # The last half millisecond is waited for awake: sleeping is not that exact.
        if poll.poll(max(pause_s * 1_000 - 0.5, 0)):
            arrived = link.recv(262_144).count(b"\n")
            now = time.perf_counter()
            for _ in range(arrived):
                waits.append((now - sent[len(waits)]) * 1_000)
    return waits


def at_rate(rate: int) -> tuple[list[float], float]:
    """Waits at so many events a second, and the p99 of the disk's own sync."""
    per_frame = int(rate * TICK_S)
    made = load.as_lines(corpus.frames(per_frame, 200))
    with tempfile.TemporaryDirectory() as name, start_daemon(SETTINGS) as daemon:
        gauges.pin(daemon.process.pid, 0)
        gauges.pin(0, 1)
        folder = Path(name)
        with load.unix_link(daemon) as link:
            load.feed(link, made, len(made), web=False)
            disk = gauges.fsync_ms(folder)
            frames = [made[n % len(made)] for n in range(int(SECONDS / TICK_S))]
            waits = waited_ms(link, frames)
            disk += gauges.fsync_ms(folder)
    return waits, gauges.percentile(disk, 0.99)


def rows() -> list[Row]:
    """Both rates; the bar is 2 or 5 ms and 2.2 times the disk's p99."""
    made = []
    for rate, bar_ms in ((10_000, 2.0), (100_000, 5.0)):
        waits, disk_ms = at_rate(rate)
        p50, p99 = gauges.percentile(waits, 0.5), gauges.percentile(waits, 0.99)
        notes = [f"p50 {p50:.2f} ms, fdatasync alone p99 {disk_ms:.2f} ms"]
        bar = bar_ms + 2.2 * disk_ms
        made.append(
            Row(f"emit to durable ack, {rate:,} events/s, p99", p99, "ms", bar, notes=notes)
        )
    return made
