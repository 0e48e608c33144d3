"""The streaming gunzip gives the bytes or a refusal, within its limits, for any input."""

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool_collector.ingest.gunzip import BadGzipError, Gunzip, TooLargeError

MIB = 1024 * 1024


def unpack(raw: bytes, step: int, max_bytes: int = 4 * MIB, max_ratio: int = 1000) -> bytes:
    gunzip = Gunzip(max_bytes, max_ratio)
    for start in range(0, len(raw), step):
        gunzip.feed(raw[start : start + step])
    return gunzip.finish()


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=4), st.integers(1, 700))
def test_members_in_pieces_of_any_size_unpack_to_their_bytes(parts: list[bytes], step: int) -> None:
    raw = b"".join(gzip.compress(part) for part in parts)
    assert unpack(raw, step) == b"".join(parts)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_give_bytes_or_a_refusal(raw: bytes, step: int) -> None:
    with contextlib.suppress(BadGzipError):
        unpack(raw, step)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_cut_or_altered_stream_is_refused(body: bytes, data: st.DataObject) -> None:
    raw = gzip.compress(body)
    cut = data.draw(st.integers(1, len(raw) - 1))
    with pytest.raises(BadGzipError):
        unpack(raw[:cut], 64)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    raw = gzip.compress(b"\0" * (64 * MIB))
    gunzip = Gunzip(max_bytes=1024 * MIB, max_ratio=100)
    with pytest.raises(TooLargeError, match="ratio"):
        gunzip.feed(raw)
    assert len(gunzip.out) < 8 * MIB


def test_unpacked_bytes_never_pass_the_limit_by_more_than_a_step() -> None:
    gunzip = Gunzip(max_bytes=MIB, max_ratio=100_000)
    with pytest.raises(TooLargeError, match="unpacked"):
        gunzip.feed(gzip.compress(b"\0" * (32 * MIB)))
    assert len(gunzip.out) <= MIB + 256 * 1024


def test_pieces_handed_over_still_count() -> None:
    gunzip = Gunzip(max_bytes=100, max_ratio=100)
    gunzip.feed(gzip.compress(b"x" * 80))
    assert gunzip.taken_out() == b"x" * 80
    with pytest.raises(TooLargeError):
        gunzip.feed(gzip.compress(b"y" * 80))
