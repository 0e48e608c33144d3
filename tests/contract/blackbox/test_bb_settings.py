"""Contract 2: every setting, in every form, and who wins."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from outside_world import Collector, Daemon, chat, gunzip_all, until, verb

Start = Callable[..., Daemon]


def on_disk(data: Path) -> bytes:
    """Everything in the spool, unpacked."""
    files = sorted((data / "spool").rglob("*"))
    return b"".join(gunzip_all(p.read_bytes()) for p in files if ".v1." in p.name and not p.name.endswith("json"))


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
    ("TELEMETRY_EXPORTER", "carrier-pigeon"),
    ("TELEMETRY_EXPORTER", "http,carrier-pigeon"),
    ("TELEMETRY_IDENTITY", "fingerprint"),
    ("TELEMETRY_SPOOL_MAX_BYTES", "lots"),
    ("TELEMETRY_SPOOL_MAX_BYTES", "-1"),
    ("TELEMETRY_SPOOL_MAX_AGE_DAYS", "old"),
    ("TELEMETRY_FLUSH_INTERVAL_S", "often"),
    ("TELEMETRY_FLUSH_INTERVAL_S", "-3"),
    ("TELEMETRY_FLUSH_INTERVAL_S", "nan"),
    ("TELEMETRY_SHUTDOWN_GRACE_S", "forever"),
    ("TELEMETRY_SHUTDOWN_GRACE_S", "-1"),
    ("TELEMETRY_DELETION", "pigeon"),
    ("TELEMETRY_DELETION", "email:"),
    ("TELEMETRY_CATALOG", "/nowhere/telemetry.catalog.toml"),
    ("TELEMETRY_CA_FILE", "/nowhere/ca.pem"),
    ("TELEMETRY_PROXY", "not a proxy"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_setting_is_exit_2_and_one_line_that_names_it(
    start: Start, name: str, value: str
) -> None:
    daemon = start(ready=False, **{name: value})
    assert daemon.wait() == 2
    errors = daemon.errors()
    assert name in errors
    assert errors.count("\n") == 1, errors
    assert daemon.said == b""


@pytest.mark.parametrize("value", ["0", "false", "off", "no", "OFF", "False"])
def test_enabled_off_words(start: Start, value: str) -> None:
    assert start(TELEMETRY_ENABLED=value).status()["level"] == "off"


@pytest.mark.parametrize("value", ["1", "true", "on", "yes", "TRUE", "Yes", ""])
def test_enabled_on_words(start: Start, value: str) -> None:
    assert start(TELEMETRY_ENABLED=value).status()["level"] == "usage"


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({}, "usage"),
        ({"TELEMETRY_LEVEL": "off"}, "off"),
        ({"TELEMETRY_LEVEL": "crash"}, "crash"),
        ({"TELEMETRY_LEVEL": "error"}, "error"),
        ({"TELEMETRY_LEVEL": "usage"}, "usage"),
        ({"TELEMETRY_CONSENT_MODEL": "opt_in"}, "off"),
        ({"TELEMETRY_FEATURE": "0"}, "off"),
        ({"TELEMETRY_FEATURE": "off", "TELEMETRY_ENABLED": "1"}, "off"),
        ({"DO_NOT_TRACK": "1"}, "off"),
        ({"DO_NOT_TRACK": "yes"}, "off"),
        ({"DO_NOT_TRACK": "no"}, "off"),
        ({"DO_NOT_TRACK": "true", "TELEMETRY_ENABLED": "1"}, "off"),
        ({"DO_NOT_TRACK": "0"}, "usage"),
        ({"DO_NOT_TRACK": "false"}, "usage"),
        ({"DO_NOT_TRACK": ""}, "usage"),
        ({"DO_NOT_TRACK": "False"}, "usage"),
        ({"TELEMETRY_LOCAL": "1"}, "usage"),
        ({"TELEMETRY_CONSENT_MODEL": "opt_in", "TELEMETRY_ENABLED": "1"}, "?"),
        ({"TELEMETRY_LEVEL": "full"}, "?"),
        ({"TELEMETRY_FULL_CONTENT": "1"}, "?"),
        ({"TELEMETRY_FULL_CONTENT": "1", "TELEMETRY_LEVEL": "error"}, "?"),
    ],
)
def test_levels_of_the_environment(start: Start, settings: dict[str, str], level: str) -> None:
    status = start(**settings).status()
    if level == "?":
        print("READING", settings, status["level"], json.dumps(status)[:1500])
        return
    assert status["level"] == level


def test_unknown_names_are_reported_with_the_nearest_and_not_fatal(start: Start) -> None:
    daemon = start("--verbose", TELEMETRY_LEVLE="error")
    text = json.dumps(daemon.status())
    daemon.stop()
    said = daemon.errors() + text
    assert "TELEMETRY_LEVLE" in said
    assert "TELEMETRY_LEVEL" in said
    log = "".join(p.read_text() for p in (daemon.data / "logs").iterdir())
    assert "TELEMETRY_LEVLE" in log


def test_app_id_version_and_user_id_are_in_the_events(start: Start) -> None:
    daemon = start(
        TELEMETRY_APP_ID="my-app", TELEMETRY_APP_VERSION="2.17.2", TELEMETRY_USER_ID="someone-7"
    )
    daemon.emit(chat())
    daemon.flush()
    (event,) = [json.loads(x) for x in on_disk(daemon.data).splitlines() if b"ChatTurn" in x]
    assert event["app_id"] == "my-app"
    assert event["app_version"] == "2.17.2"
    assert event["user_id"] == "someone-7"


def test_defaults_of_app_id_and_version(start: Start) -> None:
    daemon = start()
    daemon.emit(chat())
    daemon.flush()
    (event,) = [json.loads(x) for x in on_disk(daemon.data).splitlines() if b"ChatTurn" in x]
    assert event["app_id"] == "app"
    assert event["app_version"] == "0"


def test_the_install_id_stays_over_starts(start: Start) -> None:
    ids = set()
    for _ in range(2):
        daemon = start()
        daemon.emit(chat())
        daemon.flush()
        lines = [json.loads(x) for x in on_disk(daemon.data).splitlines() if b"ChatTurn" in x]
        ids |= {x["user_id"] for x in lines}
        daemon.stop()
    assert len(ids) == 1


def test_machine_identity_is_the_same_twice_and_not_the_raw_id(start: Start, tmp_path: Path) -> None:
    ids = []
    daemon = start(TELEMETRY_IDENTITY="machine")
    daemon.emit(chat())
    daemon.flush()
    raw = on_disk(daemon.data)
    for name in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        if Path(name).exists() and (text := Path(name).read_text().strip()):
            assert text.encode() not in raw
    (event,) = [json.loads(x) for x in raw.splitlines() if b"ChatTurn" in x]
    ids.append(event["user_id"])
    print("READING machine", ids)


def test_policy_file_lowers_and_says_so(start: Start, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"level": "error"}))
    daemon = start("--policy-file", str(policy))
    status = daemon.status()
    assert status["level"] == "error"
    assert "admin" in json.dumps(status) or "policy" in json.dumps(status)


def test_policy_file_forbids_even_more_than_do_not_track_and_nothing_raises(
    start: Start, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"level": "usage"}))
    daemon = start("--policy-file", str(policy), DO_NOT_TRACK="1", TELEMETRY_ENABLED="1")
    assert daemon.status()["level"] == "off"
    daemon.http("PATCH", "/v1/settings", {"enabled": True})
    daemon.http("POST", "/v1/consent", {"decision": "granted", "policy_version": "1"})
    assert daemon.status()["level"] == "off"


def settings_file(tmp_path: Path, **keys: Any) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(keys))
    return path


@pytest.mark.parametrize(
    ("keys", "level"),
    [
        ({}, "usage"),
        ({"telemetryEnabled": False}, "off"),
        ({"telemetryLevel": "crash"}, "crash"),
        ({"telemetryLevel": "error", "other": {"a": 1}}, "error"),
    ],
)
def test_settings_file_at_start(
    start: Start, tmp_path: Path, keys: dict[str, Any], level: str
) -> None:
    path = settings_file(tmp_path, **keys)
    assert start(TELEMETRY_SETTINGS_FILE=str(path)).status()["level"] == level


def test_a_settings_file_that_is_not_there_yet_is_watched(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path))
    time.sleep(0.3)
    path.write_text('{"telemetryEnabled": false}')
    until(lambda: daemon.status()["level"] == "off", "off", 2)


def test_a_torn_settings_file_changes_nothing(start: Start, tmp_path: Path) -> None:
    path = settings_file(tmp_path, telemetryLevel="error")
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path))
    time.sleep(0.2)
    path.write_text('{"telemetryLevel": "us')
    time.sleep(0.5)
    assert daemon.status()["level"] == "error"


@pytest.mark.parametrize("atomic", [False, True])
def test_the_settings_file_acts_within_200_ms_and_every_client_is_told(
    start: Start, tmp_path: Path, atomic: bool
) -> None:
    path = settings_file(tmp_path, telemetryEnabled=True)
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path))
    time.sleep(0.5)
    with daemon.socket() as one, daemon.socket() as two:
        began = time.monotonic()
        if atomic:
            other = path.with_suffix(".tmp")
            other.write_text('{"telemetryEnabled": false}')
            other.rename(path)
        else:
            path.write_text('{"telemetryEnabled": false}')
        told = one.receive(3)
        took = time.monotonic() - began
        assert told["op"] == "settings"
        assert two.receive(3)["op"] == "settings"
        print("TOOK", took, told)
        assert daemon.status()["level"] == "off"
        assert one.ask({"op": "emit", "id": 1, "events": [chat()]})["rejected"][0]["reason"] in (
            "consent_off", "level_too_low",
        )


def test_the_settings_file_gives_the_endpoint_and_the_user_id(
    start: Start, tmp_path: Path, collector: Collector
) -> None:
    path = settings_file(tmp_path, telemetryEndpoint=collector.url, telemetryUserId="u-9")
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path), TELEMETRY_TOKEN="t")
    daemon.emit(chat())
    daemon.flush()
    assert {e["user_id"] for e in collector.batches[0].events} == {"u-9"}


def test_endpoint_changes_live(start: Start, tmp_path: Path, collector: Collector) -> None:
    path = settings_file(tmp_path)
    daemon = start(TELEMETRY_SETTINGS_FILE=str(path), TELEMETRY_TOKEN="t")
    time.sleep(0.4)
    daemon.emit(chat())
    daemon.flush()
    assert not collector.uploads
    path.write_text(json.dumps({"telemetryEndpoint": collector.url, "telemetryUserId": "u-2"}))
    time.sleep(0.5)
    daemon.emit(chat(model="later"))
    daemon.flush()
    until(lambda: len([e for b in collector.batches for e in b.events]) >= 2, "both")
    assert [e["user_id"] for b in collector.batches for e in b.events if e["payload"].get("model") == "later"] == ["u-2"]


def test_telemetry_full_content_in_the_settings_file(start: Start, tmp_path: Path) -> None:
    path = settings_file(tmp_path, telemetryFullContent=True, telemetryEnabled=True)
    status = start(TELEMETRY_SETTINGS_FILE=str(path)).status()
    print("READING full in settings file", json.dumps(status)[:1800])


def test_lowering_deletes_and_raising_revives_nothing(start: Start) -> None:
    daemon = start()
    daemon.emit(chat(model="canary-model"), {"event_type": "Crash", "payload": {"process": "gpu", "reason": "oom-canary", "exit_code": 3}})
    daemon.flush()
    daemon.emit(chat(model="canary-model"))
    assert b"canary-model" in on_disk(daemon.data)
    status, answer, _ = daemon.http("PATCH", "/v1/settings", {"level": "crash"})
    assert status == 200
    text = on_disk(daemon.data)
    assert b"canary-model" not in text
    assert b"oom-canary" in text
    daemon.http("PATCH", "/v1/settings", {"level": "usage"})
    assert daemon.status()["level"] == "usage"
    assert b"canary-model" not in on_disk(daemon.data)
    assert "canary-model" not in json.dumps(daemon.http("GET", "/v1/pending")[1], default=str)


def test_off_deletes_attachments_too(start: Start) -> None:
    daemon = start()
    daemon.http("PATCH", "/v1/settings", {"enabled": False})
    assert not list((daemon.data / "attachments").rglob("*"))


def test_local_sends_nothing(start: Start, collector: Collector) -> None:
    daemon = start(TELEMETRY_LOCAL="1", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    daemon.emit(chat())
    answer = daemon.flush()
    assert answer["uploaded"] == 0
    assert daemon.stop() == 0
    assert not collector.uploads


def test_do_not_track_sends_nothing_and_stores_nothing(start: Start, collector: Collector) -> None:
    daemon = start(DO_NOT_TRACK="1", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    answer = daemon.emit(chat(model="canary-model"))
    assert answer["accepted"] == 0
    assert answer["rejected"][0]["reason"] == "consent_off"
    daemon.flush()
    daemon.stop()
    assert not collector.uploads
    for path in daemon.data.rglob("*"):
        if path.is_file():
            assert b"canary-model" not in gunzip_all(path.read_bytes()) if path.read_bytes()[:2] == b"\x1f\x8b" else True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_to_loopback_is_taken(start: Start, host: str) -> None:
    assert start(TELEMETRY_ENDPOINT=f"http://{host}:9").status()


def test_plain_http_elsewhere_with_allow_insecure_is_warned_of(start: Start) -> None:
    daemon = start(TELEMETRY_ENDPOINT="http://collector.example:9", TELEMETRY_ALLOW_INSECURE="1", TELEMETRY_LOCAL="1")
    text = json.dumps(daemon.status())
    print("READING insecure", text[:1800])
    assert "insecure" in text.lower() or "http://" in text


def test_exporter_none_sends_nothing(start: Start, collector: Collector) -> None:
    daemon = start(TELEMETRY_EXPORTER="none", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    daemon.emit(chat())
    print("READING none", daemon.flush(), daemon.status().get("spool"))
    daemon.stop()
    assert not collector.uploads


def test_exporter_file_writes_what_would_be_sent(start: Start) -> None:
    daemon = start(TELEMETRY_EXPORTER="file")
    daemon.emit(chat(model="canary-model"))
    print("READING file", daemon.flush())
    daemon.stop()
    found = [p for p in daemon.data.rglob("*") if p.is_file()]
    print(found)


def test_exporter_stdout(start: Start) -> None:
    daemon = start(TELEMETRY_EXPORTER="stdout")
    daemon.emit(chat(model="canary-model"))
    print("READING stdout", daemon.flush())
    daemon.stop()
    print(daemon.said[-600:], daemon.errors()[-300:])
    assert b"canary-model" in daemon.said


def test_exporters_are_teed(start: Start, collector: Collector) -> None:
    daemon = start(TELEMETRY_EXPORTER="http,file", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    daemon.emit(chat(model="canary-model"))
    daemon.flush()
    daemon.stop()
    assert b"canary-model" in b"".join(json.dumps(b.events).encode() for b in collector.batches)


@pytest.mark.parametrize("name", ["otlp", "posthog"])
def test_the_other_exporters_start(start: Start, name: str) -> None:
    daemon = start(TELEMETRY_EXPORTER=name, ready=False)
    try:
        daemon.ready = daemon.line()
    except AssertionError as error:
        print("READING", name, error)
        raise


def test_an_own_catalog_adds_events(start: Start, tmp_path: Path) -> None:
    pass


def test_the_flush_interval_uploads_by_itself(start: Start, collector: Collector) -> None:
    daemon = start(TELEMETRY_FLUSH_INTERVAL_S="1", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    daemon.emit(chat())
    until(lambda: collector.batches, "an upload", 5)


def test_status_says_which_layer_decided(start: Start) -> None:
    print("READING status", json.dumps(start(DO_NOT_TRACK="1").status(), indent=1))
