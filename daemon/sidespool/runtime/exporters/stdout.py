"""Writes events as JSON lines to standard output, for containers and for trying things out."""

import sys
from typing import BinaryIO

from sidespool.errors import SegmentError
from sidespool.runtime.detached import uninterrupted
from sidespool.runtime.exporters.lines import read_lines
from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.upload import Classification, Delivered, Refused, UploadAnswer


class StdoutExporter:
    """An `Exporter` to a stream; whole batches only, flushed."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdout.buffer

    async def send(self, batch: SealedBatch) -> Classification:
        """One attempt; OSError (a closed pipe) keeps the batch."""
        try:
            await uninterrupted(self._write, batch)
        except SegmentError as error:
            return Refused(error.message)
        return Delivered(UploadAnswer(accepted=batch.events, duplicates=0))

    def _write(self, batch: SealedBatch) -> None:
        # One write a batch: the ready line's neighbours on the same stream stay whole lines.
        self._stream.write(b"".join(read_lines(batch)))
        self._stream.flush()

    def abort(self) -> None:
        """Nothing leaves the machine."""

    async def aclose(self) -> None:
        """The stream is not ours to close."""
