"""What a process costs, as the kernel counts it: CPU, memory, switches. Linux only."""

import contextlib
import os
import resource
import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Seconds on a processor so far, user and system, of all threads, also of ended ones.

    The kernel's sum in ticks of 10 ms, made exact to the nanosecond by what the living threads
    have run where the two agree.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    exact = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            exact += int(path.read_text().split()[0])
    return max(exact / 1e9, ticks - 0.03)


def switches(pid: int) -> int:
    """Context switches of all threads so far: each wake-up is one at least."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):
            for line in status.read_text().splitlines():
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory now, or its peak (`VmHWM`; `ru_maxrss` is inherited from the parent)."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{what}:")[1].split()[0]) / 1024


def reset_peak(pid: int) -> None:
    """From now on `VmHWM` counts anew."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def own_cpu_s() -> float:
    """This process's seconds so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pin(pid: int, core: int) -> None:
    """On one core, where there are two: the load must not take the daemon's."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all are at or below."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def fsync_ms(folder: Path, times: int = 300, size_bytes: int = 4_096) -> list[float]:
    """What the disk itself needs: an appended block and fdatasync, every 2 ms; milliseconds."""
    path = folder / "fsync-probe"
    spent = []
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        for n in range(times):
            start = time.perf_counter()
            os.pwrite(fd, b"x" * size_bytes, n * size_bytes)
            os.fdatasync(fd)
            spent.append((time.perf_counter() - start) * 1_000)
            time.sleep(0.002)
    finally:
        os.close(fd)
        path.unlink()
    return spent
