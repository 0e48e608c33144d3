"""Keeps attachments on disk, encrypted: `attachments/<event id>.<digest of the name>.attached`.

The first frame of a file says what it is (core/attachment), the second holds its bytes. A file
is whole or not there. Every method blocks and is called in the writer's thread.
"""

from sidespool.core.attachment import (
    SUFFIX,
    Attachment,
    Waiting,
    decode_about,
    digest_of,
    encode_about,
    file_name,
    is_file_name,
    to_evict,
)
from sidespool.core.policy import ATTACHMENT_AGE_DAYS_MAX
from sidespool.core.spool import DAY_MS
from sidespool.runtime.history import prune_history
from sidespool.runtime.ids import now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.vault import KeyMissingError
from sidespool.runtime.vault_disk import VaultDisk


class AttachmentStore:
    """The folder and the queue; `dropped` counts what was given up, by reason."""

    def __init__(self, disk: VaultDisk, paths: DataPaths) -> None:
        self.disk = disk
        self.paths = paths
        self.waiting: dict[str, Waiting] = {}
        self.dropped: dict[str, int] = {}

    def load(self) -> None:
        """Reads the queue; what another key encrypted stays where it is until it is too old."""
        self._expire()
        for name in self.disk.listdir(self.paths.attachments):
            if name in self.waiting or not is_file_name(name):
                continue
            try:
                first = self.disk.read_first(self.paths.attachments / name)
            except KeyMissingError:
                continue
            about = decode_about(first) if first is not None else None
            if about is None:
                self._drop(name, "corrupt")
            else:
                self.waiting[name] = Waiting(name, about)

    def _expire(self) -> None:
        limit = now_ms() - ATTACHMENT_AGE_DAYS_MAX * DAY_MS
        for one in tuple(self.waiting.values()):
            if one.about.created_ms < limit:
                self._drop(one.file_name, "age")

    def save(self, about: Attachment, data: bytes) -> None:
        """Durable on return; raises OSError. The same name for the same event replaces."""
        name = file_name(about.event_id, about.name)
        others = [one for one in self.waiting.values() if one.file_name != name]
        for victim in to_evict(others, about.size_bytes):
            self._drop(victim.file_name, "quota")
        parts = [encode_about(about), data]
        self.disk.write_encrypted(self.paths.attachments / name, [part for part in parts if part])
        self.waiting[name] = Waiting(name, about)

    def bytes_of(self, one: Waiting) -> bytes:
        """The attachment itself; FileNotFoundError where it is gone or damaged, OSError."""
        raw = self.disk.read(self.paths.attachments / one.file_name)
        data = b"" if raw is None else raw[len(encode_about(one.about)) :]
        if raw is not None and digest_of(data) != one.about.digest:
            self._drop(one.file_name, "corrupt")
            raw = None
        if raw is None:
            raise FileNotFoundError(one.file_name)
        return data

    def delivered(self, one: Waiting) -> None:
        """The collector has it: to the history, still encrypted."""
        path = self.paths.attachments / one.file_name
        now = now_ms()
        try:
            self.disk.rename(path, self.paths.history / f"{now:014d}-{one.file_name}")
            self.disk.sync_dir(self.paths.history)
            prune_history(self.disk, self.paths.history, now)
        except OSError:
            self.disk.remove(path)
        self.disk.sync_dir(self.paths.attachments)
        self.waiting.pop(one.file_name, None)

    def refused(self, one: Waiting) -> None:
        """The collector will never take it."""
        self._drop(one.file_name, "refused")

    def _drop(self, name: str, reason: str) -> None:
        if reason == "corrupt":
            LOGGER.warning("an attachment was damaged and is given up: %s", name)
        self.disk.remove(self.paths.attachments / name)
        self.waiting.pop(name, None)
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def forget(self) -> int:
        """Deletes all of them, durably; how many there were."""
        names = self.disk.listdir(self.paths.attachments)
        for name in names:
            self.disk.remove(self.paths.attachments / name)
        if names:
            self.disk.sync_dir(self.paths.attachments)
        self.waiting.clear()
        return sum(name.endswith(SUFFIX) for name in names)
