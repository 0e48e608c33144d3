"""The operator's verbs on alerts."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sidespool_collector.cli import collector
from support.receivers import mailbox

FILE = """
[destinations.mail]
kind = "email"
to = ["ops@example.org"]
from = "telemetry@example.org"
host = "127.0.0.1"
port = {port}
security = "none"
[[rules]]
name = "crashes"
metric = "events.Crash"
above = 0
to = ["mail"]
"""


@pytest.fixture
def alerts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "alerts.toml"
    path.write_text(FILE.format(port=1))
    monkeypatch.setenv("COLLECTOR_STORE", f"sqlite:///{tmp_path / 'c.db'}")
    monkeypatch.setenv("COLLECTOR_ALERTS_FILE", str(path))
    return path


def call(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(collector, ["alert", *words])
    assert result.exit_code == code, result.output
    return result


def call_json(*words: str) -> Any:
    return json.loads(call(*words, "--json").stdout)


def test_a_file_is_checked_before_it_is_used(alerts_file: Path) -> None:
    assert call_json("check") == {"rules": ["crashes"], "destinations": ["mail"]}
    alerts_file.write_text(FILE.format(port=1).replace("events.Crash", "events.Crsh"))
    assert "there is no metric 'events.Crsh'" in call("check", code=2).output
    assert "latency.p95 (row)" in call_json("metrics")


def test_a_destination_is_tried(alerts_file: Path) -> None:
    assert "SMTP" in call("test", "mail", code=1).output
    assert "none named 'chat'" in call("test", "chat", code=2).output
    with mailbox() as box:
        alerts_file.write_text(FILE.format(port=box.port))
        assert call_json("test", "mail") == {"sent": "mail"}
    assert "nothing is wrong" in box.mails[0].get_content()


def test_a_rule_is_silenced_shown_and_heard_again(alerts_file: Path) -> None:
    made = call_json("silence", "crash*", "--hours", "2", "--reason", "release")
    status = call_json("list")
    assert [(r["name"], r["is_silenced"]) for r in status["rules"]] == [("crashes", True)]
    assert status["silences"][0]["reason"] == "release"
    assert made["id"] in call("list").output
    call("unsilence", made["id"])
    call("unsilence", made["id"], code=1)
    assert call_json("list")["silences"] == []
