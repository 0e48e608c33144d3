"""Appends events as JSON lines to a file, for air-gapped machines and for looking at.

At least once: a crash between the append and the acknowledgement repeats a batch, and the reader
tells by `event_id`. A failed append is cut back, so that no half line stays in the middle.
"""

import contextlib
import os
from pathlib import Path

from sidespool.errors import SegmentError
from sidespool.runtime.detached import uninterrupted
from sidespool.runtime.exporters.lines import read_lines
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.upload import Classification, Delivered, Refused, UploadAnswer


class FileExporter:
    """An `Exporter` to one file, made with its directories, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, batch: SealedBatch) -> Classification:
        """One attempt; a cancellation waits for the append's end."""
        try:
            await uninterrupted(self._append, batch)
        except SegmentError as error:
            return Refused(error.message)
        return Delivered(UploadAnswer(accepted=batch.events, duplicates=0))

    def _append(self, source: SealedBatch) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self._path, flags, 0o600), "ab", buffering=0) as file:
            before = os.fstat(file.fileno()).st_size
            try:
                for piece in read_lines(source):
                    _write_all(file.fileno(), piece)
                os.fsync(file.fileno())
            except BaseException:
                with contextlib.suppress(OSError):  # the first error is the one to tell
                    os.ftruncate(file.fileno(), before)
                raise

    def abort(self) -> None:
        """Nothing leaves the machine."""

    async def aclose(self) -> None:
        """Nothing is kept open."""


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
