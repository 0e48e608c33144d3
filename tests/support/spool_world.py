"""A spool store on a disk in memory, its clock, and what the world outside knows of its events."""

import random
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sidespool.core.record import batch_id_bits, parse_name, read_lines
from sidespool.core.spool import SpoolBook
from sidespool.errors import DiskError
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.record_file import load_tally
from sidespool.runtime.spool_store import SpoolStore
from sidespool.wire.event import uuid7
from sidespool.wire.level import Level
from support.power_loss import PowerLossDisk

START_MS = 1_760_000_000_000
SPOOL_BYTES_MAX = 4_000


class Clock:
    """Milliseconds that only a test moves; ids follow it and never repeat."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self._made = 0

    def batch_id(self, level: Level) -> str:
        self.now_ms += 1
        self._made += 1
        return uuid7(self.now_ms, *batch_id_bits(level, self._made))

    def event_id(self) -> str:
        self._made += 1
        return uuid7(START_MS, 0, self._made)


class World:
    """One data directory. `start` is what the daemon does at its start, as far as it matters."""

    def __init__(self, bytes_max: int = SPOOL_BYTES_MAX) -> None:
        self.disk = PowerLossDisk()
        self.disk.make_dirs(Path("/home/user"))
        self.disk.settle()  # the rest of the path is made by the daemon, and no more durable
        self.paths = DataPaths(Path("/home/user/data/app"))
        self.clock = Clock()
        self.bytes_max = bytes_max
        self.level = Level.FULL
        self.log: list[str] = []
        self.start()

    def start(self) -> SpoolStore:
        for folder in self.paths.directories():
            self.disk.make_dirs(folder)
        self.store = self.opened()
        self.store.recover()
        self.store.purge_above(self.level)
        return self.store

    def opened(self) -> SpoolStore:
        """A store that has read nothing of the spool yet."""
        disk, paths = self.disk, self.paths
        tally = load_tally(disk, paths.tally_file, self.clock.now_ms, self.log.append)
        book = SpoolBook(self.bytes_max, age_days_max=14)
        book.merge_min = 3
        return SpoolStore(disk, paths, book, tally, self.clock.batch_id, self.log.append)

    def make_events(self, count: int, size_bytes: int = 60) -> dict[str, bytes]:
        """Events of random text, which hardly compresses, so that sizes are as asked."""
        ids = [self.clock.event_id() for _ in range(count)]
        dice = random.Random(ids[0] if ids else 0)
        return {one: self.line(one, dice.randbytes(size_bytes // 2).hex()) for one in ids}

    def line(self, event_id: str, text: str) -> bytes:
        return msgspec.json.encode({"event_id": event_id, "text": text})

    def group(self, by_level: dict[Level, dict[str, bytes]]) -> set[str]:
        """One group commit, as the writer's thread makes it; the ids that were acknowledged."""
        failed: set[Level] = set()
        for level in sorted(by_level):
            lines = b"".join(line + b"\n" for line in by_level[level].values())
            try:
                self.store.append(level, lines, len(by_level[level]))
            except DiskError:
                failed.add(level)
        failed |= self.store.sync()
        return {one for level in by_level.keys() - failed for one in by_level[level]}

    def emit(self, level: Level, count: int = 1, size_bytes: int = 60) -> list[str]:
        """One commit of new events; all of them must be acknowledged."""
        events = self.make_events(count, size_bytes)
        assert self.group({level: events}) == set(events)
        return list(events)

    def spooled(self) -> list[str]:
        """The id of every event that a reader of the spool's book finds."""
        return [
            event_id(line)
            for batch_id in sorted(self.store.book.segments)
            for line in self.store.lines_of(batch_id)
        ]

    def readable(self) -> dict[str, Level]:
        """The id of every event in any file of the spool folder, whatever its state."""
        out = {}
        for name, raw in self.disk.files(self.paths.spool).items():
            parsed = parse_name(name.removesuffix(".tmp"))
            if parsed is not None:
                out.update({event_id(line): parsed.level for line in read_lines(raw)})
        return out

    def dropped(self) -> dict[str, int]:
        return self.store.tally.all_time.dropped


def event_id(line: bytes) -> str:
    found: str = msgspec.json.decode(line)["event_id"]
    return found


def flat(groups: Iterable[dict[str, bytes]]) -> set[str]:
    return {one for group in groups for one in group}
