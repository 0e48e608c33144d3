"""Contract 2: every setting, in every form, and who wins."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.blackbox.outside_world import Collector, Daemon, chat, spool_text, stored, until

Start = Callable[..., Daemon]

BAD = [
    ("TELEMETRY_ENABLED", "maybe"),
    ("TELEMETRY_FULL_CONTENT", "perhaps"),
    ("TELEMETRY_LEVEL", "loud"),
    ("TELEMETRY_CONSENT_MODEL", "opt_sideways"),
    ("TELEMETRY_FEATURE", "perhaps"),
    ("TELEMETRY_LOCAL", "perhaps"),
    ("TELEMETRY_ENDPOINT", "http://collector.example"),
    ("TELEMETRY_ENDPOINT", "ftp://collector.example"),
    ("TELEMETRY_ENDPOINT", "not a url"),
    ("TELEMETRY_ALLOW_INSECURE", "perhaps"),
    ("TELEMETRY_EXPORTER", "http,carrier-pigeon"),
    ("TELEMETRY_IDENTITY", "fingerprint"),
    ("TELEMETRY_SPOOL_MAX_BYTES", "lots"),
    ("TELEMETRY_SPOOL_MAX_BYTES", "-1"),
    ("TELEMETRY_SPOOL_MAX_AGE_DAYS", "old"),
    ("TELEMETRY_FLUSH_INTERVAL_S", "often"),
    ("TELEMETRY_FLUSH_INTERVAL_S", "nan"),
    ("TELEMETRY_SHUTDOWN_GRACE_S", "-1"),
    ("TELEMETRY_DELETION", "pigeon"),
    ("TELEMETRY_DELETION", "email:"),
    ("TELEMETRY_CA_FILE", "/nowhere/ca.pem"),
    ("TELEMETRY_PROXY", "not a proxy"),
    ("TELEMETRY_CATALOG", "/nowhere/telemetry.catalog.toml"),
]

LEVELS: list[tuple[dict[str, str], str]] = [
    ({}, "usage"),
    *[({"TELEMETRY_ENABLED": word}, "off") for word in ("0", "false", "off", "no")],
    *[({"TELEMETRY_ENABLED": word}, "usage") for word in ("1", "true", "on", "yes")],
    *[({"TELEMETRY_LEVEL": level}, level) for level in ("off", "crash", "error", "usage")],
    ({"TELEMETRY_CONSENT_MODEL": "opt_in"}, "off"),
    ({"TELEMETRY_FEATURE": "0", "TELEMETRY_ENABLED": "1"}, "off"),
    ({"DO_NOT_TRACK": "1", "TELEMETRY_ENABLED": "1"}, "off"),
    ({"DO_NOT_TRACK": "no"}, "off"),
    *[({"DO_NOT_TRACK": word}, "usage") for word in ("", "0", "false")],
    ({"TELEMETRY_LOCAL": "1"}, "usage"),
    ({"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_ENABLED": "0"}, "off"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_setting_is_exit_2_and_one_line_that_names_it(
    start: Start, name: str, value: str
) -> None:
    daemon = start(ready=False, **{name: value})
    assert daemon.wait() == 2
    errors = daemon.errors()
    assert name in errors
    assert errors.count("\n") == 1
    assert daemon.said == b""


@pytest.mark.parametrize(("settings", "level"), LEVELS)
def test_the_environment_gives_the_level(
    start: Start, settings: dict[str, str], level: str
) -> None:
    assert start(**settings).status()["level"] == level


def test_an_unknown_name_is_reported_with_the_nearest_and_not_fatal(start: Start) -> None:
    daemon = start(TELEMETRY_LEVLE="error")
    assert daemon.status()["level"] == "usage"
    said = "".join(path.read_text() for path in (daemon.data / "logs").iterdir())
    assert "TELEMETRY_LEVLE" in said
    assert "TELEMETRY_LEVEL" in said


def test_app_id_version_and_user_id_are_in_the_events(start: Start) -> None:
    daemon = start(
        TELEMETRY_APP_ID="my-app", TELEMETRY_APP_VERSION="2.17.2", TELEMETRY_USER_ID="someone-7"
    )
    daemon.emit(chat())
    (event,) = stored(daemon)
    assert (event["app_id"], event["app_version"]) == ("my-app", "2.17.2")
    assert event["user_id"] == "someone-7"


def test_the_random_install_id_stays_over_starts(start: Start) -> None:
    first = start()
    first.emit(chat())
    first.stop()
    second = start()
    second.emit(chat())
    assert len({event["user_id"] for event in stored(second)}) == 1


def policy(tmp_path: Path, level: str) -> str:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"level": level}))
    return str(path)


def test_the_administrator_lowers_and_status_says_so(start: Start, tmp_path: Path) -> None:
    status = start("--policy-file", policy(tmp_path, "error")).status()
    assert status["level"] == "error"
    assert status["decided_by"] == "administrator"


def test_nothing_overrides_do_not_track(start: Start, tmp_path: Path) -> None:
    daemon = start(
        "--policy-file", policy(tmp_path, "full"), DO_NOT_TRACK="1", TELEMETRY_ENABLED="1"
    )
    daemon.http("PATCH", "/v1/settings", {"enabled": True, "level": "usage"})
    daemon.http("POST", "/v1/consent", {"decision": "granted", "policy_version": "1"})
    assert daemon.status()["level"] == "off"


def settings_file(tmp_path: Path, **keys: Any) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(keys))
    return path


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        ({"telemetryEnabled": False}, "off"),
        ({"telemetryLevel": "crash", "other": {"a": 1}}, "crash"),
    ],
)
def test_the_settings_file_counts_at_start(
    start: Start, tmp_path: Path, keys: dict[str, Any], level: str
) -> None:
    path = settings_file(tmp_path, **keys)
    assert start(TELEMETRY_SETTINGS_FILE=str(path)).status()["level"] == level


def test_a_change_of_the_settings_file_reaches_every_client(start: Start, tmp_path: Path) -> None:
    path = settings_file(tmp_path, telemetryEnabled=True)
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path))
    with daemon.socket() as one, daemon.socket() as two:
        time.sleep(0.3)
        other = path.with_suffix(".tmp")
        other.write_text('{"telemetryEnabled": false}')
        other.rename(path)
        for client in (one, two):
            told = client.receive(3)
            assert (told["op"], told["level"]) == ("settings", "off")
        refused = one.ask({"op": "emit", "id": 1, "events": [chat()]})
        assert refused["rejected"][0]["reason"] == "consent_off"


def test_a_settings_file_that_comes_later_counts_from_then(start: Start, tmp_path: Path) -> None:
    daemon = start(TELEMETRY_SETTINGS_FILE=str(tmp_path / "config.json"))
    time.sleep(0.2)
    settings_file(tmp_path, telemetryEnabled=False)
    until(lambda: daemon.status()["level"] == "off", "off", 3)


def test_the_settings_file_gives_endpoint_and_user_id_live(
    start: Start, tmp_path: Path, collector: Collector
) -> None:
    path = settings_file(tmp_path)
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path), TELEMETRY_TOKEN="t")
    time.sleep(0.3)
    settings_file(tmp_path, telemetryEndpoint=collector.url, telemetryUserId="u-2")
    until(lambda: daemon.status()["endpoint"] == collector.url, "the endpoint", 3)
    daemon.emit(chat())
    daemon.flush()
    until(lambda: collector.batches, "an upload")
    assert collector.batches[0].events[0]["user_id"] == "u-2"


def test_a_lowering_deletes_exactly_what_is_above_and_nothing_revives_it(start: Start) -> None:
    daemon = start()
    crash = {"event_type": "Crash", "payload": {"process": "gpu", "reason": "oom-canary"}}
    daemon.emit(chat(model="sealed-canary"), crash)
    daemon.flush()
    daemon.emit(chat(model="active-canary"))
    daemon.http("PATCH", "/v1/settings", {"level": "crash"})
    for again in ("crash", "usage"):
        daemon.http("PATCH", "/v1/settings", {"level": again})
        text = spool_text(daemon)
        assert b"sealed-canary" not in text
        assert b"active-canary" not in text
        assert b"oom-canary" in text


@pytest.mark.parametrize(
    "settings",
    [{"TELEMETRY_LOCAL": "1"}, {"DO_NOT_TRACK": "1"}, {"TELEMETRY_EXPORTER": "none"}],
)
def test_what_forbids_sending_sends_nothing(
    start: Start, collector: Collector, settings: dict[str, str]
) -> None:
    daemon = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t", **settings)
    daemon.emit(chat())
    daemon.flush()
    assert daemon.stop() == 0
    assert not collector.uploads


def test_at_off_an_event_touches_no_disk(start: Start) -> None:
    daemon = start(TELEMETRY_ENABLED="0")
    answer = daemon.emit(chat(model="canary-model"))
    assert answer["rejected"][0]["reason"] == "consent_off"
    assert b"canary-model" not in spool_text(daemon)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_to_loopback_is_taken(start: Start, host: str) -> None:
    assert start(TELEMETRY_ENDPOINT=f"http://{host}:9").status()["level"] == "usage"


def test_plain_http_elsewhere_is_warned_of(start: Start) -> None:
    daemon = start(TELEMETRY_ENDPOINT="http://192.0.2.1:9", TELEMETRY_ALLOW_INSECURE="1")
    assert daemon.status()["warnings"]


def test_exporters_are_teed(start: Start, collector: Collector) -> None:
    daemon = start(
        TELEMETRY_EXPORTER="http,file,stdout",
        TELEMETRY_ENDPOINT=collector.url,
        TELEMETRY_TOKEN="t",
    )
    daemon.emit(chat(model="canary-model"))
    daemon.flush()
    daemon.stop()
    assert collector.batches[0].events[0]["payload"]["model"] == "canary-model"
    assert b"canary-model" in daemon.said
    files = [path for path in daemon.data.iterdir() if path.is_file()]
    assert any(b"canary-model" in path.read_bytes() for path in files)
