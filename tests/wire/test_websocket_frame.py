"""The server's text frames, read back by another implementation of the protocol."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from sidespool.wire.websocket_frame import text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_of_any_length_is_read_back(size: int) -> None:
    payload = b"x" * size
    reader = StreamReader()
    reader.feed_data(text_frame(payload) + text_frame(b"next"))
    for wanted in (payload, b"next"):
        reading = Frame.parse(reader.read_exact, mask=False)
        with pytest.raises(StopIteration) as done:
            next(reading)
        frame = done.value.value
        assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, wanted)
