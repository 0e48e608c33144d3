"""Contract 9 and 5.1: verbs, exit codes, `--json`, and the scrubber as a filter."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.blackbox.outside_world import (
    Collector,
    Daemon,
    gunzip_all,
    spool_names,
    spool_text,
    verb,
)

HOME = {
    "username": "kim.lee",
    "hostname": "KIM-LAPTOP",
    "home": "/home/kim.lee",
    "project_roots": ["/home/kim.lee/work/acme-app"],
}
SCRUBBED = [
    (
        "at f (/home/kim.lee/work/acme-app/src/app/x.ts:3:4)",
        "at f ({PROJECT_PATH}/src/app/x.ts:3:4)",
    ),
    ("open '/home/kim.lee/Documents/Budget 2024.xlsx'", "open '{USER_HOME_PATH}/{FILE_NAME}'"),
    (r"\\fileserver\share$\hr\plan.docx", r"{UNC_PATH}\{FILE_NAME}"),
    ("GET https://user:pw@api.example.com/v1/x?key=abc failed", "GET {URL} failed"),
    ("at f (https://cdn.example.com/a/main.js:10:20)", "at f ({URL}/main.js:10:20)"),
    ("mail kim@example.com now", "mail {EMAIL} now"),
    ("peer 192.168.1.20 and 8.8.8.8 and fe80::1", "peer {IP} and {IP} and {IP}"),
    ("mac 00:1A:2B:3C:4D:5E", "mac {MAC}"),
    ("call +1 (415) 555-2671", "call {PHONE}"),
    ("card 4111 1111 1111 1111", "card {CREDIT_CARD}"),
    ("IBAN DE89 3704 0044 0532 0130 00", "IBAN {IBAN}"),
    ("ssn 123-45-6789", "ssn {NATIONAL_ID}"),
    ("user kim.lee on KIM-LAPTOP", "user {USER} on {HOST}"),
    ("machine-id: 550e8400-e29b-41d4-a716-446655440000", "machine-id: {HARDWARE_ID}"),
    ("password=hunter2secret", "password={SECRET}"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "{SECRET}"),
]
KEPT = [
    "/usr/lib/python3.11/json/decoder.py:337",
    r"C:\Windows\System32\ntdll.dll",
    "at Module._compile (node:internal/modules/cjs/loader:1105:14)",
    "connect ECONNREFUSED 127.0.0.1:8080",
    "listening on 0.0.0.0:80 and localhost:3000",
    "event_id=550e8400-e29b-41d4-a716-446655440000",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "Unexpected token } in JSON at position 4",
    "the password is wrong",
    "export TOKEN=${GITHUB_TOKEN} and <token> and {URL}",
    "version 1.2.3.4 of @angular/core@17.2.1",
    "",
]
TEMPLATES = [
    ("Cannot read properties of undefined (reading 'foo')", "{PROPERTY_NAME}"),
    ("Request failed with status code 404", "{STATUS_CODE}"),
    ("timeout of 5000ms exceeded", "{DURATION}"),
    ("at 12:30:01 failed", "{TIME}"),
    ("550e8400-e29b-41d4-a716-446655440000 not found", "{UUID}"),
    ("user 42 not found", "{NUMBER}"),
]
ALONE = [
    (["status"], 0),
    (["enable"], 0),
    (["disable"], 0),
    (["level", "error"], 0),
    (["level", "loud"], 2),
    (["consent", "show"], 0),
    (["preview", "Nope"], 1),
    (["history"], 0),
    (["flush"], 0),
    (["emit", "Nope", "{}"], 1),
    (["doctor"], 0),
    (["reset", "--yes"], 0),
    (["catalog", "check"], 0),
    (["catalog", "docs"], 0),
    (["catalog", "typescript"], 0),
    (["catalog", "json-schema"], 0),
    (["bogus"], 2),
]


def scrubbed(*texts: str, op: str = "scrub") -> list[str]:
    lines = [
        json.dumps({"id": number, "op": op, "input": text, "context": HOME})
        for number, text in enumerate(texts)
    ]
    done = verb("scrub", stdin="\n".join(lines) + "\n")
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [set(answer) for answer in answers] == [{"id", "output"}] * len(texts)
    assert [answer["id"] for answer in answers] == list(range(len(texts)))
    return [answer["output"] for answer in answers]


def test_what_is_private_goes_and_the_rest_of_the_line_stays() -> None:
    assert scrubbed(*[text for text, _ in SCRUBBED]) == [clean for _, clean in SCRUBBED]


def test_what_is_not_private_stays() -> None:
    assert scrubbed(*KEPT) == KEPT


def test_scrubbing_twice_changes_nothing() -> None:
    once = scrubbed(*[text for text, _ in SCRUBBED], *KEPT)
    assert scrubbed(*once) == once


def test_templates_name_what_varies() -> None:
    found = scrubbed(*[text for text, _ in TEMPLATES], op="template")
    for output, (_, name) in zip(found, TEMPLATES, strict=True):
        assert name in output


def test_the_scrubber_outlives_odd_lines() -> None:
    odd = ["nonsense", "{}", "[]", '{"id":1,"op":"nope","input":"x"}', '{"id":1,"input":"\\ud800"}']
    done = verb("scrub", stdin="\n".join([*odd, '{"id":2,"op":"scrub","input":"ok"}', ""]))
    assert json.loads(done.stdout.splitlines()[-1]) == {"id": 2, "output": "ok"}


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory without a daemon."""
    return tmp_path_factory.mktemp("nowhere") / "data"


@pytest.mark.parametrize(("words", "code"), ALONE)
def test_verbs_without_a_daemon_answer_json_and_a_code(
    nowhere: Path, words: list[str], code: int
) -> None:
    done = verb(*words, "--json", data=nowhere)
    assert done.returncode == code, done
    answer = json.loads(done.stdout)
    if code == 2:
        assert answer["error"]
        assert answer["hint"]


def test_disabling_without_a_daemon_empties_the_spool_and_lasts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    daemon = Daemon(data)
    daemon.emit({"event_type": "ChatTurn", "payload": {"model": "canary"}})
    daemon.stop()
    assert verb("disable", data=data).returncode == 0
    assert b"canary" not in spool_text(daemon)
    assert spool_names(daemon, ".v1.sealed") == []
    again = Daemon(data)
    level = again.status()["level"]
    again.stop()
    assert level == "off"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Collector]]:
    """A daemon that the verbs find."""
    collector = Collector()
    daemon = Daemon(
        tmp_path_factory.mktemp("verbs") / "data",
        TELEMETRY_ENDPOINT=collector.url,
        TELEMETRY_TOKEN="t",
        TELEMETRY_FLUSH_INTERVAL_S="3600",
    )
    yield daemon, collector
    daemon.process.kill()
    daemon.process.wait(10)
    collector.close()


def test_emit_pending_flush_history_through_the_daemon(
    running: tuple[Daemon, Collector],
) -> None:
    daemon, collector = running
    emitted = verb("emit", "ChatTurn", '{"model":"by-hand"}', "--json", data=daemon.data)
    assert (emitted.returncode, json.loads(emitted.stdout)["accepted"]) == (0, 1)
    pending = verb("pending", "--json", data=daemon.data)
    assert json.loads(pending.stdout)["payload"] == {"model": "by-hand"}
    flushed = verb("flush", "--json", data=daemon.data)
    assert flushed.returncode == 0
    assert {"sealed", "uploaded", "pending"} <= set(json.loads(flushed.stdout))
    sent = collector.batches[0]
    history = json.loads(verb("history", "--json", data=daemon.data).stdout)
    assert [one["batch_id"] for one in history["batches"]] == [sent.headers["idempotency-key"]]
    shown = verb("history", "--show", history["batches"][0]["batch_id"], data=daemon.data)
    assert json.loads(shown.stdout) == json.loads(gunzip_all(sent.body))


def test_a_rejected_event_is_exit_1_with_its_reason(running: tuple[Daemon, Collector]) -> None:
    done = verb("emit", "Nope", "{}", "--json", data=running[0].data)
    assert done.returncode == 1
    assert json.loads(done.stdout)["rejected"][0]["reason"] == "unknown_event"


def test_the_level_changes_in_the_running_daemon(running: tuple[Daemon, Collector]) -> None:
    daemon, _ = running
    assert verb("level", "error", data=daemon.data).returncode == 0
    assert daemon.status()["level"] == "error"
    assert verb("disable", data=daemon.data).returncode == 0
    assert daemon.status()["level"] == "off"
