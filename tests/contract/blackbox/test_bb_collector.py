"""Contract 8: the collector as a client, an operator and a daemon see it."""

import gzip
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.blackbox.outside_world import (
    CHAT,
    SIDESPOOL,
    Daemon,
    chat,
    plain_environment,
    request,
    until,
    verb,
)

JSON = "application/json"
NDJSON = "application/x-ndjson"


def event(**changed: Any) -> dict[str, Any]:
    """A stored event, as a daemon sends it."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "ChatTurn",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "session_id": str(uuid.uuid4()),
        "user_id": "user-1",
        "app_id": "app",
        "app_version": "1.0",
        "os": "linux",
        "seq": 1,
        "payload": dict(CHAT),
        **changed,
    }


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


class Served:
    """A running `sidespool collector serve`."""

    def __init__(self, place: Path, **env: str) -> None:
        self.env = {
            "COLLECTOR_STORE": f"sqlite:///{place}/c.db",
            "COLLECTOR_TOKENS_FILE": str(place / "tokens.json"),
            **env,
        }
        self.tokens = {role: self._token(role) for role in ("ingest", "read", "admin")}
        self.process = subprocess.Popen(
            [SIDESPOOL, "collector", "serve", "--listen", "127.0.0.1:0", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=plain_environment(**self.env),
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def _token(self, role: str) -> str:
        words = ("collector", "token", "create", "--name", role, "--role", role, "--json")
        return str(json.loads(verb(*words, settings=self.env).stdout)["token"])

    def ask(
        self, method: str, path: str, role: str | None, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        sent = {"Host": f"127.0.0.1:{self.port}"}
        if role:
            sent["Authorization"] = f"Bearer {self.tokens.get(role, role)}"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return request(self.port, method, path, body, sent)

    def post(self, body: bytes, kind: str = NDJSON, **headers: str) -> tuple[int, Any]:
        return self.ask("POST", "/api/v1/events", "ingest", body, Content_Type=kind, **headers)[:2]

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(15)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = Served(tmp_path_factory.mktemp("collector"))
    yield one
    one.end()


def counts(accepted: int, duplicates: int = 0) -> tuple[int, dict[str, Any]]:
    return 200, {"accepted": accepted, "duplicates": duplicates, "rejected": []}


def test_ndjson_and_arrays_are_taken_plain_and_gzipped(served: Served) -> None:
    packed = {"Content_Encoding": "gzip"}
    two_members = gzip.compress(lines(event())) + gzip.compress(lines(event()))
    assert served.post(lines(event(), event())) == counts(2)
    assert served.post(gzip.compress(lines(event())), **packed) == counts(1)
    assert served.post(two_members, **packed) == counts(2)
    assert served.post(json.dumps([event(), event()]).encode(), JSON) == counts(2)
    assert served.post(gzip.compress(json.dumps([event()]).encode()), JSON, **packed) == counts(1)


def test_an_event_id_counts_once(served: Served) -> None:
    one, two = event(), event()
    assert served.post(lines(one)) == counts(1)
    assert served.post(lines(one, two, two)) == counts(1, 2)


def test_an_idempotency_key_counts_once(served: Served) -> None:
    key = str(uuid.uuid4())
    body = lines(event(), event())
    assert served.post(body, Idempotency_Key=key) == counts(2)
    assert served.post(body, Idempotency_Key=key) == counts(0, 2)


def test_bad_events_are_rejected_one_by_one(served: Served) -> None:
    bad = event(event_type="Nope")
    status, answer = served.post(lines(event(), bad, event()) + b"{bad\n")
    assert (status, answer["accepted"], answer["duplicates"]) == (200, 2, 0)
    assert [set(one) for one in answer["rejected"]] == [{"event_id", "reason"}] * 2
    assert answer["rejected"][0] == {"event_id": bad["event_id"], "reason": "unknown_event"}


def test_bodies_that_cannot_be_read_are_refused(served: Served) -> None:
    assert served.post(lines(event()), "text/plain")[0] == 415
    assert served.post(b"x", Content_Encoding="br")[0] == 415
    assert served.post(b"x", Content_Encoding="gzip")[0] == 400
    assert served.post(b"{", JSON)[0] == 400
    bomb = gzip.compress(b" " * (128 * 2**20))
    assert served.post(bomb, Content_Encoding="gzip")[0] == 413


def test_roles_open_their_own_doors(served: Served) -> None:
    body = lines(event())
    expected = {None: 401, "wrong": 401, "read": 403, "ingest": 200, "admin": 200}
    for role, status in expected.items():
        got = served.ask("POST", "/api/v1/events", role, body, Content_Type=NDJSON)[0]
        assert (role, got) == (role, status)
    for path in ("/api/v1/export?format=jsonl", "/api/v1/metrics/sessions", "/"):
        assert served.ask("GET", path, "ingest")[0] == 403
        assert served.ask("GET", path, "read")[0] == 200
        assert served.ask("GET", path, None)[0] in (401, 303)


def test_health_and_the_api_s_own_description_are_open(served: Served) -> None:
    assert served.ask("GET", "/api/v1/health", None)[0] == 200
    paths = served.ask("GET", "/api/v1/openapi.json", None)[1]["paths"]
    assert {
        "/api/v1/events",
        "/api/v1/attachments/{event_id}",
        "/api/v1/health",
        "/api/v1/deletion",
        "/api/v1/deletion/{receipt}",
        "/api/v1/export",
        "/api/v1/metrics/{name}",
    } <= set(paths)


def test_prometheus_reads_metrics(served: Served) -> None:
    status, text, headers = served.ask("GET", "/metrics", "read")
    assert status == 200
    assert b"# TYPE " in text
    assert headers["content-type"].startswith("text/plain")


def test_export_gives_lines_tables_and_a_database(served: Served) -> None:
    one = event(event_type="ToolCall", payload={"tool_name": "exported"})
    served.post(lines(one))
    query = "event_type=ToolCall&from=2020-01-01"
    answers = {
        kind: served.ask("GET", f"/api/v1/export?format={kind}&{query}", "read")
        for kind in ("jsonl", "csv", "sqlite")
    }
    assert {status for status, _, _ in answers.values()} == {200}
    assert answers["jsonl"][1]["event_id"] == one["event_id"]
    assert answers["csv"][1].splitlines()[0].startswith(b"event_id,event_type,timestamp")
    assert answers["csv"][1].count(b"\n") == 2
    assert answers["sqlite"][1].startswith(b"SQLite format 3")
    assert served.ask("GET", "/api/v1/export?format=xml", "read")[0] == 400
    nothing = served.ask("GET", "/api/v1/export?format=jsonl&to=2020-01-02", "read")
    assert nothing[:2] == (200, b"")


def test_an_attachment_needs_its_event(served: Served) -> None:
    one = event()
    served.post(lines(one))
    path = f"/api/v1/attachments/{one['event_id']}"
    kind = {"Content_Type": "text/plain"}
    assert served.ask("POST", path, "ingest", b"data", **kind)[0] in (200, 201, 202)
    stranger = f"/api/v1/attachments/{uuid.uuid4()}"
    assert served.ask("POST", stranger, "ingest", b"data", **kind)[0] == 404


def test_a_deletion_is_received_erased_and_keeps_latecomers_out(served: Served) -> None:
    served.post(lines(event(user_id="goes"), event(user_id="stays")))
    status, answer, _ = served.ask(
        "POST", "/api/v1/deletion", "ingest", b'{"user_ids":["goes"]}', Content_Type=JSON
    )
    assert (status, list(answer)) == (202, ["receipt"])
    path = f"/api/v1/deletion/{answer['receipt']}"
    until(lambda: served.ask("GET", path, "ingest")[1]["state"] == "erased", "erased")
    text = served.ask("GET", "/api/v1/export?format=jsonl", "read")[1]
    assert b'"goes"' not in text
    assert b'"stays"' in text
    late = served.post(lines(event(user_id="goes")))[1]
    assert (late["accepted"], len(late["rejected"])) == (0, 1)


def test_neither_tokens_nor_addresses_are_stored(tmp_path: Path) -> None:
    one = Served(tmp_path)
    one.post(lines(event()))
    assert one.end() == 0
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"127.0.0.1" not in content
            assert not any(token.encode() in content for token in one.tokens.values())


@pytest.mark.parametrize("limit", ["COLLECTOR_RATE_PER_INSTALL", "COLLECTOR_RATE_PER_IP"])
def test_too_many_requests_are_429_with_retry_after(tmp_path: Path, limit: str) -> None:
    one = Served(tmp_path, **{limit: "5"})
    answers = [
        one.ask("POST", "/api/v1/events", "ingest", lines(event()), Content_Type=NDJSON)
        for _ in range(12)
    ]
    one.end()
    refused = [headers for status, _, headers in answers if status == 429]
    assert answers[0][0] == 200
    assert refused
    assert all(int(headers["retry-after"]) > 0 for headers in refused)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLECTOR_STORE", "mysql://x"),
        ("COLLECTOR_LISTEN", "nope"),
        ("COLLECTOR_RETENTION_DAYS", "x"),
        ("COLLECTOR_RATE_PER_IP", "x"),
    ],
)
def test_a_bad_setting_of_the_collector_is_named(name: str, value: str) -> None:
    done = verb("collector", "serve", settings={name: value})
    assert done.returncode == 2
    assert name in done.stderr


def test_a_daemon_and_a_collector_understand_each_other(served: Served, tmp_path: Path) -> None:
    daemon = Daemon(
        tmp_path / "data",
        TELEMETRY_ENDPOINT=served.url,
        TELEMETRY_TOKEN=served.tokens["ingest"],
        TELEMETRY_USER_ID="whole-way",
    )
    daemon.emit(chat(), chat())
    answer = daemon.flush()
    until(lambda: daemon.flush()["pending"] == 0, f"sent, {answer}")
    text = served.ask("GET", "/api/v1/export?format=jsonl", "read")[1]
    assert text.count(b'"whole-way"') == 2
    daemon.http("POST", "/v1/reset")

    def is_gone() -> bool:
        left = served.ask("GET", "/api/v1/export?format=jsonl", "read")[1]
        return b'"whole-way"' not in left

    until(is_gone, "erased at the collector")
    assert daemon.stop() == 0


def test_operators_verbs_answer_json(served: Served) -> None:
    for words in (["stats"], ["token", "list"], ["purge", "--dry-run"]):
        done = verb("collector", *words, "--json", settings=served.env)
        assert done.returncode == 0
        json.loads(done.stdout)
