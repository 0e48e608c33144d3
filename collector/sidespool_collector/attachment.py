"""Attachments on disk: streamed in, hashed on the way, named by their hash.

The name a client gives is only kept in the store; nothing a client says becomes part of a path.
A file appears under its digest when it is whole, by a rename after fsync.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


class AttachmentTooLargeError(Exception):
    """More bytes than an attachment may have."""


class FileStore:
    """A directory of files by SHA-256, in 256 subdirectories."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, digest: str) -> Path:
        """Where a file lies; `digest` is 64 hex digits of our own making."""
        return self._root / digest[:2] / digest

    def exists(self, digest: str) -> bool:
        """Whether the file is whole and here."""
        return self.path(digest).is_file()

    def unlink(self, digest: str) -> None:
        """Removes a file; one that is already gone is no error."""
        with suppress(FileNotFoundError):
            self.path(digest).unlink()

    async def take(self, chunks: AsyncIterator[bytes], max_bytes: int) -> tuple[str, int]:
        """Writes a stream; its digest and size. Raises AttachmentTooLargeError, leaving nothing."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=self._root, prefix=".incoming-")
        digest, size = hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as out:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > max_bytes:
                        raise AttachmentTooLargeError
                    digest.update(chunk)
                    out.write(chunk)
                await asyncio.to_thread(_sync, out)
            self._keep(temporary, digest.hexdigest())
        except BaseException:
            _drop(temporary)
            raise
        return digest.hexdigest(), size

    def _keep(self, temporary: str, digest: str) -> None:
        final = self.path(digest)
        final.parent.mkdir(exist_ok=True, mode=0o700)
        Path(temporary).replace(final)

    def sweep(self) -> None:
        """Removes what a crash left half-written."""
        if self._root.is_dir():
            for left in self._root.glob(".incoming-*"):
                left.unlink(missing_ok=True)


def _sync(out: BinaryIO) -> None:
    out.flush()
    os.fsync(out.fileno())


def _drop(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()
