"""Samples of a process from /proc, and whether a curve of them is flat."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

WARM_UP = 0.3  # of the samples: pools fill, modules are loaded when they are first needed
FILES_GROWTH_MAX = 8.0
_BARS = "▁▂▃▄▅▆▇█"
_TICKS = os.sysconf("SC_CLK_TCK")


class Sample(msgspec.Struct, frozen=True):
    """One look at a process."""

    rss_kib: int
    fds: int
    threads: int
    cpu_s: float


def sample(pid: int) -> Sample:
    """The process now; raises OSError where it is gone."""
    proc = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line
    )
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS
    fds = len(os.listdir(proc / "fd"))
    return Sample(int(status["VmRSS"].split()[0]), fds, int(status["Threads"]), cpu_s)


class Curve:
    """Samples of one process over time."""

    def __init__(self, name: str, room_mib: float = 10.0) -> None:
        """`room_mib` is by how much memory may rise: a store's page cache fills as it grows."""
        self.name = name
        self._room_mib = room_mib
        self._samples: list[tuple[float, Sample]] = []
        self._began = time.monotonic()

    def add(self, one: Sample) -> None:
        """A sample of now."""
        self._samples.append((time.monotonic() - self._began, one))

    @property
    def rss(self) -> list[float]:
        """Resident memory, MiB."""
        return [one.rss_kib / 1024 for _, one in self._samples]

    @property
    def fds(self) -> list[float]:
        """Open file descriptors."""
        return [float(one.fds) for _, one in self._samples]

    def rows(self) -> list[tuple[float, int, int, int, float]]:
        """For a file."""
        return [
            (round(at, 1), one.rss_kib, one.fds, one.threads, one.cpu_s)
            for at, one in self._samples
        ]

    def _growth(self, values: Sequence[float]) -> float:
        """By how much the fitted line rises from the end of the warm-up to the end."""
        start = int(len(values) * WARM_UP)
        times = [at for at, _ in self._samples][start:]
        return slope(times, values[start:]) * (times[-1] - times[0])

    def bent(self) -> list[str]:
        """What is not flat, generously: a leak shows as a line, a pool as a step."""
        memory, files = self._growth(self.rss), self._growth(self.fds)
        middle = sorted(self.rss)[len(self.rss) // 2]
        out = []
        if memory > max(self._room_mib, 0.15 * middle):
            out.append(f"{self.name}: memory grew by {memory:.1f} MiB")
        if files > FILES_GROWTH_MAX:
            out.append(f"{self.name}: {files:.1f} more open files")
        return out

    def tell_memory(self) -> str:
        """In words."""
        rss = self.rss
        grew = self._growth(rss)
        return f"{min(rss):.0f} to {max(rss):.0f} MiB, at the end {rss[-1]:.0f}, slope {grew:+.1f}"

    def tell_files(self) -> str:
        """In words."""
        fds = self.fds
        return f"{min(fds):.0f} to {max(fds):.0f}, slope {self._growth(fds):+.1f}"


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Of the line of least squares, per second."""
    mean_t, mean_v = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - mean_t) ** 2 for at in times)
    together = sum(
        (at - mean_t) * (value - mean_v) for at, value in zip(times, values, strict=True)
    )
    return together / spread if spread else 0.0


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """A curve as text, from nothing to its highest value."""
    size = max(len(values) / width, 1)
    buckets = [values[int(n * size) : int((n + 1) * size)] for n in range(int(len(values) / size))]
    top = max(values) or 1.0
    means = [sum(one) / len(one) for one in buckets if one]
    return "".join(_BARS[min(int(mean / top * len(_BARS)), len(_BARS) - 1)] for mean in means)
