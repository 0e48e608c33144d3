"""The segment's layout: what is written is read, by us and by every gzip reader."""

import gzip
import subprocess
import zlib

import pytest

from sidespool.core.record import (
    ACTIVE,
    HEADER_BYTES,
    SEALED,
    UNKNOWN,
    SegmentEncoder,
    batch_id_bits,
    commits_behind,
    encode_sealed,
    header,
    is_whole,
    level_of,
    mark,
    parse_header,
    parse_name,
    parse_sealed,
    read_lines,
    recover,
    segment_name,
)
from sidespool.wire.event import uuid7
from sidespool.wire.level import Level
from support.segment_bytes import active, event_line, sealed

BATCH = uuid7(1_760_000_000_000, *batch_id_bits(Level.ERROR, 12345))


def test_what_was_committed_is_read_in_order() -> None:
    raw, ends, lines = active([1, 3, 1, 20])
    whole = recover(raw)
    assert whole is not None
    assert (whole.valid_bytes, whole.events, whole.complete) == (ends[-1], 25, False)
    assert read_lines(raw) == lines


def test_an_active_segment_inflates_up_to_its_last_commit_with_zlib_alone() -> None:
    raw, _, lines = active([2, 5])
    text = zlib.decompressobj(31).decompress(raw)
    assert [line.rstrip() for line in text.splitlines()] == lines


def test_zcat_reads_a_sealed_segment_as_json_lines() -> None:
    raw, _, lines = sealed([1, 1, 40])
    shown = subprocess.run(["zcat"], input=raw, capture_output=True, check=True).stdout
    assert [line.rstrip() for line in shown.splitlines()] == lines
    assert gzip.decompress(raw) == shown


def test_a_sealed_segment_is_whole_and_says_so_at_both_ends() -> None:
    raw, _, lines = sealed([4, 4])
    whole = recover(raw)
    assert whole is not None
    assert whole.complete
    assert is_whole(raw)
    assert parse_sealed(raw[:HEADER_BYTES], raw[-4:]) == (len(lines), whole.raw_bytes)


def test_lines_sealed_at_once_are_whole() -> None:
    lines = [event_line(n) for n in range(5)]
    assert is_whole(encode_sealed(lines))
    assert read_lines(encode_sealed(lines)) == lines


@pytest.mark.parametrize("commits", [[1], [1, 1, 1], [7, 2]])
def test_cut_at_any_byte_the_whole_commits_before_remain(commits: list[int]) -> None:
    raw, ends, lines = active(commits)
    for size in range(len(raw) + 1):
        whole = recover(raw[:size])
        kept = sum(1 for end in ends if end <= size)
        assert (whole.valid_bytes if whole else HEADER_BYTES) == [HEADER_BYTES, *ends][kept]
        assert read_lines(raw[:size]) == lines[: sum(commits[:kept])]


def test_a_damaged_header_takes_nothing_from_the_commits() -> None:
    raw, _, lines = sealed([3, 3])
    for offset in range(HEADER_BYTES):
        spoilt = raw[:offset] + bytes([raw[offset] ^ 1]) + raw[offset + 1 :]
        assert parse_header(spoilt) is None, "no bit of it goes unnoticed"
        assert not is_whole(spoilt)
        assert read_lines(spoilt) == lines


def test_a_sealed_segment_cut_short_is_seen_without_inflating_it() -> None:
    raw, _, _ = sealed([3, 3])
    for size in range(HEADER_BYTES, len(raw)):
        assert parse_sealed(raw[:HEADER_BYTES], raw[:size][-4:]) is None


def test_commits_exchanged_doubled_or_left_out_are_found() -> None:
    raw, ends, lines = active([2, 2, 2])
    first, second, third = (
        raw[start:end] for start, end in zip([HEADER_BYTES, *ends], ends, strict=False)
    )
    for order in ([second, first, third], [first, third], [first, first, second, third]):
        assert read_lines(header() + b"".join(order)) in ([], lines[:2])


def test_a_commit_altered_within_is_told_from_a_torn_end() -> None:
    raw, ends, _ = active([1, 1, 1, 1])
    altered = raw[: ends[0] + 12] + b"\xff" + raw[ends[0] + 13 :]
    assert commits_behind(altered, ends[0]) == 3
    assert commits_behind(raw[: ends[2] + 20], ends[2]) == 0


def test_recovery_reads_each_byte_once_even_when_a_commit_early_on_is_altered() -> None:
    """What a flipped bit made quadratic once: ten thousand sums over everything behind it."""
    encoder = SegmentEncoder()
    raw = header() + b"".join(encoder.commit(event_line(n) + b"\n", 1) for n in range(10_000))
    spoilt = bytearray(raw)
    spoilt[2_000] ^= 4
    summed = 0
    real = zlib.crc32

    def counting(data: bytes, start: int = 0) -> int:
        nonlocal summed
        summed += len(data)
        return real(data, start)

    zlib.crc32 = counting  # type: ignore[assignment]  # counted, then put back
    try:
        whole = recover(bytes(spoilt))
    finally:
        zlib.crc32 = real
    assert whole is None or whole.events < 100
    assert summed < 2 * encoder.raw_bytes


def test_what_inflates_without_end_is_no_segment() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(80_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert recover(header() + bomb) is None


def test_a_name_says_level_version_and_state() -> None:
    assert level_of(BATCH) is Level.ERROR
    name = parse_name(segment_name(BATCH, SEALED))
    assert name is not None
    assert (name.batch_id, name.level, name.version, name.state) == (BATCH, Level.ERROR, 1, SEALED)
    later = parse_name(f"{BATCH}.v2.{ACTIVE}")
    assert later is not None
    assert later.version == 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        f"{BATCH}.v1",
        f"{BATCH}.v1.other",
        f"{BATCH}.v.sealed",
        f"{BATCH}.v١.sealed",
        f"{BATCH.upper()}.v1.sealed",
        "z" * 15 + "2" + "z" * 20 + ".v1.sealed",
        BATCH[:15] + "0" + BATCH[16:] + ".v1.sealed",
        f"{BATCH}.v1.sealed.tmp",
    ],
)
def test_other_names_are_none_of_ours(name: str) -> None:
    assert parse_name(name) is None


def test_a_mark_is_white_space_to_json() -> None:
    assert set(mark(0) + mark(0xFFFFFFFF) + mark(0xDEADBEEF)) == {32, 9}
    assert len(mark(0)) == len(mark(0xFFFFFFFF)) == 32
    assert mark(1)[:1] == b"\t"


def test_an_active_header_promises_nothing() -> None:
    assert parse_header(header()) == (UNKNOWN, UNKNOWN)
    assert parse_sealed(header(), b"\xff\xff\xff\xff") is None
