"""Delivers nowhere: each batch counts as delivered the moment it is sealed, and is gone.

For measurements, and for applications that want the local viewer and its history only. To keep
events on the machine instead, leave the endpoint unset (local only).
"""

from sidespool.runtime.upload_ports import SealedBatch
from sidespool.wire.upload import Classification, Delivered, UploadAnswer


class NoneExporter:
    """An `Exporter` that takes everything."""

    async def send(self, batch: SealedBatch) -> Classification:
        """Always delivered."""
        return Delivered(UploadAnswer(accepted=batch.events, duplicates=0))

    def abort(self) -> None:
        """Nothing leaves the machine."""

    async def aclose(self) -> None:
        """Nothing to close."""
