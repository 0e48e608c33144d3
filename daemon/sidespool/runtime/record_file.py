"""Loads and saves the small files of the data directory; a damaged one never stops the daemon.

A file that cannot be decoded is set aside as `NAME.damaged` and the daemon goes on with what is
safe: no counts, no reserved numbers, and for consent the answer "denied" until the user answers.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from sidespool.core.consent import ConsentBook, ConsentRecord, decode_consent, encode_consent
from sidespool.core.policy import SEQ_BLOCK
from sidespool.core.tally import Tally, decode_tally
from sidespool.runtime.disk import Disk
from sidespool.runtime.paths import DAMAGED_SUFFIX
from sidespool.wire.event import format_time

T = TypeVar("T")


class State(msgspec.Struct, forbid_unknown_fields=True):
    """What is written to `state.json`: the next free sequence number."""

    next_seq: Annotated[int, msgspec.Meta(ge=1, le=2**53)] = 1


def load_file(
    disk: Disk,
    path: Path,
    decode: Callable[[bytes], T | None],
    log: Callable[[str], None],
) -> tuple[T | None, bool]:
    """The decoded file (None: absent or damaged) and whether it was damaged or unreadable.

    A damaged one lies beside as `NAME.damaged` afterwards.
    """
    try:
        raw = disk.read(path)
    except OSError as error:
        log(f"{path.name} cannot be read: {error.strerror or error}")
        raw = b""
    if raw is None:
        return None, False
    value = decode(raw)
    if value is None:
        log(f"{path.name} was damaged and set aside")
        with contextlib.suppress(OSError):
            disk.rename(path, path.with_name(path.name + DAMAGED_SUFFIX))
        return None, True
    return value, False


def _try_save(save: Callable[[], None], path: Path, log: Callable[[str], None]) -> None:
    """At start: a disk that is full or read-only is told of, and the daemon goes on."""
    try:
        save()
    except OSError as error:
        log(f"{path.name} cannot be written: {error.strerror or error}")


def load_consent(disk: Disk, path: Path, now_ms: int, log: Callable[[str], None]) -> ConsentBook:
    """The consent book; a damaged one counts as a no, for a yes cannot be shown any more."""
    book, damaged = load_file(disk, path, decode_consent, log)
    if damaged:
        denied = ConsentRecord(
            decision="denied", at=format_time(now_ms), door="damaged record", level="off"
        )
        denied_book = ConsentBook([denied])
        _try_save(lambda: save_consent(disk, path, denied_book), path, log)
        return denied_book
    return book or ConsentBook()


def save_consent(disk: Disk, path: Path, book: ConsentBook) -> None:
    """Writes the book durably."""
    disk.write_atomic(path, encode_consent(book))


def load_tally(disk: Disk, path: Path, now_ms: int, log: Callable[[str], None]) -> Tally:
    """The counts; new ones begin now."""
    tally, _ = load_file(disk, path, decode_tally, log)
    if tally is None:
        tally = Tally()
        tally.counts.since_ms = tally.all_time.since_ms = now_ms
    return tally


def decode_state(raw: bytes) -> State | None:
    """The state, or None for bytes that are none."""
    try:
        return msgspec.json.decode(raw, type=State)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def reserve_seq(disk: Disk, path: Path, log: Callable[[str], None]) -> int:
    """The first sequence number of this run; a block is reserved, so that a crash repeats none.

    Where the disk refuses the reservation, nothing can be stored either; the next block that is
    reserved while running covers it.
    """
    state, _ = load_file(disk, path, decode_state, log)
    first = state.next_seq if state else 1
    _try_save(lambda: save_seq(disk, path, first + SEQ_BLOCK), path, log)
    return first


def save_seq(disk: Disk, path: Path, next_seq: int) -> None:
    """Writes the next free sequence number durably."""
    disk.write_atomic(path, msgspec.json.encode(State(next_seq)))
