"""Rows of taking in: CPU an event, events a second, bytes on disk; and out again over TLS.

The daemon runs on one core, the load on the other. Beside it, in the same run: the floor
(json.loads, and zlib level 1 of the same bytes, in one process: no check, no scrubbing, no disk,
no answer) and rsyslog with a queue on disk (peer_rsyslog.py).
"""

import json
import tempfile
import time
import zlib
from pathlib import Path

import corpus
import gauges
import load
import peer_rsyslog
import tls_sink
from table import Row

from support.daemon import RunningDaemon, start_daemon, wait_until

SETTINGS = {
    "TELEMETRY_SPOOL_MAX_BYTES": str(2**30),
    "TELEMETRY_FLUSH_INTERVAL_S": "600",
    "TELEMETRY_APP_ID": "assistant",
    "TELEMETRY_APP_VERSION": "2.17.2",
}
EVENTS = 400_000
DRAINED = 1_000_000


def disk_bytes(daemon: RunningDaemon) -> int:
    """Bytes of the spool."""
    return sum(path.stat().st_size for path in (daemon.data_dir / "spool").iterdir())


class Fed:
    """What it cost to feed a daemon `count` frames of `per_frame` events."""

    def __init__(self, per_frame: int, *, web: bool = False, fresh: bool = False) -> None:
        self.events = EVENTS // per_frame * per_frame
        count = self.events // per_frame
        frames = corpus.frames(per_frame, min(count, 40_000 // per_frame), fresh=fresh)
        made = load.as_messages(frames) if web else load.as_lines(frames)
        self.size_bytes = sum(map(len, frames)) / len(frames) / per_frame
        with start_daemon(SETTINGS) as daemon:
            pid = daemon.process.pid
            gauges.pin(pid, 0)
            gauges.pin(0, 1)
            with (load.web_link if web else load.unix_link)(daemon) as link:
                load.feed(link, made, len(frames) // 4, web=web)  # warm, as it is after a minute
                before, on_disk = gauges.cpu_s(pid), disk_bytes(daemon)
                self.wall_s = load.feed(link, made, count, web=web)
                self.cpu_us = (gauges.cpu_s(pid) - before) / self.events * 1e6
            self.disk_bytes = (disk_bytes(daemon) - on_disk) / self.events
            self.peak_mb = gauges.memory_mb(pid, "VmHWM")

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.wall_s


def floor_us() -> float:
    """CPU µs an event of json.loads and zlib level 1."""
    frames = corpus.frames(100, 200)
    deflate = zlib.compressobj(1)
    start = time.process_time()
    for frame in frames:
        json.loads(frame)
        deflate.compress(frame)
    return (time.process_time() - start) / len(frames) / 100 * 1e6


def best(*runs: Fed) -> Fed:
    """The run that neighbours disturbed least."""
    return min(runs, key=lambda one: one.cpu_us)


def one_commit_bytes() -> float:
    """Bytes on disk of an event that is committed alone."""
    made = load.as_lines(corpus.frames(1, 400))
    with start_daemon(SETTINGS) as daemon, load.unix_link(daemon) as link:
        load.feed(link, made[:1], 1, web=False)
        before = disk_bytes(daemon)
        for frame in made:
            load.feed(link, [frame], 1, web=False)
        return (disk_bytes(daemon) - before) / len(made)


def rows() -> list[Row]:
    """CPU in, sustained, both doors, bytes, peak."""
    floor = floor_us()
    peer = peer_rsyslog.measure(corpus.frames(1, 20_000), EVENTS)
    unix = best(Fed(100), Fed(100))
    fresh = Fed(100, fresh=True)
    one = Fed(1)
    web_20, web_1 = Fed(20, web=True), Fed(1, web=True)
    about = f"{unix.size_bytes:.0f}-byte events, 2.5 % of them errors of 48 lines"
    told = [f"json and zlib alone {floor:.2f} µs", about]
    in_peer = f"rsyslog {peer.cpu_us:.1f} µs" if peer else ""
    peer_rate = f"rsyslog {peer.rate:,.0f}" if peer else ""
    peer_bytes = f"rsyslog {peer.disk_bytes:.0f} B" if peer else ""
    ratio = [f"{unix.rate / peer.rate:.2f} × rsyslog"] if peer else []
    peaks = max(one.peak_mb, unix.peak_mb, fresh.peak_mb, web_20.peak_mb, web_1.peak_mb)
    return [
        Row("CPU an event in, 100 a frame", unix.cpu_us, "µs", 4, peer=in_peer, notes=told),
        Row("CPU an event in, every trace new", fresh.cpu_us, "µs"),
        Row("CPU an event in, one a frame", one.cpu_us, "µs"),
        Row("durable ingest, Unix socket", unix.rate, "events/s", 250_000, True, peer_rate, ratio),
        Row("durable ingest, one a frame", one.rate, "events/s"),
        Row("WebSocket, 20 a frame", web_20.rate, "events/s", 200_000, True,
            notes=[f"{web_20.cpu_us:.1f} µs an event"]),
        Row("WebSocket, 1 a frame", web_1.rate, "events/s", 150_000, True,
            notes=[f"{web_1.cpu_us:.1f} µs an event"]),
        Row("spool, loaded", unix.disk_bytes, "B/event", 100, peer=peer_bytes),
        Row("spool, one-event commits", one_commit_bytes(), "B/event", 140),
        Row("peak memory under load", peaks, "MB", 60,
            notes=[f"Unix socket {unix.peak_mb:.0f}, WebSocket {web_1.peak_mb:.0f} MB"]),
    ]  # fmt: skip


def drain_rows() -> list[Row]:
    """A million events taken in while nobody listens, then sent to a TLS sink on loopback."""
    with tempfile.TemporaryDirectory() as name, tls_sink.serving(Path(name)) as sink:
        settings = {
            **SETTINGS,
            "TELEMETRY_ENDPOINT": sink.url,
            "TELEMETRY_CA_FILE": str(sink.ca_file),
            "TELEMETRY_TOKEN": "bench",
        }
        made = load.as_lines(corpus.frames(100, 400))
        with start_daemon({**settings, "TELEMETRY_LOCAL": "1"}) as daemon:
            daemon.own_dir, kept = None, daemon.own_dir
            gauges.pin(daemon.process.pid, 0)
            with load.unix_link(daemon) as link:
                load.feed(link, made, DRAINED // 100, web=False)
            taken_us = gauges.cpu_s(daemon.process.pid) / DRAINED * 1e6
        data_dir = {"TELEMETRY_DATA_DIR": str(daemon.data_dir)}
        with start_daemon({**settings, **data_dir}) as daemon:
            daemon.own_dir = kept
            pid = daemon.process.pid
            gauges.pin(pid, 0)
            wait_until(lambda: sink.batches() >= 1)
            start, before, first = time.perf_counter(), gauges.cpu_s(pid), sink.events()
            wait_until(lambda: sink.events() >= DRAINED)
            wall, used = time.perf_counter() - start, gauges.cpu_s(pid) - before
            sent = sink.events() - first
    out_us = used / sent * 1e6
    return [
        Row("drain when the collector is back", sent / wall, "events/s", 1_000_000, True),
        Row("CPU an event out, over TLS", out_us, "µs", 0.3),
        Row("CPU an event in and out", taken_us + out_us, "µs", 4.5,
            notes=["start and exit of the daemon included"]),
    ]  # fmt: skip
