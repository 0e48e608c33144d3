"""A data directory that has seen everything, left behind by a daemon that was killed."""

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

from support.daemon import SocketClient, wait_until
from support.doomed_daemon import Events, settings, start
from support.small_collector import SmallCollector

_ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
# Every kind of file, by the shape of its path. A file of no kind fails a test: say here what it
# is, and in test_corruption what must become of it when it is spoilt.
KINDS: dict[str, str] = {
    "an encrypted segment": r"spool/[0-9a-f]{8}-[0-9a-f]{4}-74[0-9a-f-]*\.v1\.(active|sealed)",
    "an active segment": rf"spool/{_ID}\.v1\.active",
    "a sealed segment": rf"spool/{_ID}\.v1\.sealed",
    "a quarantined segment": rf"spool/{_ID}\.v1\.quarantined",
    "a note": rf"spool/{_ID}\.v1\.reason\.json",
    "a sent batch": rf"history/\d{{14}}-{_ID}\.jsonl\.gz",
    "a sent attachment": rf"history/\d{{14}}-{_ID}\.[0-9a-f]{{16}}\.attached",
    "a waiting attachment": rf"attachments/{_ID}\.[0-9a-f]{{16}}\.attached",
    "a deletion request": rf"deletion/{_ID}\.json",
    "tally.json": r"tally\.json",
    "consent.json": r"consent\.json",
    "install.json": r"install\.json",
    "state.json": r"state\.json",
    "session.json": r"session\.json",
    "rollup.json": r"rollup\.json",
    "reports.json": r"reports\.json",
    "spool.key": r"spool\.key",
    "runtime.json": r"runtime\.json",
    "daemon.lock": r"daemon\.lock",
    "the log": r"logs/daemon\.log",
    "the settings file": r"app-settings\.json",
}
# Written by a daemon for moments only; spoilt they are found by a start after a crash in between.
MARKERS: dict[str, dict[str, Any]] = {
    "withdrawal.json": {"level": "error", "batch_ids": ["0199c82c-c000-7300-8000-000000000001"]},
    "forget.json": {"level": 3, "with_history": False},
    "reset.json": {"request_id": "0199c82c-c000-7300-8000-000000000002", "user_ids": ["u"]},
}
_NOT_FILES = re.compile(r"run/.*|.*\.sock")


def kind_of(data_dir: Path, path: Path) -> str | None:
    """What a file is; "" for a socket, None for a file of no known kind."""
    name = path.relative_to(data_dir).as_posix()
    if _NOT_FILES.fullmatch(name):
        return ""
    return next((kind for kind, shape in KINDS.items() if re.fullmatch(shape, name)), None)


def files_of(data_dir: Path) -> dict[Path, str | None]:
    """Every file with its kind."""
    paths = sorted(one for one in data_dir.rglob("*") if not one.is_dir())
    return {path: kind for path in paths if (kind := kind_of(data_dir, path)) != ""}


def environment(data_dir: Path, endpoint: str = "", **more: str) -> dict[str, str]:
    """Of the daemon that uses such a directory."""
    return settings(
        data_dir,
        endpoint,
        TELEMETRY_FULL_CONTENT="1",
        TELEMETRY_LEVEL="full",
        TELEMETRY_MISTYPED="1",  # for a line in the log
        TELEMETRY_SETTINGS_FILE=str(data_dir / "app-settings.json"),
        **more,
    )


def make(data_dir: Path) -> list[str]:
    """Fills the directory; the ids of the events that wait in it."""
    events = Events()
    data_dir.mkdir(parents=True)
    (data_dir / "app-settings.json").write_text('{"telemetryEnabled":true}')
    with SmallCollector() as collector:
        env = environment(data_dir, collector.url)
        with start(env) as daemon, daemon.client() as client:
            _emit(client, events, "ChatTurn")
            client.ask("reset")
            wait_until(lambda: collector.deletions)
            client.ask("consent", decision="granted", policy_version="1")
            _attach(client, _emit(client, events, "Crash"))
            client.ask("flush")
            wait_until(lambda: collector.attachments)
            collector.busy = True
            kept = _fill(client, events)
            daemon.kill9()
        collector.busy = False
        counted = environment(data_dir, TELEMETRY_USAGE="summary", TELEMETRY_LOCAL="1")
        with start(counted) as daemon, daemon.client() as client:
            _emit(client, events, "ChatTurn")
            client.emit({"event_type": "SessionStart", "payload": {}})
            kept += [_emit(client, events, "Error")]
            wait_until((data_dir / "session.json").exists)
            daemon.kill9()
    _set_aside_one(data_dir)
    return kept


def _fill(client: SocketClient, events: Events) -> list[str]:
    fields = {"error_type": "E", "message": "it broke", "description": "words"}
    assert client.ask("report", **fields)["op"] in ("result", "error")
    kept = []
    for _ in range(4):
        kept += [_emit(client, events, kind) for kind in ("ChatTurn", "Error", "Crash")]
        client.emit({"event_type": "ChatTurnFull", "payload": {"prompt": "why", "response": "so"}})
        client.send({"op": "flush", "id": "seals"})
        client.wait_for("result", id="seals")
    _attach(client, kept[-1])
    return kept


def _emit(client: SocketClient, events: Events, kind: str) -> str:
    event = events.make(kind)
    assert client.emit(event)["accepted"] == 1
    event_id: str = event["event_id"]
    return event_id


def _attach(client: SocketClient, event_id: str) -> None:
    data = base64.b64encode(b"attached, and rather long " * 20).decode()
    fields = {"event_id": event_id, "name": "a.txt", "content_type": "text/plain", "data": data}
    assert client.ask("attach", **fields)["op"] == "ack"


def _set_aside_one(data_dir: Path) -> None:
    """One batch that a collector refused, as the daemon would have set it aside."""
    aside = sorted((data_dir / "spool").glob("*.sealed"))[0]
    batch_id = aside.name[:36]
    aside.rename(aside.with_suffix(".quarantined"))
    note = {"batch_id": batch_id, "reason": "refused", "detail": "400", "events": 1}
    (data_dir / "spool" / f"{batch_id}.v1.reason.json").write_text(json.dumps(note))


def put_marker(data_dir: Path, name: str) -> Path:
    """A marker as a crash leaves it."""
    content = dict(MARKERS[name])
    if name == "reset.json":
        content["requested_ms"] = time.time_ns() // 1_000_000
    path = data_dir / name
    path.write_text(json.dumps(content))
    return path
