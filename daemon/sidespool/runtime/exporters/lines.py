"""Unpacks a sealed batch into its JSON lines, a piece at a time."""

from collections.abc import Iterator

from sidespool.errors import SegmentError
from sidespool.runtime.upload_ports import SealedBatch

_PIECE_BYTES = 256 * 1024


def read_lines(batch: SealedBatch) -> Iterator[bytes]:
    """The batch's NDJSON in pieces of whatever size. Blocks.

    Raises OSError where the file cannot be read, SegmentError where it is damaged.
    """
    from isal import igzip, igzip_lib  # not needed by a daemon that sends over HTTP

    try:
        with (
            batch.open() as file,
            igzip.open(file, "rb") as unpacked,  # type: ignore[no-untyped-call]  # isal lacks it
        ):
            while piece := unpacked.read(_PIECE_BYTES):
                yield piece
    except (igzip.BadGzipFile, igzip_lib.IsalError, EOFError) as error:  # type: ignore[misc]  # stubs
        raise SegmentError(f"{batch.path.name} is damaged") from error
