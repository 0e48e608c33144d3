"""One active segment: commits, and what is left when the disk refuses in the middle."""

import errno
from pathlib import Path

import pytest

from sidespool.core.record import is_whole, read_lines
from sidespool.runtime.segment_file import SegmentFile
from sidespool.wire.level import Level
from support.power_loss import PowerLossDisk
from support.segment_bytes import event_line

FOLDER = Path("/spool")
BATCH = "0199c82c-c000-7300-8000-000000000001"


@pytest.fixture
def disk() -> PowerLossDisk:
    made = PowerLossDisk()
    made.make_dirs(FOLDER)
    made.settle()
    return made


def fail(disk: PowerLossDisk, name: str, code: int = errno.EIO) -> None:
    disk.fault = lambda call: code if call == name else 0


def sealed_lines(disk: PowerLossDisk) -> list[bytes]:
    files = disk.files(FOLDER)
    assert list(files) == [f"{BATCH}.v1.sealed"]
    raw = files[f"{BATCH}.v1.sealed"]
    assert is_whole(raw)
    return read_lines(raw)


def commit(segment: SegmentFile, *numbers: int) -> None:
    segment.append(b"".join(event_line(n) + b"\n" for n in numbers), len(numbers))


def test_a_sealed_segment_holds_its_commits_and_knows_its_size(disk: PowerLossDisk) -> None:
    segment = SegmentFile(disk, FOLDER, BATCH, Level.USAGE)
    commit(segment, 1, 2)
    assert segment.sync()[2] == 2
    commit(segment, 3)
    assert segment.sync()[2] == 1
    size = segment.seal()
    assert sealed_lines(disk) == [event_line(n) for n in (1, 2, 3)]
    assert size == len(disk.files(FOLDER)[f"{BATCH}.v1.sealed"])
    assert disk.open_files() == 0


def test_a_commit_that_was_not_synced_is_not_sealed(disk: PowerLossDisk) -> None:
    segment = SegmentFile(disk, FOLDER, BATCH, Level.USAGE)
    commit(segment, 1)
    segment.sync()
    fail(disk, "write_at", errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        commit(segment, 2, 3)
    disk.fault = lambda _: 0
    segment.seal()
    assert sealed_lines(disk) == [event_line(1)]


def test_the_first_commit_is_durable_only_with_its_name(disk: PowerLossDisk) -> None:
    segment = SegmentFile(disk, FOLDER, BATCH, Level.USAGE)
    commit(segment, 1)
    fail(disk, "sync_dir")
    with pytest.raises(OSError, match="Input/output"):
        segment.sync()
    assert segment.durable_bytes == 0
    segment.discard()
    assert disk.files(FOLDER) == {}


@pytest.mark.parametrize("call", ["truncate", "write_at", "sync", "close", "rename", "sync_dir"])
def test_sealing_refused_at_any_step_is_finished_later(disk: PowerLossDisk, call: str) -> None:
    segment = SegmentFile(disk, FOLDER, BATCH, Level.USAGE)
    commit(segment, 1, 2)
    segment.sync()
    fail(disk, call)
    for _ in range(3):
        try:
            segment.seal()
        except OSError:
            continue
    disk.fault = lambda _: 0
    segment.seal()
    assert sealed_lines(disk) == [event_line(1), event_line(2)]


def test_discarding_refused_once_is_finished_later(disk: PowerLossDisk) -> None:
    segment = SegmentFile(disk, FOLDER, BATCH, Level.USAGE)
    commit(segment, 1)
    fail(disk, "remove")
    with pytest.raises(OSError, match="Input/output"):
        segment.discard()
    disk.fault = lambda _: 0
    segment.discard()
    assert disk.files(FOLDER) == {}
    assert disk.open_files() == 0
