"""The history of what was sent: the exact bytes, for 30 days or 5 MiB, whichever is less.

A file is named `<Unix milliseconds, 14 digits>-<batch id>.jsonl.gz`: the name says when it was
confirmed, and sorts. An attachment keeps its own name behind the time.
"""

from pathlib import Path

from sidespool.core.policy import HISTORY_AGE_DAYS_MAX, HISTORY_BYTES_MAX
from sidespool.core.spool import DAY_MS
from sidespool.runtime.disk import Disk

SUFFIX = ".jsonl.gz"
ATTACHED_SUFFIX = ".attached"


def history_name(sent_ms: int, batch_id: str) -> str:
    """The file name of a batch that was confirmed at this time."""
    return f"{sent_ms:014d}-{batch_id}{SUFFIX}"


def parse_history_name(name: str) -> tuple[int, str] | None:
    """(Unix milliseconds, batch id), or None for another file."""
    stamp, dash, batch_id = name.removesuffix(SUFFIX).partition("-")
    if not (dash and name.endswith(SUFFIX) and stamp.isascii() and stamp.isdigit()):
        return None
    return int(stamp), batch_id


def _sent_ms(name: str) -> int | None:
    stamp = name.partition("-")[0]
    if not name.endswith((SUFFIX, ATTACHED_SUFFIX)) or not stamp.isascii():
        return None
    return int(stamp) if stamp.isdigit() else None


def prune_history(disk: Disk, folder: Path, now_ms: int, *, slack_bytes: int = 0) -> None:
    """Deletes the oldest files beyond age and size; leaves room for `slack_bytes` more."""
    room = HISTORY_BYTES_MAX - slack_bytes
    for name in reversed(disk.listdir(folder)):
        sent_ms = _sent_ms(name)
        if sent_ms is None:
            continue
        room -= disk.size(folder / name)
        if room < 0 or now_ms - sent_ms > HISTORY_AGE_DAYS_MAX * DAY_MS:
            disk.remove(folder / name)
