"""Loads and saves the small files of the data directory; a damaged one never stops the daemon.

A file that cannot be decoded is set aside as `NAME.damaged` and the daemon goes on with what is
safe: no counts, no reserved numbers, and for consent the answer "denied" until the user answers.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from sidespool.core.consent import ConsentBook, ConsentRecord, decode_consent, encode_consent
from sidespool.core.policy import SEQ_BLOCK
from sidespool.core.tally import Tally, decode_tally
from sidespool.runtime.disk import Disk
from sidespool.wire.event import format_time

T = TypeVar("T")


class State(msgspec.Struct):
    """What is written to `state.json`: the next free sequence number."""

    next_seq: int = 1


def _load(
    disk: Disk,
    path: Path,
    decode: Callable[[bytes], T | None],
    log: Callable[[str], None],
) -> tuple[T | None, bool]:
    """The decoded file (None: absent or damaged) and whether it was damaged."""
    raw = disk.read(path)
    if raw is None:
        return None, False
    value = decode(raw)
    if value is None:
        disk.rename(path, path.with_name(path.name + ".damaged"))
        log(f"{path.name} was damaged and set aside")
        return None, True
    return value, False


def load_consent(disk: Disk, path: Path, now_ms: int, log: Callable[[str], None]) -> ConsentBook:
    """The consent book; a damaged one counts as a no, for a yes cannot be shown any more."""
    book, damaged = _load(disk, path, decode_consent, log)
    if damaged:
        denied = ConsentRecord(
            decision="denied", at=format_time(now_ms), door="damaged record", level="off"
        )
        book = ConsentBook([denied])
        save_consent(disk, path, book)
    return book or ConsentBook()


def save_consent(disk: Disk, path: Path, book: ConsentBook) -> None:
    """Writes the book durably."""
    disk.write_atomic(path, encode_consent(book))


def load_tally(disk: Disk, path: Path, now_ms: int, log: Callable[[str], None]) -> Tally:
    """The counts; new ones begin now."""
    tally, _ = _load(disk, path, decode_tally, log)
    if tally is None:
        tally = Tally()
        tally.counts.since_ms = tally.all_time.since_ms = now_ms
    return tally


def _decode_state(raw: bytes) -> State | None:
    try:
        return msgspec.json.decode(raw, type=State)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def reserve_seq(disk: Disk, path: Path, log: Callable[[str], None]) -> int:
    """The first sequence number of this run; a block is reserved, so that a crash repeats none."""
    state, _ = _load(disk, path, _decode_state, log)
    first = state.next_seq if state else 1
    save_seq(disk, path, first + SEQ_BLOCK)
    return first


def save_seq(disk: Disk, path: Path, next_seq: int) -> None:
    """Writes the next free sequence number durably."""
    disk.write_atomic(path, msgspec.json.encode(State(next_seq)))
