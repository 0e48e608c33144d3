"""Contract 6 and 7: a file's life, and what each answer of a collector does to it."""

import email.utils
import gzip
import json
import re
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from outside_world import Collector, Daemon, Upload, chat, gunzip_all, until

Start = Callable[..., Daemon]


def spool(daemon: Daemon, end: str = "") -> list[str]:
    return sorted(p.name for p in (daemon.data / "spool").iterdir() if p.name.endswith(end))


@pytest.fixture
def sending(start: Start, collector: Collector) -> Daemon:
    return start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="tok", TELEMETRY_FLUSH_INTERVAL_S="3600")


def ours(collector: Collector) -> list[str]:
    return [e["payload"]["model"] for b in collector.batches for e in b.events if e["event_type"] == "ChatTurn"]


def test_active_then_sealed_then_gone(start: Start) -> None:
    one = start()
    one.emit(chat(model="life"))
    (active,) = spool(one, ".v1.active")
    done = subprocess.run(["zcat"], stdin=(one.data / "spool" / active).open("rb"), capture_output=True, check=False)
    print("READING zcat active", done.returncode, done.stderr)
    assert b'"life"' in done.stdout
    one.flush()
    assert spool(one, ".v1.active") == []
    (sealed,) = spool(one, ".v1.sealed")
    assert sealed.split(".")[0] == active.split(".")[0]
    done = subprocess.run(["zcat"], stdin=(one.data / "spool" / sealed).open("rb"), capture_output=True, check=True)
    assert done.stderr == b""
    (event,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert event["payload"]["model"] == "life"
    uuid.UUID(sealed.split(".")[0])


def test_the_upload_is_the_sealed_bytes_with_these_headers(start: Start, collector: Collector, tmp_path: Path) -> None:
    one = start()
    one.emit(chat(model="bytes"), chat(model="more"))
    one.flush()
    (sealed,) = spool(one, ".v1.sealed")
    content = (one.data / "spool" / sealed).read_bytes()
    one.stop()
    two = start(TELEMETRY_ENDPOINT=collector.url + "/", TELEMETRY_TOKEN="tok")
    two.flush()
    until(lambda: collector.batches, "upload")
    got = collector.batches[0]
    assert got.method == "POST"
    assert got.body == content
    assert got.headers["authorization"] == "Bearer tok"
    assert got.headers["content-encoding"] == "gzip"
    assert got.headers["content-type"] == "application/x-ndjson"
    assert got.headers["idempotency-key"] == sealed.split(".")[0]
    until(lambda: spool(two, ".v1.sealed") == [], "gone")
    text = b"".join(gunzip_all(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in (two.data / "history").iterdir())
    assert b'"bytes"' in text


def test_the_endpoint_may_have_a_path(start: Start, collector: Collector) -> None:
    one = start(TELEMETRY_ENDPOINT=collector.url + "/base", TELEMETRY_TOKEN="tok")
    one.emit(chat())
    one.flush()
    assert [u.path for u in collector.uploads if u.method == "POST"] == ["/base/api/v1/events"]


def test_without_a_token_no_authorization(start: Start, collector: Collector) -> None:
    one = start(TELEMETRY_ENDPOINT=collector.url)
    one.emit(chat())
    print("READING no token", one.flush(), [u.headers for u in collector.uploads])


@pytest.mark.parametrize("status", [200, 202])
def test_acceptance_forgets(sending: Daemon, collector: Collector, status: int) -> None:
    collector.script = [lambda got: (status, {"Content-Type": "application/json"}, {"accepted": len(got.events), "duplicates": 0, "rejected": []})]
    sending.emit(chat())
    answer = sending.flush()
    assert answer["pending"] == 0
    assert "error" not in answer or not answer["error"]
    assert spool(sending) == []


def test_duplicates_and_rejections_count_as_forgotten(sending: Daemon, collector: Collector) -> None:
    collector.script = [lambda got: (200, {"Content-Type": "application/json"}, {"accepted": 1, "duplicates": 1, "rejected": [{"event_id": got.events[2]["event_id"], "reason": "unknown_event"}]})]
    sending.emit(chat(), chat(), chat())
    assert sending.flush()["pending"] == 0
    assert spool(sending, ".v1.sealed") == []
    print("READING rejected by collector", sending.status()["tally"], sending.status()["upload"])


@pytest.mark.parametrize(("status", "headers", "body"), [
    (200, {"Content-Type": "text/html"}, b"<html>please log in</html>"),
    (200, {"Content-Type": "application/json"}, {"ok": True}),
    (200, {"Content-Type": "application/json"}, {"accepted": 0, "duplicates": 0, "rejected": []}),
    (200, {"Content-Type": "application/json"}, {"accepted": 99, "duplicates": 0, "rejected": []}),
    (200, {"Content-Type": "application/json"}, {"accepted": "1", "duplicates": 0, "rejected": []}),
    (200, {"Content-Type": "application/json"}, {"accepted": True, "duplicates": 0, "rejected": []}),
    (200, {"Content-Type": "application/json"}, {"accepted": 1, "duplicates": 0, "rejected": 0}),
    (200, {"Content-Type": "application/json"}, {"accepted": 1}),
    (200, {"Content-Type": "application/json"}, {"accepted": 2, "duplicates": -1, "rejected": []}),
    (200, {}, b""),
    (204, {}, b""),
    (201, {"Content-Type": "application/json"}, {"accepted": 1, "duplicates": 0, "rejected": []}),
    (206, {"Content-Type": "application/json"}, {"accepted": 1, "duplicates": 0, "rejected": []}),
])
def test_any_other_2xx_keeps_the_batch(sending: Daemon, collector: Collector, status: int, headers: dict[str, str], body: Any) -> None:
    collector.script = [(status, headers, body)]
    sending.emit(chat())
    answer = sending.flush()
    assert answer["pending"] == 1
    assert answer["error"]
    assert len(spool(sending, ".v1.sealed")) == 1
    print("READING portal", sending.status()["upload"]["state"], answer)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 507, 599])
def test_transient_answers_back_off(sending: Daemon, collector: Collector, status: int) -> None:
    collector.script = [(status, {}, b"no")]
    sending.emit(chat())
    answer = sending.flush()
    assert answer["pending"] == 1
    assert len(spool(sending, ".v1.sealed")) == 1
    count = len(collector.batches)
    time.sleep(0.3)
    assert len(collector.batches) == count == 1
    print("READING backoff", sending.status()["upload"])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(start: Start, collector: Collector, status: int, form: str) -> None:
    collector.script = [(status, {"Retry-After": "2" if form == "seconds" else email.utils.formatdate(time.time() + 3, usegmt=True)}, b"")]
    one = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="tok", TELEMETRY_FLUSH_INTERVAL_S="0.1")
    one.emit(chat())
    until(lambda: collector.batches, "first")
    one.emit(chat())
    until(lambda: len(collector.batches) > 1, "second", 8)
    took = collector.batches[1].at - collector.batches[0].at
    print("READING retry", took)
    assert 1.8 < took < 5


def test_retry_after_is_capped_at_a_day(sending: Daemon, collector: Collector) -> None:
    collector.script = [(429, {"Retry-After": "99999999"}, b"")]
    sending.emit(chat())
    sending.flush()
    print("READING retry cap", sending.status()["upload"])


def test_flush_during_retry_after(sending: Daemon, collector: Collector) -> None:
    collector.script = [(429, {"Retry-After": "60"}, b"")]
    sending.emit(chat())
    sending.flush()
    answer = sending.flush()
    print("READING flush during retry-after", len(collector.batches), answer)


@pytest.mark.parametrize("status", [429])
def test_429_without_retry_after(sending: Daemon, collector: Collector, status: int) -> None:
    collector.script = [(status, {}, b"")]
    sending.emit(chat())
    print("READING 429 bare", sending.flush(), sending.status()["upload"])
    assert len(spool(sending, ".v1.sealed")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_tokens_pause(sending: Daemon, collector: Collector, status: int) -> None:
    collector.script = [(status, {}, b"")] * 5
    sending.emit(chat())
    answer = sending.flush()
    assert answer["pending"] == 1
    upload = sending.status()["upload"]
    print("READING 401", answer, upload)
    assert "pause" in json.dumps(upload) or "token" in json.dumps(upload)


def test_a_new_token_over_stdio_resumes(start: Start, collector: Collector) -> None:
    one = start("--stdio", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="old", TELEMETRY_FLUSH_INTERVAL_S="0.2")
    collector.script = [(401, {}, b"")]
    one.emit(chat(model="resumed"))
    until(lambda: collector.batches, "refused")
    time.sleep(0.5)
    assert len(collector.batches) == 1
    one.ask({"op": "set", "id": 1, "secrets": {"collector_token": "new"}})
    until(lambda: len(collector.batches) > 1, "sent with the new token", 5)
    assert collector.batches[1].headers["authorization"] == "Bearer new"
    until(lambda: spool(one, ".v1.sealed") == [], "forgotten")


def test_413_halves(sending: Daemon, collector: Collector) -> None:
    collector.script = [lambda got: (413, {}, b"") if len(got.events) > 2 else None] * 20
    sending.emit(*[chat(model=f"h{n}") for n in range(8)])
    answer = sending.flush()
    print("READING 413", answer, [len(b.events) for b in collector.batches])
    until(lambda: spool(sending, ".v1.sealed") == [], "all halves sent")
    sizes = [len(b.events) for b in collector.batches]
    assert sizes[0] == 8
    assert sizes[1] == 4
    accepted = sorted(e["payload"]["model"] for b in collector.batches if len(b.events) <= 2 for e in b.events)
    assert accepted == [f"h{n}" for n in range(8)]
    keys = [b.headers["idempotency-key"] for b in collector.batches]
    assert len(set(keys)) == len(keys)


def test_413_for_one_event_is_quarantined(sending: Daemon, collector: Collector) -> None:
    collector.script = [(413, {}, b"")] * 20
    sending.emit(chat())
    print("READING 413 one", sending.flush(), spool(sending))
    assert len(spool(sending, ".v1.quarantined")) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 415, 422, 431, 451])
def test_other_4xx_quarantine_with_the_reason(sending: Daemon, collector: Collector, status: int) -> None:
    collector.script = [(status, {"Content-Type": "application/json"}, {"error": "the-answer"})]
    sending.emit(chat())
    sending.flush()
    assert spool(sending, ".v1.sealed") == []
    (name,) = spool(sending, ".v1.quarantined")
    (reason,) = spool(sending, ".reason.json")
    assert reason.split(".")[0] == name.split(".")[0]
    text = (sending.data / "spool" / reason).read_text()
    print("READING reason file", name, reason, text)
    assert str(status) in text
    json.loads(text)
    assert sending.status()["spool"]["quarantined"]
    sending.emit(chat(model="next"))
    assert sending.flush()["pending"] == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_another_origin_are_not_followed(sending: Daemon, collector: Collector, status: int) -> None:
    other = Collector()
    try:
        collector.script = [(status, {"Location": other.url + "/api/v1/events"}, b"")]
        sending.emit(chat())
        answer = sending.flush()
        assert other.uploads == []
        print("READING redirect", answer, spool(sending))
        assert len(spool(sending, ".v1.sealed")) == 1
    finally:
        other.close()


@pytest.mark.parametrize("status", [302, 307, 308])
def test_redirects_within_the_origin(sending: Daemon, collector: Collector, status: int) -> None:
    collector.script = [(status, {"Location": "/elsewhere"}, b"")]
    sending.emit(chat())
    print("READING same-origin redirect", status, sending.flush(), [(u.method, u.path) for u in collector.uploads], spool(sending))


def test_a_broken_connection_keeps(sending: Daemon, collector: Collector) -> None:
    collector.script = [(0, {}, b"")]
    sending.emit(chat())
    answer = sending.flush()
    print("READING broken", answer)
    assert answer["pending"] == 1
    assert len(spool(sending, ".v1.sealed")) == 1


def test_flush_tries_at_once_even_in_back_off(sending: Daemon, collector: Collector) -> None:
    collector.script = [(500, {}, b"")]
    sending.emit(chat())
    assert sending.flush()["pending"] == 1
    answer = sending.flush()
    print("READING flush in back-off", answer)
    assert answer["pending"] == 0


def test_unverified_tls_is_not_spoken(start: Start, tmp_path: Path) -> None:
    import trustme

    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = Collector()
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.port}"
    one = start(TELEMETRY_ENDPOINT=url, TELEMETRY_TOKEN="tok")
    one.emit(chat(model="secret"))
    answer = one.flush()
    assert answer["pending"] >= 1
    print("READING tls", answer)
    assert server.uploads == []
    one.stop()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    two = start(TELEMETRY_ENDPOINT=url, TELEMETRY_TOKEN="tok", TELEMETRY_CA_FILE=str(tmp_path / "ca.pem"))
    assert two.flush()["pending"] == 0
    assert "secret" in ours(server)
    server.close()


def test_a_proxy_is_used(start: Start, collector: Collector) -> None:
    one = start(TELEMETRY_ENDPOINT="http://collector.example", TELEMETRY_ALLOW_INSECURE="1", TELEMETRY_PROXY=collector.url, TELEMETRY_TOKEN="t")
    one.emit(chat())
    print("READING proxy", one.flush(), [u.path for u in collector.uploads])
    assert [u.path for u in collector.uploads] == ["http://collector.example/api/v1/events"]


def test_a_torn_tail_is_cut_back(start: Start) -> None:
    one = start()
    one.emit(chat(model="first"))
    one.emit(chat(model="second"))
    one.process.kill()
    one.wait()
    (active,) = spool(one, ".v1.active")
    path = one.data / "spool" / active
    data = path.read_bytes().rstrip(b"\x00")
    path.write_bytes(data[:-7])
    two = start()
    two.flush()
    text = b"".join(gunzip_all((two.data / "spool" / n).read_bytes()) for n in spool(two, ".v1.sealed"))
    assert b'"first"' in text
    assert b'"second"' not in text


def test_a_garbage_tail_is_cut(start: Start) -> None:
    one = start()
    one.emit(chat(model="first"))
    one.process.kill()
    one.wait()
    (active,) = spool(one, ".v1.active")
    path = one.data / "spool" / active
    path.write_bytes(path.read_bytes().rstrip(b"\x00") + b"garbage" * 50)
    two = start()
    two.flush()
    for name in spool(two, ".v1.sealed"):
        done = subprocess.run(["zcat"], stdin=(two.data / "spool" / name).open("rb"), capture_output=True, check=False)
        assert done.returncode == 0
    assert b"first" in b"".join(gunzip_all((two.data / "spool" / n).read_bytes()) for n in spool(two, ".v1.sealed"))


def test_a_broken_sealed_file_is_quarantined_or_cut(start: Start, collector: Collector) -> None:
    one = start()
    one.emit(chat(model="first"))
    one.flush()
    one.stop()
    (sealed,) = spool(one, ".v1.sealed")
    path = one.data / "spool" / sealed
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    two = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t")
    print("READING broken sealed", two.flush(), spool(two), [b.body[:20] for b in collector.batches])


def test_sealed_at_10000_events(start: Start) -> None:
    one = start(TELEMETRY_FLUSH_INTERVAL_S="3600")
    for _ in range(11):
        one.emit(*[chat() for _ in range(1000)])
    assert len(spool(one, ".v1.sealed")) == 1
    text = gunzip_all((one.data / "spool" / spool(one, ".v1.sealed")[0]).read_bytes())
    assert text.count(b"\n") == 10000


def test_sealed_at_the_flush_interval(start: Start) -> None:
    one = start(TELEMETRY_FLUSH_INTERVAL_S="0.5")
    one.emit(chat())
    until(lambda: len(spool(one, ".v1.sealed")) == 1, "sealed", 3)


def test_quota_and_the_client_report(start: Start, collector: Collector) -> None:
    one = start(TELEMETRY_SPOOL_MAX_BYTES="65536", TELEMETRY_FLUSH_INTERVAL_S="3600")
    crash = {"event_type": "Crash", "payload": {"process": "gpu", "reason": "keep-me", "exit_code": 1}}
    one.emit(crash)
    one.flush()
    for n in range(60):
        one.emit(*[{**chat(model=f"m-{n}-{uuid.uuid4()}"), "event_id": str(uuid.uuid4())} for _ in range(50)])
        one.flush()
    size = sum(p.stat().st_size for p in (one.data / "spool").iterdir())
    status = one.status()
    print("READING quota", size, status["spool"], status["tally"])
    assert size <= 65536 * 1.1
    text = b"".join(gunzip_all((one.data / "spool" / n).read_bytes()) for n in spool(one) if ".v1." in n)
    assert b"keep-me" in text
    assert b"m-59-" in text
    assert b"m-0-" not in text
    one.stop()
    two = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t", TELEMETRY_SPOOL_MAX_BYTES="65536", TELEMETRY_FLUSH_INTERVAL_S="0.5")
    two.flush()
    until(lambda: [e for b in collector.batches for e in b.events if e["event_type"] == "ClientReport"], "a report", 10)
    reports = [e["payload"] for b in collector.batches for e in b.events if e["event_type"] == "ClientReport"]
    print("READING report", reports)
    sent = len(ours(collector))
    dropped = sum(v for r in reports for k, v in r.get("dropped", {}).items() if isinstance(v, int))
    print("READING sent", sent, "dropped", dropped)


def test_do_not_send_after_lowering(start: Start, collector: Collector) -> None:
    one = start()
    one.emit(chat(model="lowered"))
    one.flush()
    one.stop()
    two = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="t", TELEMETRY_LEVEL="crash")
    two.flush()
    two.stop()
    assert ours(collector) == []
    assert spool(two, ".v1.sealed") == []


def test_an_upload_in_flight_is_aborted_by_off(start: Start) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(5)
        one = start(TELEMETRY_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}", TELEMETRY_TOKEN="t", TELEMETRY_FLUSH_INTERVAL_S="0.1")
        one.emit(chat())
        peer, _ = silent.accept()
        peer.settimeout(5)
        peer.recv(10)
        began = time.monotonic()
        one.http("PATCH", "/v1/settings", {"enabled": False})
        try:
            while peer.recv(65536):
                pass
        except ConnectionResetError:
            pass
        took = time.monotonic() - began
        print("READING abort", took)
        assert took < 1
        peer.close()


def test_reset_sends_one_deletion_request(start: Start, collector: Collector) -> None:
    one = start(TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="tok")
    one.emit(chat(model="sent"))
    one.flush()
    one.emit(chat(model="unsent"))
    old = one.status()["user_id"]
    collector.script = [(500, {}, b""), (202, {"Content-Type": "application/json"}, {"receipt": "r-1"})]
    status, answer, _ = one.http("POST", "/v1/reset")
    print("READING reset", status, answer)
    asked = until(lambda: [u for u in collector.uploads if u.path == "/api/v1/deletion"], "asked")
    assert json.loads(asked[0].body) == {"user_ids": [old]}
    assert asked[0].headers["authorization"] == "Bearer tok"
    assert spool(one) == []
    assert one.status()["level"] == "off"
    assert one.status()["user_id"] != old
    assert not [p for p in (one.data / "history").iterdir() if p.is_file()]
    assert any((one.data / "deletion").iterdir())
    one.http("POST", "/v1/reset")
    assert ours(collector) == ["sent"]
    one.flush()
    time.sleep(0.2)
    print("READING deletion tries", [(u.path, u.body[:100]) for u in collector.uploads if "deletion" in u.path], one.status()["deletion"])


def test_deletion_covers_every_id_ever_used(start: Start, collector: Collector) -> None:
    start(TELEMETRY_USER_ID="id-one").emit(chat())
    first = start()
    first.stop()
    second = start(TELEMETRY_USER_ID="id-two", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_TOKEN="tok")
    second.emit(chat())
    second.http("POST", "/v1/reset")
    asked = until(lambda: [u for u in collector.uploads if u.path == "/api/v1/deletion"], "asked")
    print("READING ids", asked[0].body)
    assert {"id-one", "id-two"} <= set(json.loads(asked[0].body)["user_ids"])
