"""Ingest of gzip batches of 500, answered after the commit, against the plan's first sketch.

Run: python tests/bench/bench_collector.py [batches] [clickhouse]

Both servers take the same batches in the same run: the collector as `sidespool collector serve`
starts it, and a first sketch of FastAPI, pydantic and sqlite3 (first_sketch.py) that checks the
same catalog. Each server has a core of its own
where there are two; the sender has the other. Half of the figures a person needs are ratios:
they hold still between machines.
"""

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from sidespool_collector.store.opening import store_of  # noqa: E402
from support.believable import Month  # noqa: E402
from support.clickhouse import ClickHouse, Cluster, free_ports, missing_cluster  # noqa: E402
from support.postgres import Postgres, programs  # noqa: E402

BATCH = 500
CONNECTIONS = 8
MANY_CONNECTIONS = 32  # ClickHouse takes few large inserts: what waits goes in together
MVP_PORT = 18787
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
NOON_MS = 1_790_000_000_000


def batches(count: int) -> list[bytes]:
    """`count` batches of believable events in order of time, sessions interleaved."""
    installs = max(40, count * BATCH // 450)
    events: list[dict[str, Any]] = []
    for session in Month(NOON_MS, days=30, installs=installs).sessions():
        events += session
        if len(events) >= count * BATCH:
            break
    groups = [events[i * BATCH : (i + 1) * BATCH] for i in range(count)]
    return [gzip.compress("\n".join(map(json.dumps, g)).encode(), 6) for g in groups if g]


@contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A server on the last core, if there is more than one."""
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    if len(CORES) > 1:
        os.sched_setaffinity(child.pid, {CORES[-1]})
    try:
        yield child
    finally:
        child.terminate()
        child.wait(30)


async def flood(
    url: str, token: str, bodies: list[bytes], connections: int
) -> tuple[float, list[float]]:
    """Sends every batch over a few connections; seconds in all, and for each batch."""
    headers = {
        "Authorization": f"Bearer {token}", "Content-Encoding": "gzip",
        "Content-Type": "application/x-ndjson",
    }  # fmt: skip
    waiting = list(enumerate(bodies))[::-1]
    took: list[float] = []
    async with aiohttp.ClientSession(headers=headers) as client:

        async def one() -> None:
            while waiting:
                number, body = waiting.pop()
                began = time.perf_counter()
                key = {"Idempotency-Key": f"b{number}-{random.getrandbits(48)}"}
                async with client.post(f"{url}/api/v1/events", data=body, headers=key) as got:
                    answer = await got.json()
                    if got.status != 200 or answer["rejected"]:
                        raise SystemExit(f"refused: {got.status} {answer}")
                took.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(connections)))
        return time.perf_counter() - began, sorted(took)


def memory_mib(pid: int) -> float:
    """Highest resident size of a process; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """Processor time a process has used; steadier than a rate on a machine that does more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    name: str, pid: int, url: str, token: str, bodies: list[bytes], connections: int = CONNECTIONS
) -> tuple[float, float]:
    """Floods a server and prints one row; events a second, CPU µs an event."""
    before = cpu_s(pid)
    seconds, took = asyncio.run(flood(url, token, bodies, connections))
    events = len(bodies) * BATCH
    rate, cpu = events / seconds, (cpu_s(pid) - before) / events * 1e6
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    mib = memory_mib(pid)
    print(f"{name:<34} {rate:>10,.0f} {cpu:>8.2f} {p50:>9.1f} {p99:>9.1f} {mib:>8.0f}")
    return rate, cpu


def run_collector(directory: str, bodies: list[bytes], store: str) -> tuple[float, float]:
    """The collector with the store of a URL."""
    environment = {
        **os.environ, "COLLECTOR_STORE": store, "COLLECTOR_RETENTION_DAYS": "3650",
        "XDG_DATA_HOME": f"{directory}/{store.partition(':')[0]}",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "sidespool_collector.cli", "serve", "--json",
        "--listen", "127.0.0.1:0",
    ]  # fmt: skip
    with process(command, environment) as child:
        assert child.stdout is not None
        line = json.loads(child.stdout.readline())
        token = line["tokens"]["ingest"]
        name = store.partition(":")[0]
        many = MANY_CONNECTIONS if name == "clickhouse" else CONNECTIONS
        found = measure(f"collector, {name}", child.pid, line["url"], token, bodies, many)
        measure("the same batches again", child.pid, line["url"], token, bodies, many)
    size = asyncio.run(size_of(store))
    print(f"{'  bytes an event on disk':<34} {size / (len(bodies) * BATCH):>10,.0f}")
    return found


async def size_of(url: str) -> int:
    """Bytes of a store."""
    store = store_of(url)
    await store.open()
    holding = await store.holding()
    await store.close()
    return holding.size_bytes


def run_postgres(directory: str, bodies: list[bytes]) -> None:
    """The collector with a PostgreSQL of its own, fsync on, on the sender's core."""
    if programs() is None:
        print("PostgreSQL is not installed here")
        return
    server = Postgres("-c shared_buffers=256MB -c max_wal_size=4GB")
    try:
        before = cpu_of_group(server)
        run_collector(directory, bodies, server.new_database())
        used = (cpu_of_group(server) - before) / (len(bodies) * BATCH) * 1e6
        print(f"{'  of the database itself, both runs':<45} {used:>8.2f}")
    finally:
        server.remove()


def run_clickhouse(directory: str, bodies: list[bytes]) -> None:
    """The collector with one ClickHouse server, then with three replicas on the same cores."""
    if missing_cluster():
        print(missing_cluster())
        return
    os.sched_setaffinity(0, set(CORES))  # the servers take what the others leave
    node = ClickHouse(free_ports(3), place=Path(directory))
    cluster = Cluster(place=Path(directory))
    try:
        node.start()
        node.wait()
        url = node.new_database()
        used_by([node.pid], lambda: run_collector(directory, bodies, url), bodies)
        node.remove()
        cluster.start()
        print("three replicas, the keeper and all on the same cores:")
        url = cluster.url("bench")
        pids = [each.pid for each in cluster.nodes]
        used_by(pids, lambda: run_collector(f"{directory}/three", bodies, url), bodies)
    finally:
        node.remove()
        cluster.remove()


def used_by(pids: list[int], work: Callable[[], object], bodies: list[bytes]) -> None:
    """Prints the processor time that servers used meanwhile."""
    before = sum(map(cpu_s, pids))
    work()
    used = (sum(map(cpu_s, pids)) - before) / (len(bodies) * BATCH) * 1e6
    print(f"{'  of the database itself, both runs':<45} {used:>8.2f}")


def cpu_of_group(server: Postgres) -> float:
    """Processor time of the server's processes that still run, and of those that ended."""
    pid = int((server.directory / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return ended + sum(cpu_s(int(child)) for child in children)


def run_mvp(directory: str, bodies: list[bytes]) -> tuple[float, float]:
    """The sketch."""
    script = Path(__file__).parent / "first_sketch.py"
    command = [sys.executable, str(script), f"{directory}/mvp.db", str(MVP_PORT)]
    with process(command, dict(os.environ)) as child:
        url = f"http://127.0.0.1:{MVP_PORT}"
        asyncio.run(answers(url))
        found = measure("FastAPI + pydantic + sqlite3", child.pid, url, "x", bodies)
    size = Path(f"{directory}/mvp.db").stat().st_size
    print(f"{'  bytes an event on disk':<34} {size / (len(bodies) * BATCH):>10,.0f}")
    return found


async def answers(url: str) -> None:
    """Waits until a server answers at all."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


def main() -> None:
    """Prints the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    bodies = batches(count)
    if len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[0]})
    print(f"{len(bodies)} batches of {BATCH}, {sum(map(len, bodies)) // len(bodies):,} bytes each")
    print(f"{'':<34} {'events/s':>10} {'CPU µs':>8} {'p50 ms':>9} {'p99 ms':>9} {'RSS MiB':>8}")
    with tempfile.TemporaryDirectory() as directory:
        if only == "clickhouse":
            run_clickhouse(directory, bodies)
            return
        mine = run_collector(directory, bodies, f"sqlite:///{directory}/c.db")
        run_postgres(directory, bodies)
        run_clickhouse(directory, bodies)
        theirs = run_mvp(directory, bodies[: max(40, count // 4)])
    print(f"ratio {mine[0] / theirs[0]:.1f} by rate, {theirs[1] / mine[1]:.1f} by CPU an event")


if __name__ == "__main__":
    main()
