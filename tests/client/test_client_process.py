"""The client in processes of its own: start, exit, forks, and a host that does nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from support.protocol_server import ProtocolServer

EMIT = """
import os, sys
from sidespool.client import Telemetry
t = Telemetry(data_dir=sys.argv[1])
t.emit("ChatTurn", {"model": "parent"})
"""


def run(
    code: str, *args: object, timeout_s: float = 60, optimise: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *optimise.split(), "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def models(server: ProtocolServer) -> list[str]:
    return sorted(event["payload"]["model"] for event in server.events)


def test_importing_the_client_loads_no_framework_and_no_event_loop() -> None:
    code = (
        "import sys, sidespool.client;"
        "print([m for m in ('asyncio','aiohttp','ssl','platformdirs','pydantic','isal','re2',"
        "'starlette','sidespool.core','sidespool.runtime') if m in sys.modules])"
    )
    assert run(code).stdout.strip() == "[]"


def test_a_process_that_ends_right_after_the_emit_still_delivers(tmp_path: Path) -> None:
    with ProtocolServer(tmp_path) as server:
        done = run(EMIT, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert models(server) == ["parent"]


def test_a_process_that_dies_of_an_exception_delivers_it(tmp_path: Path) -> None:
    code = EMIT + "try:\n 1/0\nexcept ZeroDivisionError:\n t.capture_exception()\n raise\n"
    with ProtocolServer(tmp_path) as server:
        assert run(code, tmp_path).returncode == 1
        assert server.events[1]["payload"]["error_type"] == "ZeroDivisionError"


def test_a_process_without_a_daemon_ends_as_if_there_were_no_telemetry(tmp_path: Path) -> None:
    done = run(EMIT, tmp_path, timeout_s=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_child_of_a_fork_sends_its_own_events_and_not_its_parents(tmp_path: Path) -> None:
    code = (
        EMIT
        + """
t.flush(5)
t.emit("ChatTurn", {"model": "parent-2"})
pid = os.fork()
if pid == 0:
    assert t.stats.emitted == 0
    t.emit("ChatTurn", {"model": "child"})
    os._exit(0 if t.flush(10) else 1)
t.emit("ChatTurn", {"model": "parent-3"})
_, status = os.waitpid(pid, 0)
assert t.flush(10)
sys.exit(os.waitstatus_to_exitcode(status))
"""
    )
    with ProtocolServer(tmp_path) as server:
        done = run(code, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert models(server) == ["child", "parent", "parent-2", "parent-3"]
        assert len(server.hellos) == 2


def test_forks_in_the_middle_of_a_storm_of_events_neither_hang_nor_double(tmp_path: Path) -> None:
    code = """
import os, sys, threading
from sidespool.client import Telemetry
t = Telemetry(data_dir=sys.argv[1], buffer_max=100_000)
def work(n):
    for i in range(2000):
        t.emit("ChatTurn", {"model": f"parent-{n}-{i}"})
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for one in threads: one.start()
pids = []
for n in range(6):
    pid = os.fork()
    if pid == 0:
        for i in range(100):
            t.emit("ChatTurn", {"model": f"child-{n}-{i}"})
        os._exit(0 if t.flush(30) else 1)
    pids.append(pid)
for one in threads: one.join()
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
sys.exit(0 if t.flush(30) and not any(codes) else f"codes {codes} {t.stats}")
"""
    with ProtocolServer(tmp_path) as server:
        done = run(code, tmp_path, timeout_s=100)
        assert (done.returncode, done.stderr) == (0, "")
        got = models(server)
        assert len(got) == len(set(got)) == 6000 + 600
        assert len(set(server.ids())) == 6600


def test_a_prefork_server_may_create_the_client_before_it_forks(tmp_path: Path) -> None:
    code = """
import os, sys
from sidespool.client import Telemetry
t = Telemetry(data_dir=sys.argv[1])
for n in range(3):
    if os.fork() == 0:
        t.emit("ChatTurn", {"model": f"worker-{n}"})
        sys.exit(0)
for n in range(3):
    os.wait()
"""
    with ProtocolServer(tmp_path) as server:
        assert run(code, tmp_path).stderr == ""
        assert models(server) == ["worker-0", "worker-1", "worker-2"]


def test_memory_stays_bounded_while_the_daemon_is_absent(tmp_path: Path) -> None:
    code = """
import sys, tracemalloc
from sidespool.client import Telemetry
t = Telemetry(data_dir=sys.argv[1], buffer_max=1000)
for n in range(2000): t.emit("ChatTurn", {"n": n})
tracemalloc.start()
for n in range(50_000): t.emit("ChatTurn", {"n": n})
print(tracemalloc.get_traced_memory()[0] < 1_000_000, t.dropped, t.stats.waiting)
"""
    assert run(code, tmp_path).stdout.split() == ["True", "51000", "1000"]


def test_an_idle_client_never_wakes(tmp_path: Path) -> None:
    code = """
import os, sys, time
from sidespool.client import Telemetry
t = Telemetry(data_dir=sys.argv[1])
t.emit("ChatTurn", {})
assert t.flush(10)
def switches():
    total = 0
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            for line in open(f"/proc/self/task/{task}/status"):
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total
time.sleep(0.2)  # it goes to sleep after answering the flush
before = switches()
time.sleep(1.5)  # what is observed is that nothing happens in a stretch of time
print(switches() - before)
"""
    with ProtocolServer(tmp_path):
        done = run(code, tmp_path)
        assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_the_client_works_where_docstrings_and_asserts_are_stripped(tmp_path: Path) -> None:
    assert os.name == "posix"
    with ProtocolServer(tmp_path) as server:
        assert run(EMIT, tmp_path, optimise="-OO").returncode == 0
        assert models(server) == ["parent"]
