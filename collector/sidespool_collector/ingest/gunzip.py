"""Unpacks gzip as it arrives, within limits: the defence against bombs.

Any bytes give unpacked bytes or one of the refusals below; never more than `max_bytes` are held,
however small the input. One member or several (RFC 1952, section 2.2), as a segment may have.
"""

from typing import Any

from isal import igzip_lib

RATIO_FREE_BYTES = 1024 * 1024  # below this size a high ratio harms nobody
STEP_BYTES = 256 * 1024
IsalError: Any = igzip_lib.error  # its stub says an instance


class TooLargeError(Exception):
    """The body is over a limit; `limit` says which."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class BadGzipError(Exception):
    """The bytes are not whole gzip."""


class Gunzip:
    """Feed it chunks; it appends to `out`. `finish` says whether the stream ended properly."""

    def __init__(self, max_bytes: int, max_ratio: int) -> None:
        self.out = bytearray()
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._taken = 0
        self._passed = 0
        self._member: igzip_lib.IgzipDecompressor | None = None

    def feed(self, chunk: bytes) -> None:
        """Unpacks what can be unpacked; raises TooLargeError or BadGzipError."""
        self._taken += len(chunk)
        rest = chunk
        while rest:
            if self._member is None:
                self._member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            member = self._member
            self._drain(member, rest)
            rest = b""
            if member.eof:
                rest = member.unused_data
                self._member = None

    def _drain(self, member: "igzip_lib.IgzipDecompressor", data: bytes) -> None:
        while True:
            try:
                piece = member.decompress(data, STEP_BYTES)
            except (IsalError, ValueError, EOFError) as error:
                raise BadGzipError(str(error)) from error
            data = b""
            self.out += piece
            size = len(self.out) + self._passed
            if size > self._max_bytes:
                raise TooLargeError("unpacked")
            if size > RATIO_FREE_BYTES and size > self._max_ratio * self._taken:
                raise TooLargeError("ratio")
            if member.eof or (member.needs_input and not piece) or len(piece) < STEP_BYTES:
                return

    def taken_out(self) -> bytes:
        """What is unpacked so far, handed over; the limits still hold for the whole."""
        piece = bytes(self.out)
        self._passed += len(piece)
        self.out.clear()
        return piece

    def finish(self) -> bytes:
        """The unpacked body; raises BadGzipError where the stream is cut off or empty."""
        if self._member is not None or self._taken == 0:
            raise BadGzipError("cut off")
        return bytes(self.out)
