"""Boundaries of WebSocket messages, however the bytes are cut."""

from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.frame_watch import FrameWatch


def frame(payload: bytes, *, opcode: int = 1, final: bool = True, masked: bool = True) -> bytes:
    """A frame with a mask of zeros, in the shortest form of its length."""
    size, mask = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes([mask | size])
    elif size < 65536:
        head = bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([mask | 127]) + size.to_bytes(8, "big")
    first = bytes([(0x80 if final else 0) | opcode])
    return first + head + (b"\0" * 4 if masked else b"") + payload


SIZES = st.sampled_from([0, 1, 5, 125, 126, 127, 400, 65535, 65536])
WHOLE = st.builds(lambda size: [frame(b"x" * size)], SIZES)
PIECES = st.builds(
    lambda sizes, ping: [
        frame(b"x" * sizes[0], final=False),
        *([frame(b"ping", opcode=9)] if ping else []),
        *[frame(b"x" * size, opcode=0, final=False) for size in sizes[1:-1]],
        frame(b"x" * sizes[-1], opcode=0),
    ],
    st.lists(st.sampled_from([0, 3, 126, 300]), min_size=2, max_size=4),
    st.booleans(),
)
CONTROL = st.builds(lambda code: [frame(b"hi", opcode=code)], st.sampled_from([8, 9, 10]))
UNMASKED = st.builds(lambda size: [frame(b"x" * size, masked=False)], SIZES)


@given(st.lists(WHOLE | PIECES | CONTROL | UNMASKED, max_size=6), st.data())
def test_messages_are_counted_and_only_unfinished_ones_are_partial(
    messages: list[list[bytes]], data: st.DataObject
) -> None:
    raw = b"".join(part for message in messages for part in message)
    wanted = sum(not (message[0][0] & 0x08) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    watch = FrameWatch()
    for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        watch.feed(raw[begin:end])
    assert (watch.messages, watch.partial) == (wanted, False)
    if raw:
        short = FrameWatch()
        short.feed(raw[: data.draw(st.integers(0, len(raw) - 1))])
        assert short.messages <= wanted


def test_a_message_is_partial_from_its_first_byte_to_its_last() -> None:
    raw = frame(b"x" * 400)
    watch = FrameWatch()
    for byte in raw[:-1]:
        watch.feed(bytes([byte]))
        assert watch.partial
    watch.feed(raw[-1:])
    assert not watch.partial
    assert watch.messages == 1


def test_a_message_stays_partial_between_its_fragments() -> None:
    watch = FrameWatch()
    watch.feed(frame(b"x", final=False))
    watch.feed(frame(b"", opcode=9))
    assert watch.partial
    watch.feed(frame(b"x", opcode=0))
    assert not watch.partial


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_bytes_are_followed_without_an_error(parts: list[bytes]) -> None:
    watch = FrameWatch()
    for part in parts:
        watch.feed(part)
    assert watch.messages >= 0
