"""Without a daemon: full content is shown to its owner, and a withdrawal empties everything."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from support.daemon import clean_environment, start_daemon

FULL = {"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_FLUSH_INTERVAL_S": "3600"}
TURN = {"event_type": "ChatTurnFull", "payload": {"prompt": "only for me"}}


def sidespool(env: dict[str, str], *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sidespool", *args],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_pending_decrypts_and_disable_empties_spool_attachments_and_key(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    env = clean_environment({**FULL, "TELEMETRY_DATA_DIR": str(data_dir)})
    with (
        start_daemon({**FULL, "TELEMETRY_DATA_DIR": str(data_dir)}) as daemon,
        daemon.client() as client,
    ):
        client.emit(TURN, {"event_type": "ChatTurn", "payload": {}})
        client.ask(
            "attach", event_id="0198f6f0-0000-7000-8000-0000000000aa", name="a.txt",
            content_type="text/plain", data=base64.b64encode(b"x").decode(),
        )  # fmt: skip
    shown = sidespool(env, "pending", "--json")
    assert "only for me" in shown
    told = json.loads(sidespool(env, "disable", "--json"))
    assert told["level"] == "off"
    assert os.listdir(data_dir / "spool") == []
    assert os.listdir(data_dir / "attachments") == []
    assert not (data_dir / "spool.key").exists()


def test_a_reset_without_a_daemon_waits_with_its_request(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    env = clean_environment({**FULL, "TELEMETRY_DATA_DIR": str(data_dir)})
    with start_daemon({**FULL, "TELEMETRY_DATA_DIR": str(data_dir)}) as daemon:
        user_id = daemon.status()["user_id"]
        with daemon.client() as client:
            client.emit(TURN)
    [request] = json.loads(sidespool(env, "reset", "--yes", "--json"))["deletion"]
    assert request["user_ids"] == [user_id]
    assert os.listdir(data_dir / "spool") == []
    assert not (data_dir / "spool.key").exists()
    with start_daemon({**FULL, "TELEMETRY_DATA_DIR": str(data_dir)}) as daemon:
        status = daemon.status()
        assert (status["level"], status["decided_by"]) == ("off", "consent")
        assert status["user_id"] != user_id
