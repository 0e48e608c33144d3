"""The layout of an encrypted file: what full content looks like on disk.

Constraints
    Whoever has the disk and not the key learns sizes and times, and nothing else. A write that
    was torn, or bytes that were altered, are told from what was written. A segment can still be
    appended to, cut back and closed in place, so the frames carry the very bytes that an
    unencrypted segment would hold, at the offsets where it would hold them.

Layout
    | offset | bytes | holds |
    |---|---|---|
    | 0 | 4 | `SPV1` |
    | 4 | 8 | which key: the first bytes of HMAC-SHA-256(key, "key id") |
    | 12 | 16 | salt, random: the file's own key is HMAC-SHA-256(key, "file key" + salt) |
    | 28 | 4 | CRC-32 of the bytes before: tells a damaged head from another key |
    | 32 | … | frames |

    Frame
    | offset | bytes | holds |
    |---|---|---|
    | 0 | 4 | `f5 53 50 46` |
    | 4 | 8 | where its bytes stand in the plain file, little endian |
    | 12 | 4 | how many they are |
    | 16 | 12 | nonce, random |
    | 28 | n + 16 | AES-256-GCM of the bytes, with its tag; offset and length are authenticated |

    The first 28 bytes of the plain file (a segment's header) are a frame of their own, so that
    they can be replaced when the segment is sealed. Every later write is one frame: a commit is
    authenticated as a whole.

Nonces
    Random, 96 bits, under a key that serves one file: a file has some 10,000 frames, so two equal
    nonces under one key have odds of about 2^-70 (NIST SP 800-38D asks for less than 2^-32).
    Counters were refused: a frame rewritten after a failed write would repeat one.

Corruption
    A frame that does not authenticate is as if it were not there. In its place the plain file
    reads zeros where later frames follow, and ends where none do, so that a segment's own recovery
    sees damage as damage and a torn tail as a torn tail. Frames that are missing at the end cannot
    be told from frames never written; a sealed segment's header (authenticated) says how many
    there must be.
"""

import hashlib
import hmac
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

MAGIC = b"SPV1"
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
HEAD_BYTES = 32
FIRST_BYTES = 28  # a segment's header
_MARK = b"\xf5SPF"
_COMMIT_END = b"\x00\x00\xff\xff"  # a deflate sync flush, as in core/record
_FRAME = struct.Struct("<4sQI12s")
FRAME_EXTRA_BYTES = _FRAME.size + TAG_BYTES
PLAIN_BYTES_MAX = 64 * 1024 * 1024  # no file of ours is larger: a gap beyond it is damage


class Cipher(Protocol):
    """An AEAD with one key, such as `cryptography`'s AESGCM; `decrypt` raises on any mismatch."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class Frame(msgspec.Struct, frozen=True):
    """Where a frame lies in the file, and where its bytes stand in the plain one."""

    position: int
    offset: int
    size: int
    nonce: bytes

    @property
    def end(self) -> int:
        """Behind its last byte in the file."""
        return self.position + FRAME_EXTRA_BYTES + self.size


class Piece(msgspec.Struct, frozen=True):
    """A frame that was authenticated, and its bytes."""

    frame: Frame
    plain: bytes


def key_id(key: bytes) -> bytes:
    """Names a key without telling anything of it."""
    return hmac.new(key, b"sidespool key id", hashlib.sha256).digest()[:8]


def file_key(key: bytes, salt: bytes) -> bytes:
    """The key of one file."""
    return hmac.new(key, b"sidespool file key" + salt, hashlib.sha256).digest()


def head(key: bytes, salt: bytes) -> bytes:
    """What a file begins with."""
    start = MAGIC + key_id(key) + salt
    return start + struct.pack("<I", zlib.crc32(start))


def is_encrypted(raw: bytes) -> bool:
    """Whether these bytes begin an encrypted file."""
    return raw[:4] == MAGIC


def is_sound(raw: bytes) -> bool:
    """Whether these bytes begin with a whole, unaltered head."""
    start = raw[:28]
    return is_encrypted(raw) and raw[28:HEAD_BYTES] == struct.pack("<I", zlib.crc32(start))


def shape_of_damaged(raw: bytes) -> bytes:
    """What stands for a segment whose head is lost: nothing to read, and where commits ended.

    A segment's recovery then sees how many there were, and counts them as lost.
    """
    found, position = 0, 0
    while (frame := next_frame(raw, position)) is not None:
        found += frame.offset >= FIRST_BYTES
        position = frame.end
    # ff begins a deflate block of no known kind: nothing behind it is inflated.
    return bytes(FIRST_BYTES) + b"\xff\x55" + _COMMIT_END * found


def made_with(raw: bytes, key: bytes) -> bool:
    """Whether this key opens the file."""
    return hmac.compare_digest(raw[4:12], key_id(key))


def salt_of(raw: bytes) -> bytes:
    """The salt in a file's head."""
    return raw[12:28]


def encode_frame(cipher: Cipher, plain: bytes, offset: int, nonce: bytes) -> bytes:
    """A frame of bytes that stand at `offset` in the plain file; a nonce is never used twice."""
    start = _FRAME.pack(_MARK, offset, len(plain), nonce)
    return start + cipher.encrypt(nonce, plain, start[:16])


def split_write(plain: bytes, offset: int) -> list[bytes]:
    """One write as the pieces that become frames: the first 28 bytes apart from the rest."""
    if offset > 0 or len(plain) <= FIRST_BYTES:
        return [plain] if plain else []
    return [plain[:FIRST_BYTES], plain[FIRST_BYTES:]]


def encode_file(
    key: bytes, cipher: Cipher, salt: bytes, pieces: list[bytes], nonces: Callable[[], bytes]
) -> bytes:
    """A whole file of these pieces, a frame each."""
    out, offset = [head(key, salt)], 0
    for plain in pieces:
        out.append(encode_frame(cipher, plain, offset, nonces()))
        offset += len(plain)
    return b"".join(out)


def frames(raw: bytes) -> Iterator[Frame]:
    """Everything that looks like a frame and is complete; none of it is authenticated yet.

    After a frame the search goes on behind it, so that a marker within cipher text is not taken
    for one; a frame that proves false is looked into by `pieces`.
    """
    position = HEAD_BYTES
    while (frame := next_frame(raw, position)) is not None:
        yield frame
        position = frame.end


def next_frame(raw: bytes, position: int) -> Frame | None:
    """The first complete frame at or behind a position."""
    while (found := raw.find(_MARK, position)) >= 0:
        if found + _FRAME.size <= len(raw):
            _, offset, size, nonce = _FRAME.unpack_from(raw, found)
            frame = Frame(found, offset, size, nonce)
            if frame.end <= len(raw) and offset + size <= PLAIN_BYTES_MAX:
                return frame
        position = found + 1
    return None


def open_frame(raw: bytes, frame: Frame, cipher: Cipher) -> bytes | None:
    """The frame's bytes, or None where they are not what was written."""
    at = frame.position
    try:
        return cipher.decrypt(frame.nonce, raw[at + _FRAME.size : frame.end], raw[at : at + 16])
    except Exception:  # each library has its own error for "not authentic"
        return None


def pieces(raw: bytes, cipher: Cipher) -> Iterator[Piece]:
    """The authentic frames in the order of the plain file; what is none is stepped over."""
    position, reached = HEAD_BYTES, 0
    while (frame := next_frame(raw, position)) is not None:
        plain = open_frame(raw, frame, cipher) if frame.offset >= reached else None
        if plain is None:
            position = frame.position + 1
            continue
        yield Piece(frame, plain)
        position, reached = frame.end, frame.offset + frame.size


def decrypt(raw: bytes, cipher: Cipher) -> bytes:
    """The plain file; zeros where a frame in the middle is not authentic."""
    out: list[bytes] = []
    reached = 0
    for piece in pieces(raw, cipher):
        out.append(bytes(piece.frame.offset - reached))
        out.append(piece.plain)
        reached = piece.frame.offset + piece.frame.size
    return b"".join(out)
