"""Prints what an emit costs its caller: in bursts, alone, and against encoding the event itself.

    python tests/bench/bench_client_emit.py [--events 200000]

A small daemon runs in another process and acknowledges everything. "burst" emits 200 events and
pauses, so that the sender's work overlaps the pause as in an application; "alone" emits one event
every 12 ms into a sleeping client, with cold caches, the dearest case: compare it with json.dumps
in the same situation; "flood" never pauses, so that it also holds
the sender's encoding, which shares the interpreter lock; "absent" has no daemon.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sidespool.client import Telemetry  # noqa: E402  # after the path is set

PAYLOAD = {
    "tool_name": "search_files",
    "duration_ms": 12.75,
    "success": False,
    "error_type": "FileNotFoundError",
}
SERVE = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from support.protocol_server import ProtocolServer
with ProtocolServer(Path(sys.argv[2])):
    print("ready", flush=True)
    sys.stdin.read()
"""


def whole_event() -> dict[str, object]:
    return {
        "event_type": "ToolCall",
        "event_id": "0190b0a0-1234-7abc-8def-0123456789ab",
        "timestamp": "2026-01-02T03:04:05.006Z",
        "payload": PAYLOAD,
    }


def cost_of_json_us() -> float:
    event = whole_event()
    best = []
    for _ in range(7):
        start = time.perf_counter_ns()
        for _ in range(2000):
            json.dumps(event)
        best.append((time.perf_counter_ns() - start) / 2000 / 1000)
    return statistics.median(best)


def cost_of_json_alone_us(rounds: int) -> list[float]:
    event = whole_event()

    def once() -> None:
        json.dumps(event)

    return alone(once, rounds)


def alone(once: Callable[[], None], rounds: int) -> list[float]:
    costs = []
    for _ in range(rounds):
        time.sleep(0.012)
        start = time.perf_counter_ns()
        once()
        costs.append((time.perf_counter_ns() - start) / 1000)
    return sorted(costs)


def bursts(telemetry: Telemetry, events: int) -> list[float]:
    costs = []
    for _ in range(max(events // 200, 1)):
        start = time.perf_counter_ns()
        for _ in range(200):
            telemetry.emit("ToolCall", PAYLOAD)
        costs.append((time.perf_counter_ns() - start) / 200 / 1000)
        time.sleep(0.01)
    return sorted(costs)


def flood(telemetry: Telemetry, events: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(events):
        telemetry.emit("ToolCall", PAYLOAD)
    return (time.perf_counter_ns() - start) / events / 1000


def row(name: str, value_us: float, json_us: float, more: str = "") -> None:
    print(f"| {name} | {value_us:.2f} | {value_us / json_us:.2f} | {more} |")


def spread(costs: list[float]) -> str:
    at = [costs[min(int(len(costs) * q), len(costs) - 1)] for q in (0.5, 0.99)]
    return f"p50 {at[0]:.2f}, p99 {at[1]:.2f}"


def measure(events: int) -> None:
    json_us = cost_of_json_us()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(ROOT), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        server.stdout.readline()
        print("| caller's cost | µs an event | × json.dumps of it | |")
        print("|---|---|---|---|")
        row("json.dumps, for comparison", json_us, json_us)
        telemetry = Telemetry(data_dir=folder, buffer_max=1_000_000)
        bursts(telemetry, 2000)
        telemetry.flush(30)
        before = resource.getrusage(resource.RUSAGE_SELF)
        costs = bursts(telemetry, events)
        telemetry.flush(30)
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu_us = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6
        row("burst of 200", statistics.mean(costs), json_us, spread(costs))
        row("burst: whole process, CPU", cpu_us / events, json_us, "with encoding and sending")
        reference = cost_of_json_alone_us(300)
        costs = alone(lambda: telemetry.emit("ToolCall", PAYLOAD), 300)
        row("alone", statistics.mean(costs), statistics.mean(reference), spread(costs))
        row("json.dumps alone", statistics.mean(reference), statistics.mean(reference))
        row("flood", flood(telemetry, events), json_us, f"{os.cpu_count()} cores")
        telemetry.shutdown(30)
        stats = telemetry.stats
        server.communicate("")
    absent = Telemetry(data_dir=Path(folder) / "none")
    row("absent daemon, full buffer", flood(absent, events), json_us)
    absent.shutdown(1)
    print(f"\nemitted {stats.emitted}, acknowledged {stats.acknowledged}, dropped {stats.dropped}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=200_000)
    measure(parser.parse_args().events)
