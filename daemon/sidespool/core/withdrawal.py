"""The marker of a withdrawal that is under way: which segments are to be deleted.

It names segments, not a level, so that a marker which a power cut brings back cannot touch what
was taken in later with a new consent.
"""

from typing import Annotated

import msgspec

_BatchId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}\Z")]


class Withdrawal(msgspec.Struct, forbid_unknown_fields=True):
    """What is written to `withdrawal.json`; `level` is what stays allowed, for a reader."""

    level: str
    batch_ids: list[_BatchId]


_DECODER = msgspec.json.Decoder(Withdrawal)


def encode_withdrawal(withdrawal: Withdrawal) -> bytes:
    """The bytes of the marker."""
    return msgspec.json.encode(withdrawal)


def decode_withdrawal(raw: bytes) -> Withdrawal | None:
    """A marker, or None for bytes that are none: then everything in the spool is withdrawn."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
