"""Changes of the settings file and the policy file while the daemon runs."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.daemon import RunningDaemon, start_daemon, wait_until

USAGE = {"event_type": "ChatTurn", "payload": {"latency_ms": 5}}
QUIET = {"TELEMETRY_FLUSH_INTERVAL_S": "600"}


# -- the settings file ---------------------------------------------------------------------------


def renamed(file: Path, content: str) -> None:
    """As electron-store writes: a temporary file beside it, renamed over it."""
    temporary = file.with_name(f".{file.name}.tmp-{time.monotonic_ns()}")
    temporary.write_text(content)
    os.replace(temporary, file)


def in_place(file: Path, content: str) -> None:
    """As an editor may write: the same file, cut and filled."""
    file.write_text(content)


class Watched:
    """A daemon with a settings file, and a client that hears of changes."""

    def __init__(self, daemon: RunningDaemon, client: Any, file: Path) -> None:
        self.daemon, self.client, self.file = daemon, client, file

    def write(
        self, how: Callable[[Path, str], None], level: str | None = None, **settings: Any
    ) -> float:
        """Writes settings; the seconds until the daemon tells its clients of this level."""
        begun = time.monotonic()
        how(self.file, json.dumps({"window": {"width": 3}, **settings}))
        if level is not None:
            self.client.wait_for("settings", level=level)
        return time.monotonic() - begun

    def eventually(self, true: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first status of which this is true."""
        found: dict[str, Any] = {}

        def look() -> Any:
            found.update(self.client.ask("status"))
            return true(found)

        wait_until(look)
        return found

    @property
    def level(self) -> str:
        return str(self.client.ask("status")["level"])


@pytest.mark.parametrize("how", [renamed, in_place])
def test_each_key_of_the_settings_file_acts_while_the_daemon_runs(
    tmp_path: Path, how: Callable[[Path, str], None]
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"telemetryEnabled": True}))
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file), "TELEMETRY_LOCAL": "1"}
    with start_daemon(env) as daemon, daemon.client() as client:
        app = Watched(daemon, client, file)
        client.emit(USAGE)
        took = [app.write(how, "off", telemetryEnabled=False)]
        assert app.level == "off"
        assert daemon.pending() == []
        on = {"telemetryEnabled": True}
        took.append(app.write(how, "error", **on, telemetryLevel="error"))
        took.append(app.write(how, "full", **on, telemetryFullContent=True))
        took.append(app.write(how, "usage", **on, telemetryUserId="me-1"))
        app.eventually(lambda status: status["user_id"] == "me-1")
        app.write(how, telemetryEndpoint="https://collector.example")
        status = app.eventually(lambda now: now["endpoint"] == "https://collector.example")
        assert status["user_id"] != "me-1"
        print(f"{how.__name__}: {', '.join(f'{1000 * one:.0f} ms' for one in took)}")


def test_a_file_that_is_broken_halfway_changes_nothing_until_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"telemetryEnabled":true}')
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file)}
    with start_daemon(env) as daemon, daemon.client() as client:
        app = Watched(daemon, client, file)
        app.write(in_place, "error", telemetryLevel="error")
        for broken in ('{"telemetryEna', "", "[]", "\x00\x00", "[" * 100_000):
            in_place(file, broken)
            assert app.level == "error"
        app.write(in_place, "crash", telemetryLevel="crash")
        heard = [one["level"] for one in client._aside if one["op"] == "settings"]
        assert set(heard) <= {"error", "crash"}


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_settings_file_may_appear_later_and_its_folder_too(tmp_path: Path, depth: int) -> None:
    file = tmp_path.joinpath(*"abc"[:depth], "config.json")
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file)}
    with start_daemon(env) as daemon, daemon.client() as client:
        assert client.ask("status")["level"] == "usage"
        file.parent.mkdir(parents=True, exist_ok=True)
        renamed(file, '{"telemetryEnabled":false}')
        client.wait_for("settings", level="off")
        file.unlink()
        client.wait_for("settings", level="usage")


def test_a_change_right_after_the_ready_line_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}")
    for _ in range(3):
        renamed(file, "{}")
        with start_daemon({**QUIET, "TELEMETRY_SETTINGS_FILE": str(file)}) as daemon:
            renamed(file, '{"telemetryEnabled":false}')
            with daemon.client() as client:
                wait_until(lambda: client.ask("status")["level"] == "off")


def test_values_that_cannot_be_understood_never_open_anything(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file), "TELEMETRY_LOCAL": "1"}
    with start_daemon(env) as daemon, daemon.client() as client:
        app = Watched(daemon, client, file)
        for settings in (
            {"telemetryEnabled": "yes"},
            {"telemetryEnabled": 1},
            {"telemetryLevel": "everything"},
            {"telemetryLevel": 4},
        ):
            app.write(renamed, "off", **settings)
            assert client.ask("status")["warnings"]
            app.write(renamed, "usage")
        app.write(renamed, telemetryUserId="someone@example.org with spaces")
        status = app.eventually(lambda now: any("user_id" in one for one in now["warnings"]))
        assert status["level"] == "usage"
        assert "someone" not in status["user_id"]
        app.write(renamed, telemetryEndpoint="http://collector.example")
        status = app.eventually(lambda now: any("http" in one for one in now["warnings"]))
        assert status["endpoint"] is None


def test_a_large_store_with_a_byte_order_mark_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}")
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file)}
    with start_daemon(env) as daemon, daemon.client() as client:
        store = {"drafts": "x" * 3_000_000, "telemetryEnabled": False}
        renamed(file, "\ufeff" + json.dumps(store))
        client.wait_for("settings", level="off")


def test_of_file_and_set_the_later_word_counts(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"telemetryLevel":"error"}')
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file)}
    with start_daemon(env) as daemon, daemon.client() as client:
        app = Watched(daemon, client, file)
        assert app.level == "error"
        assert client.ask("set", settings={"level": "crash"})["level"] == "crash"
        assert client.ask("set", settings={"level": None})["level"] == "error"
        client.ask("set", settings={"level": "crash"})
        app.write(renamed, "usage", telemetryLevel="usage")
        assert app.level == "usage"


def test_the_policy_file_acts_while_the_daemon_runs(tmp_path: Path) -> None:
    policy, file = tmp_path / "policy.json", tmp_path / "config.json"
    env = {**QUIET, "TELEMETRY_SETTINGS_FILE": str(file)}
    with start_daemon(env, "--policy-file", str(policy)) as daemon, daemon.client() as client:
        client.emit(USAGE)
        renamed(policy, '{"level":"error"}')
        client.wait_for("settings", level="error", decided_by="administrator")
        assert daemon.pending() == []
        policy.unlink()
        client.wait_for("settings", level="usage")
