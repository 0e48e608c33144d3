"""Any file of the data directory spoilt: the daemon starts, keeps what is readable, says so.

The directory is one that has seen everything (`support/used_data_dir`). Which files there are is
not listed here but found: a new kind of file that nobody has thought of fails.
"""

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from sidespool.core.record import read_lines
from sidespool.core.tally import decode_tally
from support.doomed_daemon import Events, lying_events, start
from support.segment_bytes import spoil
from support.used_data_dir import KINDS, MARKERS, environment, files_of, make, put_marker

SEED = int(os.environ.get("SIDESPOOL_SPOIL_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
TIMES = int(os.environ.get("SIDESPOOL_SPOIL_TIMES", "0"))  # 0: one way for each kind, by dice
WAYS = ("flip", "zero", "cut", "double", "empty")
# What may take events with it, besides the segments themselves: a lost consent is a no, and an
# unreadable marker of a deletion deletes everything.
DELETES = {"consent.json", *MARKERS}


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The directory of a daemon that was killed; ids of the events that wait in it."""
    data_dir = tmp_path_factory.mktemp("left") / "data"
    waiting = set(make(data_dir))
    assert waiting <= set(lying_events(data_dir))
    return data_dir, waiting


def test_every_kind_of_file_is_known_and_there(left_behind: tuple[Path, set[str]]) -> None:
    found = files_of(left_behind[0])
    unknown = [str(path) for path, kind in found.items() if kind is None]
    assert unknown == [], "say in support/used_data_dir what it is, and here what may become of it"
    assert set(found.values()) == set(KINDS)


def ways(dice: random.Random) -> list[str]:
    return list(WAYS) * TIMES if TIMES else dice.sample(WAYS, 1)


@pytest.mark.slow
@pytest.mark.timeout(60 + 120 * TIMES)
@pytest.mark.parametrize("kind", [*KINDS, *MARKERS])
def test_whatever_is_spoilt_the_daemon_starts_keeps_the_rest_and_says_so(
    kind: str, left_behind: tuple[Path, set[str]], tmp_path: Path
) -> None:
    origin, waiting = left_behind
    dice = random.Random(f"{SEED} {kind}")
    for number, way in enumerate(ways(dice)):
        data_dir = tmp_path / f"{number}" / "data"
        shutil.copytree(origin, data_dir, ignore=shutil.ignore_patterns("run", "*.sock"))
        spoilt = _choose(data_dir, kind, dice)
        before = spoilt.read_bytes()
        spoilt.write_bytes(b"" if way == "empty" else spoil(before or b"\0", way, dice))
        print(f"seed {SEED}: {way} {spoilt.name}")
        _starts_and_keeps(data_dir, kind, spoilt, before, waiting)


def _choose(data_dir: Path, kind: str, dice: random.Random) -> Path:
    if kind in MARKERS:
        return put_marker(data_dir, kind)
    return dice.choice([path for path, one in files_of(data_dir).items() if one == kind])


def _starts_and_keeps(
    data_dir: Path, kind: str, spoilt: Path, before: bytes, waiting: set[str]
) -> None:
    env = environment(data_dir, TELEMETRY_LOCAL="1")
    after = spoilt.read_bytes()
    with start(env) as daemon, daemon.client() as client:
        status = daemon.status()
        for path in ("/v1/history", "/v1/pending"):
            assert daemon.request("GET", path).status == 200
        answer = client.emit(Events().make("Crash"))
        assert {one["reason"] for one in answer["rejected"]} <= {"consent_off"}
        assert client.ask("flush")["op"] == "result"
        assert daemon.terminate() == 0
    gone = waiting - set(lying_events(data_dir))
    if kind in DELETES:
        assert not gone or status["level"] == "off" or kind in MARKERS
    elif "segment" in kind:
        held = {json.loads(line)["event_id"] for line in read_lines(before)}
        assert gone <= held, "the others are whole"
    else:
        assert gone == set(), "no other file takes an event with it"
    assert decode_tally((data_dir / "tally.json").read_bytes()) is not None
    if _must_be_told(kind, after) or (gone and kind not in MARKERS):
        assert _is_told(data_dir, spoilt, status), f"{spoilt.name} is spoilt and nobody says so"


def _must_be_told(kind: str, after: bytes) -> bool:
    """Whether what is left of a small file can be nothing at all."""
    if not kind.endswith(".json") and kind not in ("a deletion request", "the settings file"):
        return False
    if kind in ("runtime.json", *MARKERS):
        return False  # written anew at each start; a marker is carried out, not read out
    try:
        return not isinstance(json.loads(after), dict)
    except ValueError:
        return True


def _is_told(data_dir: Path, spoilt: Path, status: dict[str, Any]) -> bool:
    log = (data_dir / "logs" / "daemon.log").read_text(errors="replace")
    beside = spoilt.with_name(spoilt.name + ".damaged").exists()
    dropped = status["tally"]["dropped"]
    return (
        spoilt.name[:36] in log
        or beside
        or bool(status["spool"]["quarantined"])
        or bool({"corrupt", "consent_withdrawn"} & dropped.keys())
        or any(spoilt.name in one for one in status["warnings"])
    )
