"""Prints the table of speed and lightness: each bar, what was measured, a peer of the same run.

python tests/bench/run_all.py             the table, in some five minutes
python tests/bench/run_all.py ingest ...  only these parts: ingest drain latency life callers
python tests/bench/run_all.py --others    the other benchmarks here, each with its own table
"""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import measure_callers  # noqa: E402  # after the path is set
import measure_ingest  # noqa: E402
import measure_latency  # noqa: E402
import measure_life  # noqa: E402
import table  # noqa: E402

PARTS = {
    "ingest": measure_ingest.rows,
    "drain": measure_ingest.drain_rows,
    "latency": measure_latency.rows,
    "life": measure_life.rows,
    "callers": measure_callers.rows,
}


def others() -> int:
    """Returns the number of benchmarks that failed to run."""
    failed = 0
    for script in sorted(HERE.glob("bench_*.py")):
        print(f"\n== {script.stem}", flush=True)
        failed += subprocess.run([sys.executable, str(script)], check=False).returncode != 0
    return failed


def main(asked: list[str]) -> int:
    """Returns how many parts failed to run; a missed bar is told, and no failure."""
    if asked == ["--others"]:
        return others()
    version = platform.python_version()
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{time.strftime('%Y-%m-%d')}, CPython {version}, {system}\n\n{table.HEAD}", flush=True)
    failed = 0
    for name in asked or PARTS:
        try:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
            table.tell(PARTS[name]())
        except Exception as problem:
            failed += 1
            print(f"not measured: {name}: {problem!r}", file=sys.stderr, flush=True)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\nload average at the end {load}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
