"""What framing a commit costs: bytes an event on disk and CPU an event, for each way considered.

380-byte events, isal level 1. Run: `.venv/bin/python tests/bench/bench_framing.py`.
"""

import json
import random
import subprocess
import time
from collections.abc import Callable
from functools import partial

from isal import isal_zlib

from sidespool.core.record import mark

EVENTS = 4_000
SIZE_BYTES = 380
COMMITS = (1, 10, 200)
MODELS = ("alpha-4", "alpha-4-mini", "beta-2", "gamma-large")


def make_events() -> list[bytes]:
    """Lines as the daemon stores them, 380 bytes each."""
    dice = random.Random(7)
    run = f"0199c82c-c000-7{dice.getrandbits(12):03x}-8{dice.getrandbits(12):03x}-"
    out = []
    for number in range(EVENTS):
        event = {
            "user_id": "01a1fbf1-bc0c-7e5b-be6a-bdfc56a86a2a",
            "app_id": "app",
            "app_version": "2.17.2",
            "os": "linux",
            "event_id": f"{run}{number:012x}",
            "event_type": "ChatTurn",
            "timestamp": f"2026-11-21T02:{number // 60 % 60:02d}:{number % 60:02d}.123Z",
            "session_id": "01a1fbf1-bc33-76da-a367-5ce906652c77",
            "seq": number,
            "payload": {
                "prompt_length": dice.randrange(20_000),
                "response_length": dice.randrange(90_000),
                "model": dice.choice(MODELS),
                "latency_ms": dice.randrange(30_000),
            },
        }
        line = json.dumps(event, separators=(",", ":")).encode()
        out.append(line[:-1] + b" " * max(SIZE_BYTES - 1 - len(line), 0) + b"}\n")
    return out


def one_member(lines: list[bytes], closing: Callable[[bytes, int], bytes]) -> list[bytes]:
    """Commits in one gzip member, each ended by a sync flush."""
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    crc, out = 0, []
    for text in lines:
        crc = isal_zlib.crc32(text, crc)
        out.append(packer.compress(closing(text, crc)) + packer.flush(isal_zlib.Z_SYNC_FLUSH))
    return out


def plain(text: bytes, crc: int) -> bytes:
    return text


def white_space(text: bytes, crc: int) -> bytes:
    return text[:-1] + mark(crc) + b"\n"


def json_field(text: bytes, crc: int) -> bytes:
    return text[:-2] + b',"_c":"%08x"}\n' % crc


def member_each(lines: list[bytes]) -> list[bytes]:
    """A gzip member a commit: its CRC comes with the format."""
    out = []
    for text in lines:
        packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
        out.append(packer.compress(text) + packer.flush())
    return out


WAYS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "sync flush, no checksum": partial(one_member, closing=plain),
    "sync flush, checksum as white space": partial(one_member, closing=white_space),
    "sync flush, checksum as a JSON field": partial(one_member, closing=json_field),
    "gzip member a commit": member_each,
}


def main() -> None:
    """Prints one table."""
    events = make_events()
    print(f"{EVENTS} events of {len(events[0])} bytes; bytes and CPU µs an event")
    print(f"{'framing':<40}" + "".join(f"{f'{n} a commit':>22}" for n in COMMITS))
    for name, frame in WAYS.items():
        cells = []
        for count in COMMITS:
            commits = [b"".join(events[n : n + count]) for n in range(0, EVENTS, count)]
            start = time.process_time()
            size = sum(map(len, frame(commits)))
            spent_us = (time.process_time() - start) * 1e6 / EVENTS
            cells.append(f"{size / EVENTS:>12.2f} B {spent_us:>5.2f} µs")
        print(f"{name:<40}" + "".join(f"{cell:>22}" for cell in cells))
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    begun = packer.compress(events[0]) + packer.flush(isal_zlib.Z_SYNC_FLUSH)
    for name, behind in (("nothing", b""), ("zeros", bytes(4_096))):
        shown = subprocess.run(["zcat"], input=begun + behind, capture_output=True, check=False)
        print(
            f"zcat of an unfinished member with {name} behind it: {len(shown.stdout)} bytes shown"
        )


if __name__ == "__main__":
    main()
