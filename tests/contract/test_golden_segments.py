"""Segments that earlier builds wrote are read for ever: these files are only ever added to.

`python tests/contract/test_golden_segments.py NAME` writes a new set; it refuses to touch one.
"""

import gzip
import random
import subprocess
import sys
from pathlib import Path

import pytest

from sidespool.core.record import (
    HEADER_BYTES,
    SegmentEncoder,
    header,
    is_whole,
    parse_header,
    parse_name,
    parse_sealed,
    read_lines,
    recover,
    trailer,
)

GOLDEN = Path(__file__).with_name("golden")
# name → (commits of so many events, how the file ends)
SHAPES = {
    "0199c82c-c000-7100-8000-000000000001.v1.sealed": ([1], "sealed"),
    "0199c82c-c001-7200-8000-000000000002.v1.sealed": ([1, 2, 3, 40], "sealed"),
    "0199c82c-c002-7300-8000-000000000003.v1.active": ([5, 5], "active"),
    "0199c82c-c003-7300-8000-000000000004.v1.active": ([5, 5, 5], "torn"),
    "0199c82c-c004-7400-8000-000000000005.v1.quarantined": ([4, 4], "altered"),
}


def lines_of(name: str) -> list[bytes]:
    """The events of a golden file, as they were written."""
    dice = random.Random(name)
    events = sum(SHAPES[name][0])
    return [
        b'{"event_id":"%s","event_type":"ChatTurn","seq":%d,"payload":{"model":"caf\xc3\xa9 %s"}}'
        % (f"{dice.getrandbits(128):032x}".encode(), n, dice.randbytes(8).hex().encode())
        for n in range(events)
    ]


def whole_events(name: str) -> int:
    """How many of them can be read."""
    commits, end = SHAPES[name]
    return sum(commits[:-1]) if end in ("torn", "altered") else sum(commits)


@pytest.mark.parametrize("name", SHAPES)
def test_the_whole_commits_of_a_golden_segment_are_read(name: str) -> None:
    raw = (GOLDEN / name).read_bytes()
    assert parse_name(name) is not None
    assert read_lines(raw) == lines_of(name)[: whole_events(name)]
    found = recover(raw)
    assert found is not None
    assert found.events == whole_events(name)
    assert is_whole(raw) == (SHAPES[name][1] == "sealed")


@pytest.mark.parametrize("name", [one for one in SHAPES if one.endswith("sealed")])
def test_a_golden_sealed_segment_is_gzip_to_everybody(name: str) -> None:
    raw = (GOLDEN / name).read_bytes()
    text = gzip.decompress(raw)
    assert subprocess.run(["zcat"], input=raw, capture_output=True, check=True).stdout == text
    assert [line.rstrip(b" \t") for line in text.splitlines()] == lines_of(name)
    known = parse_sealed(raw[:HEADER_BYTES], raw[-4:])
    assert known == (len(lines_of(name)), len(text)) == parse_header(raw)


def test_what_is_golden_is_described_here() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(SHAPES)


def write(name: str) -> None:
    """Writes one file as this build does."""
    commits, end = SHAPES[name]
    encoder, lines, body, sizes = SegmentEncoder(), lines_of(name), b"", [0]
    for count in commits:
        fresh, lines = lines[:count], lines[count:]
        body += encoder.commit(b"\n".join(fresh) + b"\n", count)
        sizes.append(len(body))
    if end == "sealed":
        raw = header(encoder.events, encoder.raw_bytes) + body
        raw += trailer(encoder.crc, encoder.raw_bytes)
    elif end == "torn":
        raw = header() + body[: (sizes[-2] + sizes[-1]) // 2]
    elif end == "altered":
        at = (sizes[-2] + sizes[-1]) // 2
        raw = header() + body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]
    else:
        raw = header() + body
    with (GOLDEN / name).open("xb") as file:
        file.write(raw)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        write(wanted)
