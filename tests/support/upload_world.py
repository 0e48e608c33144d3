"""Real batches on disk, a spool in memory that hands them to the uploader, and a stopped clock."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sidespool.core.schedule import UploadSchedule
from sidespool.core.tally import Tally
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.runtime.uploader import Uploader
from sidespool.wire.level import Level
from sidespool.wire.upload import Classification, Delivered, UploadAnswer


def make_batch(
    folder: Path, batch_id: str, events: int = 3, *, level: Level = Level.USAGE, text: str = ""
) -> SealedBatch:
    """A sealed file of so many events, ids `<batch_id>-<n>`."""
    lines = [
        json.dumps({"event_id": f"{batch_id}-{n}", "event_type": "ChatTurn", "payload": text})
        for n in range(events)
    ]
    return pack_batch(folder, batch_id, [f"{line}\n".encode() for line in lines], level)


def pack_batch(folder: Path, batch_id: str, lines: list[bytes], level: Level) -> SealedBatch:
    """A sealed file of these lines."""
    path = folder / f"{batch_id}.v1.sealed"
    path.write_bytes(gzip.compress(b"".join(lines), 1))
    return SealedBatch(batch_id, level, path, path.stat().st_size, len(lines))


@dataclass
class FakeSource:
    """A `BatchSource` over files made by `make_batch`; remembers what became of them."""

    folder: Path
    batches: dict[str, SealedBatch] = field(default_factory=dict)
    active: list[tuple[str, int]] = field(default_factory=list)  # sealed by the next seal_now
    answers: dict[str, UploadAnswer] = field(default_factory=dict)
    quarantined: dict[str, tuple[str, str]] = field(default_factory=dict)
    set_aside: set[str] = field(default_factory=set)  # events of quarantined batches
    halved: list[str] = field(default_factory=list)
    disk_errors: int = 0  # the next so many changes fail as a full disk does

    def add(self, batch_id: str, events: int = 3, text: str = "") -> SealedBatch:
        """A sealed batch appears."""
        batch = make_batch(self.folder, batch_id, events, text=text)
        self.batches[batch_id] = batch
        return batch

    def sealed(self) -> list[SealedBatch]:
        """See `BatchSource`."""
        return list(self.batches.values())

    async def acknowledged(self, batch_id: str, answer: UploadAnswer) -> None:
        """See `BatchSource`."""
        self._write()
        self.answers[batch_id] = answer
        self.remove(batch_id)

    async def quarantine(self, batch_id: str, reason: str, detail: str) -> None:
        """See `BatchSource`."""
        self._write()
        self.quarantined[batch_id] = (reason, detail)
        lines = gzip.decompress(self.batches[batch_id].path.read_bytes()).splitlines()
        self.set_aside.update(json.loads(line)["event_id"] for line in lines)
        self.remove(batch_id)

    async def inspect(self, batch_id: str) -> bool:
        """See `BatchSource`."""
        return batch_id in self.batches

    async def halve(self, batch_id: str) -> None:
        """See `BatchSource`."""
        self._write()
        self.halved.append(batch_id)
        batch = self.batches[batch_id]
        lines = gzip.decompress(batch.path.read_bytes()).splitlines(keepends=True)
        middle = len(lines) // 2
        for name, half in ((f"{batch_id}a", lines[:middle]), (f"{batch_id}b", lines[middle:])):
            self.batches[name] = pack_batch(self.folder, name, half, batch.level)
        self.remove(batch_id)

    async def seal_now(self) -> int:
        """See `BatchSource`."""
        self._write()
        sealed, self.active = self.active, []
        for batch_id, events in sealed:
            self.add(batch_id, events)
        return len(sealed)

    def remove(self, batch_id: str) -> None:
        """The batch and its file are no more."""
        self.batches.pop(batch_id).path.unlink()

    def _write(self) -> None:
        if self.disk_errors:
            self.disk_errors -= 1
            raise OSError(28, "No space left on device")


class LoopClock:
    """The event loop's time, which tests may run virtually; the wall clock can be set apart."""

    def __init__(self, wall_s: float = 1_700_000_000.0) -> None:
        self.wall_s = wall_s

    def monotonic(self) -> float:
        """The loop's seconds."""
        return asyncio.get_running_loop().time()

    def unix_ms(self) -> int:
        """The wall clock in milliseconds."""
        return round((self.wall_s + self.monotonic()) * 1_000)


def open_schedule() -> UploadSchedule:
    """A schedule that may send."""
    schedule = UploadSchedule()
    schedule.on_gate(True)
    return schedule


@dataclass
class ScriptedExporter:
    """An `Exporter` that answers as told, then delivers; `sent` has the loop's time of each."""

    answers: list[Classification | Exception] = field(default_factory=list)
    sent: list[tuple[float, str]] = field(default_factory=list)
    hold: asyncio.Event | None = None  # a send waits for it before it answers
    started: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: int = 0
    closed: int = 0
    on_send: Callable[[SealedBatch], Awaitable[None]] | None = None

    @property
    def batch_ids(self) -> list[str]:
        """What was sent, in order."""
        return [batch_id for _, batch_id in self.sent]

    async def send(self, batch: SealedBatch) -> Classification:
        """See `Exporter`."""
        self.sent.append((asyncio.get_running_loop().time(), batch.batch_id))
        self.started.set()
        if self.on_send is not None:
            await self.on_send(batch)
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer or Delivered(UploadAnswer(batch.events, 0))

    def abort(self) -> None:
        """See `Exporter`."""
        self.aborted += 1

    async def aclose(self) -> None:
        """See `Exporter`."""
        self.closed += 1


class ChangingToken:
    """A token that becomes another one after some looks."""

    def __init__(self, changes_at: int | None, may_change: bool = True) -> None:
        self.changes_at = changes_at
        self.may_change = may_change
        self.looks = 0

    async def reread(self) -> bool:
        """See `TokenReader`."""
        self.looks += 1
        return self.looks == self.changes_at


class UploadWorld:
    """An uploader with its surroundings, running while entered."""

    def __init__(self, folder: Path, token: ChangingToken | None = None) -> None:
        self.source = FakeSource(folder)
        self.exporter = ScriptedExporter()
        self.clock = LoopClock()
        self.tally = Tally()
        self.uploader = Uploader(
            source=self.source,
            exporter=self.exporter,
            schedule=open_schedule(),
            clock=self.clock,
            token=token,
            tally=self.tally,
            dice=lambda: 0.5,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["UploadWorld"]:
        """The loop runs while entered."""
        async with asyncio.TaskGroup() as tasks:
            loop = tasks.create_task(self.uploader.run())
            yield self
            loop.cancel()

    async def pass_time(self, seconds: float) -> None:
        """Virtual seconds go by."""
        await asyncio.sleep(seconds)
