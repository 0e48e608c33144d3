"""Segments as bytes, and every way in which a disk can spoil them."""

import random

from sidespool.core.record import SegmentEncoder, header, trailer


def event_line(number: int, size_bytes: int = 40) -> bytes:
    """A JSON line of its own for each number; the text hardly compresses."""
    text = random.Random(number).randbytes(size_bytes // 2).hex()
    return b'{"n":%d,"text":"%s"}' % (number, text.encode())


def active(commits: list[int], size_bytes: int = 40) -> tuple[bytes, list[int], list[bytes]]:
    """An active segment of commits of so many events: bytes, the offset behind each, the lines."""
    encoder = SegmentEncoder()
    raw = header()
    ends: list[int] = []
    lines: list[bytes] = []
    for count in commits:
        fresh = [event_line(len(lines) + n, size_bytes) for n in range(count)]
        raw += encoder.commit(b"\n".join(fresh) + b"\n", count)
        ends.append(len(raw))
        lines += fresh
    return raw, ends, lines


def sealed(commits: list[int]) -> tuple[bytes, list[int], list[bytes]]:
    """The same, sealed."""
    encoder = SegmentEncoder()
    raw = b""
    ends: list[int] = []
    lines: list[bytes] = []
    for count in commits:
        fresh = [event_line(len(lines) + n) for n in range(count)]
        raw += encoder.commit(b"\n".join(fresh) + b"\n", count)
        ends.append(len(raw) + len(header()))
        lines += fresh
    head = header(encoder.events, encoder.raw_bytes)
    return head + raw + trailer(encoder.crc, encoder.raw_bytes), ends, lines


SPOILERS = ("flip", "zero", "cut", "drop", "double", "swap", "noise")


def spoil(raw: bytes, how: str, dice: random.Random) -> bytes:
    """One spoiling of the bytes; the result may by chance be the same."""
    if not raw:
        return raw
    start = dice.randrange(len(raw))
    end = min(len(raw), start + dice.choice([1, 2, 7, 64, 512, 4096]))
    piece = raw[start:end]
    match how:
        case "flip":
            changed = bytearray(raw)
            changed[start] ^= 1 << dice.randrange(8)
            return bytes(changed)
        case "zero":
            return raw[:start] + bytes(len(piece)) + raw[end:]
        case "cut":
            return raw[:start]
        case "drop":
            return raw[:start] + raw[end:]
        case "double":
            return raw[:end] + piece + raw[end:]
        case "swap":
            middle = (start + end) // 2
            return raw[:start] + raw[middle:end] + raw[start:middle] + raw[end:]
        case _:
            return raw[:start] + dice.randbytes(len(piece)) + raw[end:]
