"""Whether the spool's costs stay flat as it grows, and how long recovery takes.

Ratios within this run: a commit, a seal and an acknowledgement with 500 segments against 1; and
milliseconds to recover spools of several shapes (each the best of five). Run:
`.venv/bin/python tests/bench/bench_spool_growth.py`.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sidespool.core.record import SEALED, encode_sealed, segment_name
from sidespool.core.spool import SpoolBook
from sidespool.core.tally import Tally
from sidespool.runtime.disk import Disk
from sidespool.runtime.ids import BatchIds
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.spool_store import SpoolStore
from sidespool.wire.level import Level
from support.segment_bytes import event_line

COMMITS = 400
MIB = 1024 * 1024


class NoSync(Disk):
    """Without the disk's own time, which is not what is measured."""

    def sync(self, fd: int) -> None:
        """Not waited for."""

    def sync_dir(self, path: Path) -> None:
        """Not waited for."""


def open_store(folder: Path, disk: Disk) -> SpoolStore:
    paths = DataPaths(folder)
    for one in paths.directories():
        disk.make_dirs(one)
    book = SpoolBook(2**33, 14)
    return SpoolStore(disk, paths, book, Tally(), BatchIds().new, lambda _: None)


def fill(store: SpoolStore, segments: int, events: int, size_bytes: int) -> None:
    """Writes sealed segments of random text."""
    ids = BatchIds()
    data = encode_sealed([event_line(n, size_bytes) for n in range(events)])
    for _ in range(segments):
        name = segment_name(ids.new(Level.USAGE), SEALED)
        (store.paths.spool / name).write_bytes(data)


def best_us(act: Callable[[], object], times: int) -> float:
    """CPU microseconds of the fastest tenth, which neighbours disturb least."""
    spent = []
    for _ in range(times):
        start = time.process_time_ns()
        act()
        spent.append(time.process_time_ns() - start)
    fastest = sorted(spent)[: max(times // 10, 1)]
    return sum(fastest) / len(fastest) / 1_000


def costs(segments: int, folder: Path) -> dict[str, float]:
    """CPU of each operation with so many segments in the spool."""
    store = open_store(folder, NoSync())
    fill(store, segments, 20, 200)
    store.recover()
    line = event_line(1, 380) + b"\n"

    def commit() -> None:
        store.append(Level.USAGE, line, 1)
        store.sync()

    def seal() -> None:
        commit()
        store.seal_all()

    def acknowledge() -> None:
        store.acknowledged(next(iter(store.book.segments)), 20, 0)

    store.quarantined.clear()
    found = {"commit": best_us(commit, COMMITS)}
    found["commit and seal"] = best_us(seal, 300)
    found["acknowledge"] = best_us(acknowledge, 45)
    store.close()
    return found


def recovery_ms(folder: Path, segments: int, events: int, size_bytes: int) -> tuple[float, int]:
    """Wall milliseconds of the best of five recoveries, and the spool's size in bytes."""
    store = open_store(folder, Disk())
    fill(store, segments, events, size_bytes)
    spent = []
    for _ in range(5):
        store = open_store(folder, Disk())
        start = time.perf_counter()
        store.recover()
        spent.append(time.perf_counter() - start)
    return min(spent) * 1_000, store.book.total_bytes


def active_ms(folder: Path) -> tuple[float, int]:
    """The same for one active segment just below 1 MiB, left by a crash."""
    spent = []
    size = 0
    for number in range(5):
        store = open_store(folder / str(number), NoSync())
        lines = b"".join(event_line(n, 380) + b"\n" for n in range(40))
        while store.book.total_bytes < MIB - 20_000:
            store.append(Level.USAGE, lines, 40)
            store.sync()
        size = store.book.total_bytes
        again = open_store(folder / str(number), Disk())
        start = time.perf_counter()
        again.recover()
        spent.append(time.perf_counter() - start)
    return min(spent) * 1_000, size


def main() -> None:
    """Prints two tables."""
    folder = Path(tempfile.mkdtemp(prefix="sidespool-growth-"))
    try:
        few, many = costs(50, folder / "few"), costs(500, folder / "many")
        print(f"{'operation':<20}{'50 segments':>16}{'500 segments':>16}{'ratio':>8}")
        for name, before in few.items():
            print(f"{name:<20}{before:>13.1f} µs{many[name]:>13.1f} µs{many[name] / before:>8.2f}")
        print(f"\n{'recovery of':<44}{'bytes':>12}{'ms':>8}")
        shapes = [(50, 1_000, 2_050), (500, 100, 2_050), (5_000, 100, 200)]
        for segments, events, size in shapes:
            ms, total = recovery_ms(folder / f"r{segments}", segments, events, size)
            print(f"{f'{segments} sealed segments':<44}{total:>12,}{ms:>8.1f}")
        ms, total = active_ms(folder / "active")
        print(f"{'one active segment':<44}{total:>12,}{ms:>8.1f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
