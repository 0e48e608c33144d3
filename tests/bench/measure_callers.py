"""Rows of the caller: what an emit costs the application, beside other products' clients.

The peers come from the package index into an environment of their own, `.make/peers/python`;
where that cannot be made the rows go without them. Node's and the page's figures come from the
benchmark beside the bridge, which needs its built packages.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile

import bench_client_emit
import peer_rsyslog
from table import Row

from sidespool.client import Telemetry

BRIDGE = peer_rsyslog.ROOT / "desktop-bridge"
VENV = peer_rsyslog.PEERS / "python"
PACKAGES = ("posthog", "opentelemetry-sdk", "sentry-sdk")
BURSTS = 60_000
# Each is given as many events as ours, in bursts of 200, and a way out that leads nowhere.
PEERS = """
import json, logging, statistics, sys, time
logging.disable(logging.CRITICAL)
PAYLOAD = {"tool_name": "search_files", "duration_ms": 12.75, "success": False}
def cost(emit):
    costs = []
    for _ in range(40):
        start = time.perf_counter_ns()
        for _ in range(200):
            emit()
        costs.append((time.perf_counter_ns() - start) / 200 / 1000)
        time.sleep(0.01)
    return statistics.mean(costs)
def posthog():
    from posthog import Posthog
    client = Posthog("key", host="http://127.0.0.1:9", max_queue_size=10**6, thread=0)
    return lambda: client.capture("ToolCall", distinct_id="u", properties=dict(PAYLOAD))
def otel():
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogExporter
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(InMemoryLogExporter()))
    from opentelemetry._logs import LogRecord
    logger = provider.get_logger("bench")
    return lambda: logger.emit(LogRecord(body="ToolCall", attributes=dict(PAYLOAD)))
def sentry():
    import sentry_sdk
    sentry_sdk.init("http://k@127.0.0.1:9/1", transport=lambda _: None)
    return lambda: sentry_sdk.capture_event({"message": "ToolCall", "extra": dict(PAYLOAD)})
found = {}
for name, make in (("posthog", posthog), ("opentelemetry", otel), ("sentry", sentry)):
    try:
        found[name] = cost(make())
    except Exception as problem:
        print(f"not measured: {name}: {problem!r}", file=sys.stderr)
print(json.dumps(found), flush=True)
import os; os._exit(0)
"""


def peers() -> str:
    """The others' cost as text; empty where they cannot be had."""
    python = VENV / "bin" / "python"
    if not (VENV / "made").exists():
        made = [
            [sys.executable, "-m", "venv", str(VENV)],
            [str(python), "-m", "pip", "install", "-q", "--no-input", *PACKAGES],
        ]
        for command in made:
            if subprocess.run(command, check=False, capture_output=True).returncode:
                return ""
        (VENV / "made").touch()
    done = subprocess.run([str(python), "-c", PEERS], check=False, capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return ""
    return ", ".join(f"{name} {cost:.0f} µs" for name, cost in found.items())


def python_row() -> Row:
    """Ours, in bursts of 200 against a daemon that acknowledges."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", bench_client_emit.SERVE, str(bench_client_emit.ROOT)]
        with subprocess.Popen(
            [*command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            server.stdout.readline()
            telemetry = Telemetry(data_dir=folder, buffer_max=1_000_000)
            bench_client_emit.bursts(telemetry, 2_000)
            telemetry.flush(30)
            costs = bench_client_emit.bursts(telemetry, BURSTS)
            telemetry.shutdown(30)
            server.communicate("")
    notes = [f"json.dumps of it {bench_client_emit.cost_of_json_us():.1f} µs"]
    return Row(
        "caller's cost of an emit, Python", statistics.mean(costs), "µs", 2, False, peers(), notes
    )


def node_rows() -> list[Row]:
    """The main process and a page; none where Node or the built packages are missing."""
    if shutil.which("node") is None or not (BRIDGE / "electron" / "dist").exists():
        return []
    command = ["node", "bench/emit.mjs", "--json"]
    done = subprocess.run(command, cwd=BRIDGE, check=False, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return []
    main = found["main_ns"] / 1_000
    socket = f"JSON and a socket's write {found['main_socket_ns'] / 1_000:.1f} µs"
    rows = [Row("caller's cost of an emit, Node main", main, "µs", 1, peer=socket)]
    if found.get("renderer_ns") is not None:
        port = f"postMessage of it {found['renderer_port_ns'] / 1_000:.1f} µs"
        page = found["renderer_ns"] / 1_000
        rows.append(Row("caller's cost of an emit, page", page, "µs", 5, peer=port))
    return rows


def rows() -> list[Row]:
    """All three."""
    return [python_row(), *node_rows()]
