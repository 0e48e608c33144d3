"""Starts daemons that will not end well, and reads what they left behind."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sidespool.core.record import parse_name, read_lines
from sidespool.core.tally import Tally, decode_tally
from sidespool.wire.event import uuid7
from support.daemon import RunningDaemon, clean_environment

LAUNCHER = Path(__file__).with_name("doomed_run.py")


def settings(data_dir: Path, endpoint: str = "", **more: str) -> dict[str, str]:
    """The environment of a daemon that seals only when asked."""
    return {
        "TELEMETRY_DATA_DIR": str(data_dir),
        "TELEMETRY_ENDPOINT": endpoint,
        "TELEMETRY_TOKEN": "token",
        "TELEMETRY_FLUSH_INTERVAL_S": "600",
        "TELEMETRY_SHUTDOWN_GRACE_S": "0.3",
        **more,
    }


def command(data_dir: Path, plan: Mapping[str, Any] | None) -> list[str]:
    """The command line: the product as it is, or through the launcher with a plan."""
    policy = ["--policy-file", str(data_dir / "no-policy.json")]
    if plan is None:
        return [sys.executable, "-m", "sidespool", "run", *policy]
    return [sys.executable, str(LAUNCHER), msgspec.json.encode(plan).decode(), "run", *policy]


def start(env: Mapping[str, str], plan: Mapping[str, Any] | None = None) -> RunningDaemon:
    """A daemon that has said it is ready; AssertionError where it ends before that."""
    data_dir, environment = Path(env["TELEMETRY_DATA_DIR"]), clean_environment(env)
    process = subprocess.Popen(
        command(data_dir, plan),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return RunningDaemon(process, data_dir, environment)


class Events:
    """Events with ids of their own, so that each can be found again; a number each."""

    def __init__(self) -> None:
        self.made = 0

    def make(self, event_type: str) -> dict[str, Any]:
        self.made += 1
        payloads: dict[str, dict[str, Any]] = {
            "ChatTurn": {"model": f"m{self.made}", "prompt_length": self.made},
            "Error": {"error_type": "E", "message": f"number {self.made}"},
            "Crash": {"process": "main", "reason": "oom", "exit_code": 1},
        }
        event_id = uuid7(1_700_000_000_000 + self.made, 0, self.made)
        return {"event_id": event_id, "event_type": event_type, "payload": payloads[event_type]}


def lying_events(data_dir: Path) -> list[str]:
    """Ids of all events that a start would find in the spool folder, in every state."""
    found = []
    for path in sorted((data_dir / "spool").iterdir()):
        if parse_name(path.name) is not None:
            found += [
                msgspec.json.decode(line)["event_id"] for line in read_lines(path.read_bytes())
            ]
    return found


def lying_tally(data_dir: Path) -> Tally:
    """The counts as they lie."""
    tally = decode_tally((data_dir / "tally.json").read_bytes())
    assert tally is not None
    return tally
