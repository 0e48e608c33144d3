"""The encrypted file: what was written comes back, what was altered does not."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.envelope import (
    HEAD_BYTES,
    Cipher,
    decrypt,
    encode_file,
    file_key,
    frames,
    head,
    is_encrypted,
    is_sound,
    key_id,
    made_with,
    pieces,
    shape_of_damaged,
    split_write,
)

KEY, SALT = b"k" * 32, b"s" * 16
PIECES = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6)


def cipher(key: bytes = KEY) -> Cipher:
    return AESGCM(file_key(key, SALT))


def counted() -> Any:
    made = iter(range(1, 10_000))
    return lambda: next(made).to_bytes(12, "big")


def encoded(parts: list[bytes]) -> bytes:
    return encode_file(KEY, cipher(), SALT, parts, counted())


@given(PIECES)
def test_what_was_written_comes_back(parts: list[bytes]) -> None:
    raw = encoded(parts)
    assert is_encrypted(raw)
    assert is_sound(raw)
    assert made_with(raw, KEY)
    assert not made_with(raw, b"o" * 32)
    assert decrypt(raw, cipher()) == b"".join(parts)
    assert [one.plain for one in pieces(raw, cipher())] == parts


@given(PIECES, st.data())
def test_a_cut_file_reads_up_to_its_last_whole_frame(parts: list[bytes], data: Any) -> None:
    raw = encoded(parts)
    cut = data.draw(st.integers(HEAD_BYTES, len(raw)))
    plain = decrypt(raw[:cut], cipher())
    ends = [sum(map(len, parts[:n])) for n in range(len(parts) + 1)]
    assert b"".join(parts).startswith(plain)
    assert len(plain) in ends


@given(PIECES, st.data())
def test_an_altered_byte_never_gives_other_bytes_than_those_written(
    parts: list[bytes], data: Any
) -> None:
    raw = bytearray(encoded(parts))
    raw[data.draw(st.integers(HEAD_BYTES, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    whole, plain = b"".join(parts), decrypt(bytes(raw), cipher())
    assert len(plain) <= len(whole)
    assert all(a in (b, 0) for a, b in zip(plain, whole, strict=False))


@given(PIECES)
def test_frames_of_another_place_or_file_are_not_taken(parts: list[bytes]) -> None:
    raw = encoded([*parts, b"last"])
    known = list(frames(raw))
    moved = raw[: known[-1].position] + raw[known[0].position : known[0].end]
    assert decrypt(moved, cipher()) == b"".join(parts)
    other = AESGCM(file_key(KEY, b"t" * 16))
    assert decrypt(raw, other) == b""


@given(st.binary(max_size=400))
def test_any_bytes_read_as_something_and_never_raise(raw: bytes) -> None:
    decrypt(head(KEY, SALT) + raw, cipher())
    list(frames(raw))
    shape_of_damaged(raw)
    assert not is_sound(raw) or is_encrypted(raw)


def test_neither_the_plain_text_nor_the_key_can_be_seen_in_the_file() -> None:
    raw = encoded([b"a prompt " * 50])
    assert b"prompt" not in raw
    assert KEY not in raw
    assert key_id(KEY) not in KEY


def test_equal_content_looks_different_each_time() -> None:
    assert encoded([b"same", b"same"]).count(encoded([b"same"])[-20:]) <= 1


@pytest.mark.parametrize(
    ("size", "offset", "sizes"),
    [(10, 0, [10]), (28, 0, [28]), (40, 0, [28, 12]), (40, 28, [40]), (0, 0, [])],
)
def test_the_first_28_bytes_are_a_frame_of_their_own(
    size: int, offset: int, sizes: list[int]
) -> None:
    assert [len(part) for part in split_write(b"x" * size, offset)] == sizes


def test_a_file_without_its_head_still_shows_how_many_commits_it_held() -> None:
    raw = encoded([b"h" * 28, b"one", b"two"])
    assert shape_of_damaged(b"\0" * HEAD_BYTES + raw[HEAD_BYTES:]).count(b"\x00\x00\xff\xff") == 2
