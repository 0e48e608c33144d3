"""Start, memory and idle: what a user's machine pays for a daemon that has nothing to do.

The floor in the same run: `python -c pass` and `python -c "import asyncio"`.
"""

import contextlib
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.daemon import start_daemon

RUNS = 9
IDLE_S = 10


def switches(pid: int) -> int:
    """Context switches of all threads so far."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError):
            for line in status.read_text().splitlines():
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total


def resident_mb(pid: int) -> float:
    """Resident memory now."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def start_ms() -> tuple[float, float]:
    """To the ready line, and to the first durable acknowledgement."""
    start = time.perf_counter()
    with start_daemon({}) as daemon:
        ready = time.perf_counter()
        with daemon.client() as client:
            client.emit({"event_type": "ToolCall", "payload": {"tool_name": "grep"}})
        return (ready - start) * 1000, (time.perf_counter() - start) * 1000


def floor_ms(code: str) -> float:
    """A bare interpreter's start and end."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    """Prints the figures."""
    bare, loop = floor_ms("pass"), floor_ms("import asyncio")
    starts = [start_ms() for _ in range(RUNS)]
    ready = statistics.median(one[0] for one in starts)
    acked = statistics.median(one[1] for one in starts)
    print(f"python -c pass {bare:.0f} ms, with asyncio {loop:.0f} ms")
    print(f"start to ready line    {ready:6.0f} ms  {ready / loop:.2f} x asyncio's start and end")
    print(f"to first durable ack   {acked:6.0f} ms  {acked / loop:.2f} x")
    with start_daemon({}) as daemon:
        pid = daemon.process.pid
        with daemon.client() as client:
            client.emit({"event_type": "ToolCall", "payload": {"tool_name": "grep"}})
            print(f"resident, local doors  {resident_mb(pid):6.1f} MB")
            daemon.request("GET", "/v1/status")
            print(f"resident, every door   {resident_mb(pid):6.1f} MB (aiohttp loaded)")
            client.ask("flush")
            time.sleep(1)
            before = switches(pid)
            time.sleep(IDLE_S)
            print(f"wake-ups in {IDLE_S} s idle    {switches(pid) - before:6d}")


if __name__ == "__main__":
    main()
