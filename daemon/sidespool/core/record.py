"""The layout of a segment: how events are framed on disk, sealed, recovered and read.

Constraints
    A reader that knows nothing of Sidespool (`zcat`) sees JSON lines and nothing else. A commit of
    one event is small (66 bytes for a 380-byte event, where a gzip member each takes 230). A torn
    or altered tail is found and cut back to the last whole commit. A sealed file is one gzip
    member (RFC 1952), which every HTTP server inflates; several in a row are not (curl and old
    aiohttp stop at the first). Segments of level full lie encrypted on disk (core/envelope): what
    stands here is what they hold inside, and what is sent.

Name
    `<batch_id>.v1.active`, later `.v1.sealed` or `.v1.quarantined`. The batch id is a UUID version
    7 whose first hex digit after the version is the level of all events within (1 crash, 2 error,
    3 usage, 4 full): withdrawing a level is deleting files by name.

Layout
    | offset | bytes | holds |
    |---|---|---|
    | 0 | 10 | gzip header: 1f 8b 08 04, time 0, flags 0, system 255 |
    | 10 | 2 | length of the extra field: 16 |
    | 12 | 4 | subfield `SP`, length 12 |
    | 16 | 4 | events in the segment, little endian; ffffffff while it is active |
    | 20 | 4 | bytes before compression; ffffffff while it is active |
    | 24 | 4 | CRC-32 of the 24 bytes before: a start believes the counts without inflating |
    | 28 | … | deflate: for each commit its lines, then a sync flush (…00 00 ff ff) |
    | end-10 | 2 | 03 00, the empty last block |
    | end-8 | 8 | CRC-32 and size of all lines (RFC 1952) |

Commit
    The lines of a commit end in `\\n`. Between the last line's `}` and its `\\n` stand 32 spaces or
    tabs: the bits, lowest first, of the CRC-32 of everything in the segment up to there. JSON
    allows white space after a value, so no parser sees it; because the sum runs on from the start
    of the segment, lost, doubled or exchanged commits are found too.

Operation
    Append a commit, fdatasync, acknowledge. Seal: append the last block, fill in the two counts,
    fdatasync, rename, fsync the directory.

Corruption
    Recovery inflates from offset 28 (whatever the header says), up to each sync flush, and keeps
    the longest run whose marks are right. At most one commit is ever written and not yet synced,
    so one torn commit behind the run was never acknowledged: it is cut off. Where more than one
    stood behind it (`commits_behind`), acknowledged ones were altered: their loss is counted and
    the file kept in quarantine.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from sidespool.core.policy import SEGMENT_INFLATED_BYTES_MAX
from sidespool.wire.level import Level

FORMAT_VERSION = 1
HEADER = struct.Struct("<4sIBBH2sHII")
HEADER_BYTES = HEADER.size + 4
TRAILER_BYTES = 10
UNKNOWN = 0xFFFFFFFF
SYNC = b"\x00\x00\xff\xff"
MARK_CHARS = 32
_LAST_BLOCK = b"\x03\x00"
_MARK_DIGITS = str.maketrans("01", " \t")
_BATCH_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LEVELS = {str(int(level)): level for level in Level if level is not Level.OFF}

ACTIVE, SEALED, QUARANTINED = "active", "sealed", "quarantined"


class SegmentName(msgspec.Struct, frozen=True):
    """What a spool file's name says; `version` other than ours means: leave it alone."""

    batch_id: str
    level: Level
    version: int
    state: str


class Recovered(msgspec.Struct, frozen=True):
    """What stands whole in a segment: compressed bytes up to the last commit, and their sums."""

    valid_bytes: int
    events: int
    raw_bytes: int
    crc: int
    complete: bool


def batch_id_bits(level: Level, dice: int) -> tuple[int, int]:
    """(rand_a, rand_b) of a batch id's UUIDv7: the level in the top digit of rand_a."""
    return int(level) << 8 | dice & 0xFF, dice >> 8


def segment_name(batch_id: str, state: str) -> str:
    """The file name of a segment in a state."""
    return f"{batch_id}.v{FORMAT_VERSION}.{state}"


def level_of(batch_id: str) -> Level | None:
    """The level in a batch id, or None for an id that carries none."""
    return _LEVELS.get(batch_id[15]) if _BATCH_ID.fullmatch(batch_id) else None


def parse_name(name: str) -> SegmentName | None:
    """The parts of a spool file's name, or None for a file that is none of ours."""
    batch_id, dot, rest = name.partition(".v")
    version, dot_two, state = rest.partition(".")
    level = level_of(batch_id)
    if not (dot and dot_two and level) or state not in (ACTIVE, SEALED, QUARANTINED):
        return None
    if not version.isascii() or not version.isdigit() or len(version) > 4:
        return None
    return SegmentName(batch_id, level, int(version), state)


def header(events: int = UNKNOWN, raw_bytes: int = UNKNOWN) -> bytes:
    """The 28 bytes a segment begins with."""
    head = HEADER.pack(b"\x1f\x8b\x08\x04", 0, 0, 255, 16, b"SP", 12, events, raw_bytes)
    return head + struct.pack("<I", zlib.crc32(head))


def parse_header(raw: bytes) -> tuple[int, int] | None:
    """(events, raw bytes) of a segment's first 28 bytes; None where one bit of them is wrong."""
    if len(raw) < HEADER_BYTES:
        return None
    events, raw_bytes = struct.unpack_from("<II", raw, 16)
    return (events, raw_bytes) if raw[:HEADER_BYTES] == header(events, raw_bytes) else None


def parse_sealed(head: bytes, tail: bytes) -> tuple[int, int] | None:
    """(events, raw bytes) of a sealed segment whose two ends agree; None where they do not.

    `head` are its first 28 bytes, `tail` its last four: what lies between is not looked at.
    """
    known = parse_header(head)
    if known is None or UNKNOWN in known or tail != struct.pack("<I", known[1]):
        return None
    return known


def mark(crc: int) -> bytes:
    """The 32 spaces and tabs that stand for a CRC-32, lowest bit first."""
    return f"{crc:032b}"[::-1].translate(_MARK_DIGITS).encode()


def trailer(crc: int, raw_bytes: int) -> bytes:
    """What closes the gzip member after a sync flush."""
    return _LAST_BLOCK + struct.pack("<II", crc, raw_bytes & 0xFFFFFFFF)


class SegmentEncoder:
    """Turns commits into bytes to append; `events`, `raw_bytes` and `crc` run along.

    After a failed write the object is ahead of the file and must be thrown away; the sums of the
    last durable commit are what `trailer` needs to close the file.
    """

    def __init__(self) -> None:
        from isal import isal_zlib  # 7 ms: only a daemon that writes pays for it

        self._flush_mode = isal_zlib.Z_SYNC_FLUSH
        self._deflate: Any = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
        self._crc32 = isal_zlib.crc32
        self.events = 0
        self.raw_bytes = 0
        self.crc = 0

    def commit(self, lines: bytes, events: int) -> bytes:
        """Bytes to append for whole lines, each ending in `\\n`; at least one line."""
        body = lines[:-1]
        crc = self._crc32(body, self.crc)
        tail = mark(crc) + b"\n"
        self.crc = self._crc32(tail, crc)
        self.raw_bytes += len(body) + len(tail)
        self.events += events
        deflate = self._deflate
        return b"".join(
            (deflate.compress(body), deflate.compress(tail), deflate.flush(self._flush_mode))
        )


def recover(raw: bytes) -> Recovered | None:
    """The longest run of whole commits in a segment's bytes; None where not even one stands."""
    last: Recovered | None = None
    for state in _commits(raw):
        last = state
    return last


def commits_behind(raw: bytes, valid_bytes: int) -> int:
    """How many commits ended behind the last whole one, as far as their ends can be seen."""
    return raw.count(SYNC, max(valid_bytes, HEADER_BYTES))


def _commits(raw: bytes) -> Iterator[Recovered]:
    """Each state of the segment whose mark is right, in order, until the first that is not.

    One pass, whatever the bytes: of what was inflated only the end that may be a mark is kept.
    """
    inflate = zlib.decompressobj(-15)
    position, crc, raw_bytes, events, end = HEADER_BYTES, 0, 0, 0, b""
    room = SEGMENT_INFLATED_BYTES_MAX
    while (found := raw.find(SYNC, position)) >= 0:
        following = found + len(SYNC)
        try:
            text = inflate.decompress(raw[position:following], room)
        except zlib.error:
            return
        position, room = following, room - len(text)
        if inflate.eof or room <= 0:
            return
        text = end + text
        body, end = text[: -MARK_CHARS - 1], text[-MARK_CHARS - 1 :]
        crc, raw_bytes, events = zlib.crc32(body, crc), raw_bytes + len(body), events + _lines(body)
        if end == mark(crc) + b"\n":
            crc, raw_bytes, events = zlib.crc32(end, crc), raw_bytes + len(end), events + 1
            end = b""
            complete = raw[position : position + TRAILER_BYTES] == trailer(crc, raw_bytes)
            yield Recovered(position, events, raw_bytes, crc, complete)
        elif _is_mark(end):
            return  # a commit whose sum is wrong; no later one can be right
        # else the four bytes of a sync flush occurred within a block


def _lines(text: bytes) -> int:
    return text.count(b"\n")


def _is_mark(end: bytes) -> bool:
    return len(end) == MARK_CHARS + 1 and not end[:-1].strip(b" \t") and end[-1:] == b"\n"


def read_lines(raw: bytes) -> list[bytes]:
    """The JSON lines of every whole commit, without marks and line ends."""
    whole = recover(raw)
    if whole is None:
        return []
    inflate = zlib.decompressobj(-15)
    text = inflate.decompress(raw[HEADER_BYTES : whole.valid_bytes], whole.raw_bytes)
    return [line.rstrip(b" \t") for line in text.split(b"\n") if line.strip(b" \t")]


def encode_sealed(lines: list[bytes]) -> bytes:
    """A whole sealed segment of the given lines (without line ends); at least one line."""
    encoder = SegmentEncoder()
    body = encoder.commit(b"\n".join(lines) + b"\n", len(lines))
    return (
        header(encoder.events, encoder.raw_bytes & 0xFFFFFFFF)
        + body
        + trailer(encoder.crc, encoder.raw_bytes)
    )


def is_whole(raw: bytes) -> bool:
    """Whether the bytes are a sealed segment, complete and unaltered."""
    whole = recover(raw)
    return (
        whole is not None
        and whole.complete
        and len(raw) == whole.valid_bytes + TRAILER_BYTES
        and parse_header(raw) == (whole.events, whole.raw_bytes)
    )
