"""Rows of being there: start, memory, idling, a realistic trickle, and being offline."""

import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_spool_growth
import corpus
import gauges
import load
from table import Row

from sidespool.runtime.disk import Disk
from support.daemon import RunningDaemon, start_daemon

STARTS = 7
IDLE_S = 10
TRICKLE_S = 12
TRICKLE_RATE = 50
TURN = {"event_type": "ToolCall", "payload": {"tool_name": "grep"}}


def start_ms(door: str) -> tuple[float, float]:
    """Milliseconds from spawning to the ready line, and to the first durable ack by a door."""
    began = time.perf_counter()
    with start_daemon({}) as daemon:
        ready = time.perf_counter()
        frames = [json.dumps({"op": "emit", "id": 1, "events": [TURN]}).encode()]
        web = door == "websocket"
        with (load.web_link if web else load.unix_link)(daemon) as link:
            load.feed(link, (load.as_messages if web else load.as_lines)(frames), 1, web=web)
            return (ready - began) * 1_000, (time.perf_counter() - began) * 1_000


def floor_ms(code: str) -> float:
    """A bare interpreter's start and end."""
    times = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)


def start_rows() -> list[Row]:
    """Medians."""
    local = [start_ms("unix") for _ in range(STARTS)]
    web = [start_ms("websocket") for _ in range(STARTS)]
    floor = f"import asyncio alone {floor_ms('import asyncio'):.0f} ms"
    return [
        Row("start to ready line", statistics.median(one[0] for one in local + web), "ms", 120,
            peer=floor),
        Row("start to first durable ack, Unix socket",
            statistics.median(one[1] for one in local), "ms"),
        Row("start to first durable ack, WebSocket",
            statistics.median(one[1] for one in web), "ms", 200),
    ]  # fmt: skip


def open_every_door(daemon: RunningDaemon) -> list[socket.socket]:
    """A client on the Unix socket, an HTTP request, a page on the WebSocket."""
    link = load.unix_link(daemon)
    error = {"error_type": "E", "message": "m", "stack_trace": "    at f (/home/al/a/b.ts:1:2)"}
    events = [TURN, {"event_type": "Error", "payload": error}]
    frame = json.dumps({"op": "emit", "id": 1, "events": events}).encode()
    load.feed(link, [frame + b"\n"], 1, web=False)
    daemon.request("GET", "/v1/status")
    return [link, load.web_link(daemon)]


def idle_rows() -> list[Row]:
    """With a settings file watched, every door open, and after an error was scrubbed."""
    with tempfile.TemporaryDirectory() as name:
        settings = Path(name) / "settings.json"
        settings.write_text("{}")
        with start_daemon({"TELEMETRY_SETTINGS_FILE": str(settings)}) as daemon:
            pid = daemon.process.pid
            with daemon.client() as client:
                client.emit(TURN)
            local = gauges.memory_mb(pid)
            doors = open_every_door(daemon)
            daemon.request("POST", "/v1/flush", {})
            time.sleep(1)
            before, used = gauges.switches(pid), gauges.cpu_s(pid)
            time.sleep(IDLE_S)
            woken, used = gauges.switches(pid) - before, gauges.cpu_s(pid) - used
            resident = gauges.memory_mb(pid)
            for door in doors:
                door.close()
    notes = [f"{local:.1f} MB before aiohttp is loaded"]
    return [
        Row("idle memory, every door", resident, "MB", 40, notes=notes),
        Row(f"idle wake-ups in {IDLE_S} s, settings file watched", woken, "", 0,
            notes=[f"{used * 1_000:.1f} ms of CPU"]),
    ]  # fmt: skip


def trickle_row() -> Row:
    """50 events a second, singly, as two clients of a desktop application send them."""
    frames = corpus.frames(1, TRICKLE_RATE * TRICKLE_S)
    dice = random.Random(7)
    with start_daemon({}) as daemon:
        pid = daemon.process.pid
        doors = open_every_door(daemon)
        kinds = [load.as_lines, load.as_messages]
        before = gauges.cpu_s(pid)
        start = time.perf_counter()
        at = 0.0
        for frame in frames:
            at += dice.expovariate(TRICKLE_RATE)
            time.sleep(max(start + at - time.perf_counter(), 0))
            which = dice.randrange(2)
            doors[which].sendall(kinds[which]([frame])[0])
        share = (gauges.cpu_s(pid) - before) / (time.perf_counter() - start) * 100
        for door in doors:
            door.close()
    return Row("50 events a second, singly, by two doors", share, "% of a core", 1.5)


def full_spool(folder: Path) -> None:
    """A spool of 50 MiB less a little, of random text, as `sidespool` would have left it."""
    store = bench_spool_growth.open_store(folder, Disk())
    bench_spool_growth.fill(store, 48, 1_000, 2_050)


def offline_rows() -> list[Row]:
    """A collector that refuses connections and a spool of 50 MiB; and starting with that spool."""
    folder = Path(tempfile.mkdtemp(prefix="sidespool-bench-"))
    try:
        full_spool(folder / "data")
        size = sum(path.stat().st_size for path in (folder / "data" / "spool").iterdir())
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        settings = {
            "TELEMETRY_DATA_DIR": str(folder / "data"),
            "TELEMETRY_ENDPOINT": f"http://127.0.0.1:{port}",
        }
        began = time.perf_counter()
        with start_daemon(settings) as daemon:
            ready_ms = (time.perf_counter() - began) * 1_000
            with daemon.client() as client:
                client.emit(TURN)
            acked_ms = (time.perf_counter() - began) * 1_000
            daemon.status()
            time.sleep(2)
            pid = daemon.process.pid
            before = gauges.cpu_s(pid)
            time.sleep(IDLE_S)
            share = (gauges.cpu_s(pid) - before) / IDLE_S * 100
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Row("CPU while offline with a full spool", share, "% of a core", 0.3),
        Row(f"recovery of {size / 2**20:.0f} MiB, to the first durable ack", acked_ms, "ms", 300,
            notes=[f"ready line after {ready_ms:.0f} ms"]),
    ]  # fmt: skip


def growth_rows() -> list[Row]:
    """CPU of a commit, a seal and an acknowledgement with 500 segments against one."""
    folder = Path(tempfile.mkdtemp(prefix="sidespool-bench-"))
    try:
        few = bench_spool_growth.costs(50, folder / "few")
        many = bench_spool_growth.costs(500, folder / "many")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Row(f"{name}, 500 segments against 50", many[name] / few[name], "times", 1.5,
            notes=[f"{many[name]:.0f} µs of CPU"])
        for name in few
    ]  # fmt: skip


def rows() -> list[Row]:
    """All of them, in the order of the table."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return [*start_rows(), *idle_rows(), trickle_row(), *offline_rows(), *growth_rows()]
