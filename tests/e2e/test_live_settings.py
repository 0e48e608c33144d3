"""Layers, and changes while the daemon runs: what may be taken in, kept and sent."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from support.daemon import RunningDaemon, start_daemon, wait_until
from support.fake_collector import FakeCollector
from support.four_doors import Page, page

USAGE = {"event_type": "ChatTurn", "payload": {"latency_ms": 5}}
ERROR = {"event_type": "Error", "payload": {"error_type": "E", "message": "it broke"}}
CRASH = {"event_type": "Crash", "payload": {"process": "renderer"}}
FULL = {"event_type": "ChatTurnFull", "payload": {"prompt": "canary-prompt", "response": "r"}}
QUIET = {"TELEMETRY_FLUSH_INTERVAL_S": "600"}


def kinds(daemon: RunningDaemon) -> list[str]:
    return sorted(one["event_type"] for one in daemon.pending())


def on_disk(daemon: RunningDaemon) -> set[str]:
    """Event types that can be read from any file of the spool."""
    found = set()
    for path in (daemon.data_dir / "spool").iterdir():
        raw = path.read_bytes()
        try:
            text = gzip.decompress(raw)
        except (OSError, EOFError):
            text = raw
        found |= {
            kind
            for kind in ("ChatTurnFull", "ChatTurn", "Error", "Crash")
            if f'"event_type":"{kind}"'.encode() in text
        }
    return found


# -- layers at the start -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "level", "layer"),
    [
        ({}, "usage", "app_settings"),
        ({"TELEMETRY_ENABLED": "off"}, "off", "app_settings"),
        ({"TELEMETRY_ENABLED": "YES"}, "usage", "app_settings"),
        ({"TELEMETRY_LEVEL": "crash"}, "crash", "app_settings"),
        ({"TELEMETRY_FULL_CONTENT": "1"}, "full", "administrator"),
        ({"TELEMETRY_FULL_CONTENT": "1", "DO_NOT_TRACK": "1"}, "off", "do_not_track"),
        ({"DO_NOT_TRACK": "0"}, "usage", "app_settings"),
        ({"DO_NOT_TRACK": "false"}, "usage", "app_settings"),
        ({"DO_NOT_TRACK": ""}, "usage", "app_settings"),
        ({"DO_NOT_TRACK": "no"}, "off", "do_not_track"),
        ({"TELEMETRY_ENABLED": "1", "TELEMETRY_FEATURE": "0"}, "off", "feature"),
        ({"TELEMETRY_CONSENT_MODEL": "opt_in"}, "off", "consent"),
        ({"TELEMETRY_CONSENT_MODEL": "opt_in", "TELEMETRY_ENABLED": "1"}, "off", "consent"),
    ],
)
def test_the_lowest_layer_decides_and_status_names_it(
    env: dict[str, str], level: str, layer: str
) -> None:
    with start_daemon({**QUIET, **env}) as daemon, daemon.client() as client:
        status = client.ask("status")
        assert (status["level"], status["decided_by"]) == (level, layer)
        assert {say["layer"] for say in status["layers"]} >= {
            "administrator", "do_not_track", "feature", "app_settings", "consent",
        }  # fmt: skip
        assert status["because"]


@pytest.mark.parametrize(
    ("policy", "level"),
    [
        ('{"level":"error"}', "error"),
        ('{"level":"off"}', "off"),
        ('{"level":"full"}', "usage"),
        ('\ufeff{"level":"crash"}', "crash"),
        ('{"level":"everything"}', "off"),
        ("{}", "off"),
        ("not json", "off"),
        ("[" * 100_000, "off"),
        ("", "off"),
        (None, "usage"),
    ],
)
def test_the_administrators_word_is_a_ceiling_and_an_unreadable_one_is_off(
    tmp_path: Path, policy: str | None, level: str
) -> None:
    file = tmp_path / "policy.json"
    if policy is not None:
        file.write_text(policy)
    with start_daemon(QUIET, "--policy-file", str(file)) as daemon, daemon.client() as client:
        assert client.ask("status")["level"] == level
        raised = client.ask("set", settings={"enabled": True, "level": "full"})
        allowed = "full" if policy is None or "full" in policy else level
        assert raised["level"] == allowed


def test_a_policy_file_that_cannot_be_read_forbids_everything(tmp_path: Path) -> None:
    (tmp_path / "policy.json").mkdir()
    flags = ("--policy-file", str(tmp_path / "policy.json"))
    with start_daemon(QUIET, *flags) as daemon, daemon.client() as client:
        status = client.ask("status")
        assert (status["level"], status["decided_by"]) == ("off", "administrator")
        assert "policy.json cannot be read: Is a directory" in status["because"]


@pytest.mark.parametrize("content", ["{", '{"level":"loud"}', "[]", '{"levle":"off"}'])
def test_a_policy_file_that_says_nothing_known_forbids_everything_and_status_says_so(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "policy.json").write_text(content)
    flags = ("--policy-file", str(tmp_path / "policy.json"))
    with start_daemon(QUIET, *flags) as daemon:
        assert daemon.status()["level"] == "off"
        assert f"policy file {tmp_path}" in daemon.status()["because"]


def test_a_key_that_is_no_setting_changes_nothing_and_is_named(tmp_path: Path) -> None:
    with start_daemon(QUIET) as daemon, daemon.client() as client:
        for wrong in ({"settings": {"enable": False, "level": "off"}}, {"enabled": False}):
            said = client.ask("set", **wrong)
            assert (said["op"], said["reason"]) == ("error", "unknown_field")
            assert next(iter(wrong.get("settings", wrong))) in said["detail"]
        for body in ({"enable": False}, {"settings": {"enable": False}}, {"policy": 1}):
            refused = daemon.request("PATCH", "/v1/settings", body)
            assert (refused.status, refused.json()["error"]) == (400, "unknown_field")
        assert daemon.status()["level"] == "usage"
        assert daemon.request("PATCH", "/v1/settings", {"enabled": False}).json()["level"] == "off"


# -- consent -------------------------------------------------------------------------------------


def test_consent_is_kept_over_a_restart_and_asked_anew_for_a_new_policy(tmp_path: Path) -> None:
    env = {**QUIET, "TELEMETRY_DATA_DIR": str(tmp_path / "d"),
           "TELEMETRY_CONSENT_MODEL": "opt_in", "TELEMETRY_POLICY_VERSION": "1"}  # fmt: skip
    with start_daemon(env) as daemon, daemon.client() as client:
        assert client.emit(USAGE)["rejected"][0]["reason"] == "consent_off"
        assert client.ask("status")["settings"]["must_ask"] is True
        client.ask("consent", decision="granted", policy_version="1")
        assert client.emit(USAGE)["accepted"] == 1
    with start_daemon(env) as daemon, daemon.client() as client:
        assert client.ask("status")["level"] == "usage"
        assert client.ask("status")["settings"]["must_ask"] is False
    with start_daemon({**env, "TELEMETRY_POLICY_VERSION": "2"}) as daemon:
        status = daemon.status()
        assert (status["level"], status["settings"]["must_ask"]) == ("off", True)
        assert daemon.pending() == []
        daemon.request("POST", "/v1/consent", {"decision": "denied", "policy_version": "2"})
        assert daemon.status()["settings"]["must_ask"] is False


def test_consent_may_cover_less_than_the_ceiling() -> None:
    env = {**QUIET, "TELEMETRY_FULL_CONTENT": "1"}
    with start_daemon(env) as daemon, daemon.client() as client:
        client.ask("consent", decision="granted", level="error")
        status = client.ask("status")
        assert (status["level"], status["decided_by"]) == ("error", "consent")
        client.ask("set", settings={"enabled": True, "full_content": True, "level": "full"})
        assert client.ask("status")["level"] == "error"
        client.ask("consent", decision="granted")
        assert client.ask("status")["level"] == "full"


# -- a lowering is complete ----------------------------------------------------------------------


def test_lowering_to_usage_removes_exactly_the_full_events() -> None:
    with start_daemon({**QUIET, "TELEMETRY_FULL_CONTENT": "1"}) as daemon:
        with daemon.client() as client:
            assert client.emit(USAGE, FULL, ERROR, CRASH)["accepted"] == 4
            client.ask("flush")  # some sealed, some active
            assert client.emit(FULL, USAGE)["accepted"] == 2
            assert client.ask("set", settings={"full_content": False})["level"] == "usage"
            assert kinds(daemon) == ["ChatTurn", "ChatTurn", "Crash", "Error"]
            assert "ChatTurnFull" not in on_disk(daemon)
            assert client.emit(FULL)["rejected"][0]["reason"] == "level_too_low"
            client.ask("set", settings={"full_content": True})
            assert kinds(daemon) == ["ChatTurn", "ChatTurn", "Crash", "Error"]
            tally = client.ask("status")["tally"]
        assert tally["dropped"]["consent_withdrawn"] == 2


@pytest.mark.parametrize(
    ("level", "left"),
    [
        ("error", ["Crash", "Crash", "Error", "Error"]),
        ("crash", ["Crash", "Crash"]),
        ("off", []),
    ],
)
def test_each_lowering_leaves_what_the_level_still_covers(level: str, left: list[str]) -> None:
    with start_daemon(QUIET) as daemon, daemon.client() as client:
        client.emit(USAGE, ERROR, CRASH)
        client.ask("flush")
        client.emit(CRASH, ERROR, USAGE)
        client.ask("set", settings={"level": level})
        assert kinds(daemon) == left
        assert on_disk(daemon) == set(left)
        client.ask("set", settings={"level": "usage"})
        assert kinds(daemon) == left


def test_events_in_the_same_write_as_the_withdrawal_do_not_survive_it() -> None:
    """Emits before it, one pipelined write, nothing awaited in between."""
    frames: list[dict[str, Any]] = [
        {"op": "emit", "id": number, "events": [USAGE] * 50} for number in range(20)
    ]
    frames.append({"op": "set", "id": "off", "settings": {"enabled": False}})
    frames.append({"op": "emit", "id": "late", "events": [USAGE]})
    with start_daemon(QUIET) as daemon, daemon.client() as client:
        client._write(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
        client.wait_for("settings", id="off")
        assert client.ask("status")["spool"]["events"] == 0
        assert on_disk(daemon) == set()
        assert daemon.pending() == []


def test_a_client_that_leaves_right_after_its_word_is_obeyed_all_the_same() -> None:
    for say in (
        {"op": "set", "id": 1, "settings": {"enabled": False}},
        {"op": "consent", "id": 1, "decision": "denied"},
    ):
        with start_daemon(QUIET) as daemon, daemon.client() as witness:
            witness.emit(USAGE)
            with daemon.client() as client:
                client.send(say)
            witness.wait_for("settings", level="off")
            wait_until(lambda: daemon.status()["spool"]["events"] == 0)
            with page(daemon, close_timeout=0) as socket:
                Page(socket).send({"op": "set", "settings": {"level": "crash"}})
            wait_until(lambda: daemon.status()["settings"]["app"]["level"] == "crash")


async def test_a_withdrawal_cuts_an_upload_off_and_nothing_is_sent_after_it() -> None:
    """The collector holds its answer back: the batch is in flight when the user says no."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async with FakeCollector() as collector:
        collector.script([_hold(arrived, go_on)])
        env = {"TELEMETRY_ENDPOINT": collector.url, "TELEMETRY_TOKEN": "t",
               "TELEMETRY_FLUSH_INTERVAL_S": "0.05"}  # fmt: skip
        daemon = await asyncio.to_thread(start_daemon, env)
        try:
            with daemon.client() as client:
                await asyncio.to_thread(client.emit, USAGE)
                async with asyncio.timeout(30):
                    await arrived.wait()
                sent = len(collector.requests)
                answer = await asyncio.to_thread(client.ask, "set", settings={"enabled": False})
                assert answer["level"] == "off"
                assert on_disk(daemon) == set()
                go_on.set()
                flushed = await asyncio.to_thread(client.ask, "flush")
                assert flushed["uploaded"] == 0
                assert "nothing is sent" in flushed["error"]
                await asyncio.to_thread(client.ask, "set", settings={"enabled": True})
                flushed = await asyncio.to_thread(client.ask, "flush")
                kinds_sent = {one["event_type"] for one in collector.events.values()}
                assert kinds_sent <= {"ClientReport"}  # it tells of the loss
                assert len(collector.requests) <= sent + 1
        finally:
            await asyncio.to_thread(daemon.close)


def _hold(arrived: asyncio.Event, go_on: asyncio.Event) -> Any:
    from aiohttp import web

    from support.fake_collector import Step

    async def act(_collector: Any, _request: Any, _received: Any) -> web.StreamResponse:
        arrived.set()
        await go_on.wait()
        return web.Response(status=503)

    return Step("holds", act)


async def test_a_flush_that_waits_for_a_collector_does_not_hold_up_a_withdrawal() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()
    async with FakeCollector() as collector:
        collector.script([_hold(arrived, go_on)])
        env = {"TELEMETRY_ENDPOINT": collector.url, **QUIET}
        daemon = await asyncio.to_thread(start_daemon, env)
        try:
            with daemon.client() as client:
                await asyncio.to_thread(client.emit, USAGE)
                client.send({"op": "flush", "id": "slow"})
                async with asyncio.timeout(30):
                    await arrived.wait()
                client.send({"op": "set", "id": "off", "settings": {"enabled": False}})
                first = await asyncio.to_thread(client.wait_for, "settings", id="off")
                assert first["level"] == "off"
                assert not go_on.is_set()
                go_on.set()
        finally:
            await asyncio.to_thread(daemon.close)


# -- local only, identity ------------------------------------------------------------------------


async def test_local_only_keeps_everything_here() -> None:
    async with FakeCollector() as collector:
        env = {"TELEMETRY_ENDPOINT": collector.url, "TELEMETRY_LOCAL": "1"}
        daemon = await asyncio.to_thread(start_daemon, env)
        try:
            with daemon.client() as client:
                await asyncio.to_thread(client.emit, USAGE)
                flushed = await asyncio.to_thread(client.ask, "flush")
                assert "TELEMETRY_LOCAL" in flushed["error"]
                assert flushed["pending"] == 1
            assert collector.requests == []
        finally:
            await asyncio.to_thread(daemon.close)
