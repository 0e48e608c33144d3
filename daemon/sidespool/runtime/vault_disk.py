"""A disk on which segments of level `full` are encrypted, and everything else is as it was.

The spool, its recovery and its tests know nothing of it: they write, cut, read and rename the
plain bytes of `core/record`, and find on the real disk what `core/envelope` describes. Which
files are encrypted follows from their names when they are made, and from their first bytes when
they are read.
"""

import io
from pathlib import Path
from typing import BinaryIO

from sidespool.core.envelope import (
    FIRST_BYTES,
    HEAD_BYTES,
    Cipher,
    Frame,
    decrypt,
    encode_file,
    encode_frame,
    frames,
    head,
    is_encrypted,
    is_sound,
    next_frame,
    open_frame,
    pieces,
    salt_of,
    shape_of_damaged,
    split_write,
)
from sidespool.core.record import ACTIVE, QUARANTINED, SEALED, TRAILER_BYTES, parse_name
from sidespool.runtime.disk import Disk
from sidespool.runtime.vault import Vault
from sidespool.wire.level import Level

_GZIP = b"\x1f\x8b"


class _Open:
    """An encrypted file that is being written: its frames so far and its plain length."""

    def __init__(self, path: Path, cipher: Cipher, salt: bytes, known: list[Frame]) -> None:
        self.path = path
        self.cipher = cipher
        self.salt = salt
        self.frames = known

    @property
    def plain_end(self) -> int:
        return self.frames[-1].offset + self.frames[-1].size if self.frames else 0

    @property
    def end(self) -> int:
        return self.frames[-1].end if self.frames else 0


class VaultDisk(Disk):
    """`inner` does the real work; `folder` is the spool, `vault` has the key."""

    def __init__(self, inner: Disk, folder: Path, vault: Vault) -> None:
        self.inner = inner
        self.vault = vault
        self._folder = folder
        self._open: dict[int, _Open] = {}

    # -- as they are ---------------------------------------------------------------------------

    def make_dirs(self, path: Path) -> None:
        """See Disk."""
        self.inner.make_dirs(path)

    def listdir(self, path: Path) -> list[str]:
        """See Disk."""
        return self.inner.listdir(path)

    def sync(self, fd: int) -> None:
        """See Disk."""
        self.inner.sync(fd)

    def sync_dir(self, path: Path) -> None:
        """See Disk."""
        self.inner.sync_dir(path)

    def rename(self, old: Path, new: Path) -> None:
        """See Disk."""
        self.inner.rename(old, new)

    def remove(self, path: Path) -> None:
        """See Disk."""
        self.inner.remove(path)

    def size(self, path: Path) -> int:
        """Bytes on the real disk; the spool itself counts plain ones (`read_ends`)."""
        return self.inner.size(path)

    def close(self, fd: int) -> None:
        """See Disk."""
        self._open.pop(fd, None)
        self.inner.close(fd)

    # -- reading -------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes | None:
        """The plain bytes; KeyMissingError where the key is not at hand."""
        raw = self.inner.read(path)
        if raw is None or not self._must_be_opened(path, raw):
            return raw
        if not is_sound(raw):
            return shape_of_damaged(raw)
        return decrypt(raw, self.vault.cipher_of(raw))

    def _must_be_opened(self, path: Path, first: bytes) -> bool:
        return is_encrypted(first) or (self._is_full(path) and first[:2] != _GZIP)

    def read_raw(self, path: Path) -> bytes | None:
        """The bytes as they lie."""
        return self.inner.read(path)

    def open_read(self, path: Path) -> BinaryIO:
        """The plain bytes as a stream that decrypts as it is read."""
        first, _, _ = self.inner.read_ends(path, 4, 0)
        if not is_encrypted(first):
            return path.open("rb")
        raw = self.inner.read(path) or b""
        return io.BufferedReader(PlainStream(raw, self.vault.cipher_of(raw)))

    def read_ends(self, path: Path, head_bytes: int, tail_bytes: int) -> tuple[bytes, bytes, int]:
        """The plain ends and the plain size; only the frames at the ends are opened."""
        first, last, size = self.inner.read_ends(path, max(head_bytes, 4), tail_bytes)
        if not self._must_be_opened(path, first):
            return first[:head_bytes], last, size
        raw = self.inner.read(path) or b""
        if not is_sound(raw):
            return b"", b"", size
        cipher = self.vault.cipher_of(raw)
        known = list(frames(raw))
        if not known:
            return b"", b"", 0
        start, end = (open_frame(raw, one, cipher) or b"" for one in (known[0], known[-1]))
        tail = end[max(len(end) - tail_bytes, 0) :]
        return start[:head_bytes], tail, known[-1].offset + known[-1].size

    # -- writing -------------------------------------------------------------------------------

    def create(self, path: Path) -> int:
        """See Disk; a segment of level full is encrypted from its first byte."""
        if not self._is_full(path):
            return self.inner.create(path)
        salt, cipher = self.vault.new_cipher()
        fd = self.inner.create(path)
        self._open[fd] = _Open(path, cipher, salt, [])
        return fd

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        """Appends a frame, or replaces the first one."""
        file = self._open.get(fd)
        if file is None:
            self.inner.write_at(fd, data, offset)
        elif offset == 0 and file.frames:
            self._replace_first(fd, file, data)
        else:
            self._append(fd, file, data, offset)

    def _append(self, fd: int, file: _Open, data: bytes, offset: int) -> None:
        if offset != file.plain_end:
            raise ValueError("an encrypted file is written at its end")
        out, known = b"", list(file.frames)
        at = file.end
        if at == 0:
            out, at = head(self.vault.key, file.salt), HEAD_BYTES
        start = at - len(out)
        for plain in split_write(data, offset):
            nonce = self.vault.nonce()
            out += encode_frame(file.cipher, plain, offset, nonce)
            known.append(Frame(at, offset, len(plain), nonce))
            at, offset = known[-1].end, offset + len(plain)
        self.inner.write_at(fd, out, start)
        file.frames = known

    def _replace_first(self, fd: int, file: _Open, data: bytes) -> None:
        if len(data) != file.frames[0].size:
            raise ValueError("the first bytes of an encrypted file keep their length")
        nonce = self.vault.nonce()
        first = Frame(HEAD_BYTES, 0, len(data), nonce)
        self.inner.write_at(fd, encode_frame(file.cipher, data, 0, nonce), HEAD_BYTES)
        file.frames[0] = first

    def truncate(self, fd: int, size_bytes: int) -> None:
        """Cuts at a frame's end; a frame that reaches over it is written anew, shorter."""
        file = self._open.get(fd)
        if file is None:
            self.inner.truncate(fd, size_bytes)
            return
        kept = [one for one in file.frames if one.offset + one.size <= size_bytes]
        over = next((one for one in file.frames[len(kept) :] if one.offset < size_bytes), None)
        rest = b""
        if over is not None:
            rest = self._plain_of(file, over)[: size_bytes - over.offset]
        file.frames = kept
        self.inner.truncate(fd, file.end)
        if rest:
            self._append(fd, file, rest, file.plain_end)

    def _plain_of(self, file: _Open, frame: Frame) -> bytes:
        plain = open_frame(self.inner.read(file.path) or b"", frame, file.cipher)
        if plain is None:
            raise OSError("an encrypted frame is damaged")
        return plain

    def open_for_repair(self, path: Path) -> int:
        """See Disk."""
        raw = self.inner.read(path) or b""
        if not is_encrypted(raw):
            return self.inner.open_for_repair(path)
        cipher = self.vault.cipher_of(raw)
        known = [piece.frame for piece in pieces(raw, cipher)]
        if known and known[0].offset > 0:  # the first one is damaged, and will be replaced
            known.insert(0, Frame(HEAD_BYTES, 0, FIRST_BYTES, b""))
        fd = self.inner.open_for_repair(path)
        self._open[fd] = _Open(path, cipher, salt_of(raw), known)
        return fd

    def write_atomic(self, path: Path, data: bytes) -> None:
        """See Disk; a whole segment's end is a frame of its own, for it may have to be cut off."""
        if not self._is_full(path):
            self.inner.write_atomic(path, data)
            return
        middle = max(len(data) - TRAILER_BYTES, FIRST_BYTES)
        parts = [data[:FIRST_BYTES], data[FIRST_BYTES:middle], data[middle:]]
        self.write_encrypted(path, [part for part in parts if part])

    def write_encrypted(self, path: Path, parts: list[bytes]) -> None:
        """The whole file or nothing, a frame for each part, whatever its name."""
        salt, cipher = self.vault.new_cipher()
        whole = encode_file(self.vault.key, cipher, salt, parts, self.vault.nonce)
        self.inner.write_atomic(path, whole)

    def read_first(self, path: Path) -> bytes | None:
        """The first part of a file made by `write_encrypted`; None where it is damaged."""
        raw = self.inner.read(path)
        if raw is None or not is_encrypted(raw):
            return None
        frame = next_frame(raw, HEAD_BYTES)
        return open_frame(raw, frame, self.vault.cipher_of(raw)) if frame else None

    def _is_full(self, path: Path) -> bool:
        name = parse_name(path.name.removesuffix(".tmp"))
        return (
            name is not None
            and name.level is Level.FULL
            and name.state in (ACTIVE, SEALED, QUARANTINED)
            and path.parent == self._folder
        )


class PlainStream(io.RawIOBase):
    """The plain bytes of an encrypted file, one frame in memory at a time."""

    def __init__(self, raw: bytes, cipher: Cipher) -> None:
        self._raw = raw
        self._cipher = cipher
        self._frames = list(frames(raw))
        self._position = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    @property
    def size(self) -> int:
        """Plain bytes in all."""
        return self._frames[-1].offset + self._frames[-1].size if self._frames else 0

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See io."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # io's stubs
        """See io; zeros stand for what is not authentic, as `envelope.decrypt` gives them."""
        place = self._position
        part = b""
        for index, frame in enumerate(self._frames):
            if frame.offset + frame.size > place:
                part = self._part(index, frame, place, len(buffer))
                break
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _part(self, index: int, frame: Frame, place: int, wanted: int) -> bytes:
        if place < frame.offset:
            return bytes(min(wanted, frame.offset - place))
        if self._held[0] != index:
            plain = open_frame(self._raw, frame, self._cipher)
            self._held = (index, bytes(frame.size) if plain is None else plain)
        return self._held[1][place - frame.offset : place - frame.offset + wanted]
