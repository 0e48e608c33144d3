"""Any file of the data directory spoilt: the daemon starts, keeps what is readable, says so."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sidespool.core.tally import decode_tally
from support.doomed_daemon import Events, lying_events, settings, start
from support.segment_bytes import spoil

SEED = int(os.environ.get("SIDESPOOL_SPOIL_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
TIMES = int(os.environ.get("SIDESPOOL_SPOIL_TIMES", "1"))
WAYS = ("flip", "zero", "cut", "double")
Choose = Callable[[Path], Path]


def one_file(name: str) -> Choose:
    return lambda data_dir: data_dir / name


def segment(state: str) -> Choose:
    return lambda data_dir: next((data_dir / "spool").glob(f"*.{state}"))


FILES: dict[str, Choose] = {
    "an active segment": segment("active"),
    "a sealed segment": segment("sealed"),
    "a quarantined segment": segment("quarantined"),
    "a note": segment("reason.json"),
    "tally.json": one_file("tally.json"),
    "consent.json": one_file("consent.json"),
    "install.json": one_file("install.json"),
    "state.json": one_file("state.json"),
    "runtime.json": one_file("runtime.json"),
    "daemon.lock": one_file("daemon.lock"),
    "withdrawal.json": one_file("withdrawal.json"),
    "the log": one_file("logs/daemon.log"),
}


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The data directory of a daemon that was killed, with every kind of file; its events."""
    data_dir = tmp_path_factory.mktemp("left") / "data"
    events, kept = Events(), []
    with start(settings(data_dir, TELEMETRY_LOCAL="1")) as daemon, daemon.client() as client:
        client.ask("consent", decision="granted", policy_version="1")
        for number in range(8):
            batch = [events.make(kind) for kind in ("ChatTurn", "Error")]
            assert client.emit(*batch)["accepted"] == 2
            kept += [one["event_id"] for one in batch]
            if number in (1, 3):
                client.ask("flush")
        daemon.kill9()
    spool = data_dir / "spool"
    aside = next(spool.glob("*.sealed"))
    batch_id = aside.name[:36]
    aside.rename(aside.with_suffix(".quarantined"))
    note = {"batch_id": batch_id, "reason": "refused", "detail": "400", "events": 2}
    (spool / f"{batch_id}.v1.reason.json").write_text(json.dumps(note))
    if not (data_dir / "tally.json").exists():
        (data_dir / "tally.json").write_text('{"counts":{},"frozen":null}')
    marker = {"level": "error", "batch_ids": ["0199c82c-c000-7300-8000-000000000001"]}
    (data_dir / "withdrawal.json").write_text(json.dumps(marker))
    (data_dir / "logs" / "daemon.log").touch()
    return data_dir, kept


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * TIMES)
@pytest.mark.parametrize("name", FILES)
def test_whatever_file_is_spoilt_the_daemon_starts_and_says_so(
    name: str, left_behind: tuple[Path, list[str]], tmp_path: Path
) -> None:
    origin, ids = left_behind
    dice = random.Random(f"{SEED} {name}")
    for number in range(TIMES):
        for way in WAYS:
            data_dir = tmp_path / f"{way}{number}"
            shutil.copytree(origin, data_dir, ignore=shutil.ignore_patterns("*.sock"))
            spoilt = FILES[name](data_dir)
            before = spoilt.read_bytes() or b"\0"
            spoilt.write_bytes(spoil(before, way, dice))
            print(f"seed {SEED}: {way} {spoilt.name}")
            _starts_and_keeps(data_dir, name, set(ids))


def _starts_and_keeps(data_dir: Path, name: str, ids: set[str]) -> None:
    with start(settings(data_dir, TELEMETRY_LOCAL="1")) as daemon, daemon.client() as client:
        status = daemon.status()
        answer = client.emit(Events().make("Crash"))
        assert answer["op"] == "ack"
        refused = [one["reason"] for one in answer["rejected"]]
        assert refused in ([], ["consent_off"]), "a lost consent is a no, until it is given again"
        pending = {one["event_id"] for one in daemon.pending()}
    left = set(lying_events(data_dir))
    assert pending - ids <= {Events().make("Crash")["event_id"]}
    if "segment" in name:
        assert len(ids & left) >= len(ids) - 10, "the other segments are whole"
        if ids - left and name != "a quarantined segment":
            log = (data_dir / "logs" / "daemon.log").read_text()
            told = status["spool"]["quarantined"] or "torn" in log or "damaged" in log
            assert told, "what is gone is told of"
    elif name == "consent.json" and status["level"] == "off":
        assert (data_dir / "consent.json.damaged").exists()
    elif name != "withdrawal.json":
        assert ids & left == ids, "no state file takes an event with it"
    tally = data_dir / "tally.json"
    assert decode_tally(tally.read_bytes()) is not None, "it is readable again"
