"""Contract 6 and 7: a file's life, and what each answer of a collector does to it."""

import contextlib
import email.utils
import json
import socket
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from contract.blackbox.outside_world import (
    Collector,
    Daemon,
    Upload,
    chat,
    gunzip_all,
    spool_names,
    spool_text,
    until,
)

Start = Callable[..., Daemon]
JSON = {"Content-Type": "application/json"}
Reply = tuple[int, dict[str, str], Any]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Collector]]:
    """A daemon and its scripted collector, for every answer that a flush gets over."""
    collector = Collector()
    daemon = Daemon(
        tmp_path_factory.mktemp("upload") / "data",
        TELEMETRY_ENDPOINT=collector.url,
        TELEMETRY_TOKEN="tok",
        TELEMETRY_FLUSH_INTERVAL_S="3600",
    )
    yield daemon, collector
    daemon.process.kill()
    daemon.process.wait(10)
    collector.close()


@pytest.fixture
def sending(pair: tuple[Daemon, Collector]) -> Iterator[tuple[Daemon, Collector]]:
    """The pair with nothing pending, before and after."""
    daemon, collector = pair
    collector.uploads.clear()
    yield pair
    collector.script = []
    assert daemon.flush()["pending"] == 0
    for path in (daemon.data / "spool").iterdir():
        path.unlink()


def start_sending(start: Start, collector: Collector, *flags: str, **env: str) -> Daemon:
    return start(*flags, TELEMETRY_ENDPOINT=collector.url, **{"TELEMETRY_TOKEN": "tok", **env})


def test_active_then_sealed_then_gone(start: Start, collector: Collector) -> None:
    one = start()
    one.emit(chat(model="life"))
    (active,) = spool_names(one, ".v1.active")
    with (one.data / "spool" / active).open("rb") as file:
        read = subprocess.run(["zcat"], stdin=file, capture_output=True, check=False)
    assert json.loads(read.stdout)["payload"]["model"] == "life"
    one.flush()
    (sealed,) = spool_names(one)
    assert sealed == active.replace(".active", ".sealed")
    content = (one.data / "spool" / sealed).read_bytes()
    read = subprocess.run(["zcat"], input=content, capture_output=True, check=True)
    assert read.stderr == b""
    assert json.loads(read.stdout)["payload"]["model"] == "life"
    one.stop()
    two = start_sending(start, collector)
    two.flush()
    (got,) = until(lambda: collector.batches, "an upload")
    assert (got.method, got.path, got.body) == ("POST", "/api/v1/events", content)
    assert got.headers["authorization"] == "Bearer tok"
    assert got.headers["content-encoding"] == "gzip"
    assert got.headers["content-type"] == "application/x-ndjson"
    assert got.headers["idempotency-key"] == sealed.split(".")[0]
    until(lambda: not spool_names(two), "gone")
    history = [gunzip_all(path.read_bytes()) for path in (two.data / "history").iterdir()]
    assert b'"life"' in b"".join(history)


@pytest.mark.parametrize("status", [200, 202])
def test_an_answer_that_accounts_for_all_forgets_the_batch(
    sending: tuple[Daemon, Collector], status: int
) -> None:
    daemon, collector = sending

    def answer(got: Upload) -> Reply:
        third = {"event_id": got.events[2]["event_id"], "reason": "unknown_event"}
        return status, JSON, {"accepted": 1, "duplicates": 1, "rejected": [third]}

    collector.script = [answer]
    daemon.emit(chat(), chat(), chat())
    assert daemon.flush()["pending"] == 0
    assert not spool_names(daemon, ".v1.sealed")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>please log in</html>"),
        (200, JSON, {"ok": True}),
        (200, JSON, {"accepted": 0, "duplicates": 0, "rejected": []}),
        (200, JSON, {"accepted": 99, "duplicates": 0, "rejected": []}),
        (200, JSON, {"accepted": "1", "duplicates": 0, "rejected": []}),
        (200, JSON, {"accepted": 2, "duplicates": -1, "rejected": []}),
        (200, {}, b""),
        (204, {}, b""),
        (201, JSON, {"accepted": 1, "duplicates": 0, "rejected": []}),
        *[(status, {}, b"no") for status in (408, 425, 429, 500, 502, 503, 504)],
        *[(status, {}, b"no") for status in (401, 403)],
        (0, {}, b""),
    ],
)
def test_these_answers_keep_the_batch(
    sending: tuple[Daemon, Collector], status: int, headers: dict[str, str], body: Any
) -> None:
    daemon, collector = sending
    collector.script = [(status, headers, body)]
    if status == 0:
        collector.script *= 3
    daemon.emit(chat(model="kept"))
    answer = daemon.flush()
    assert answer["pending"] >= 1
    assert answer["error"]
    assert b'"kept"' in spool_text(daemon)
    assert daemon.status()["upload"]["last_error"]


@pytest.mark.parametrize("status", [400, 404, 409, 415, 422])
def test_other_4xx_quarantine_the_batch_with_the_reason(
    sending: tuple[Daemon, Collector], status: int
) -> None:
    daemon, collector = sending
    collector.script = [(status, JSON, {"error": "the-answer"})]
    daemon.emit(chat())
    assert daemon.flush()["pending"] == 0
    (quarantined,) = spool_names(daemon, ".v1.quarantined")
    (reason,) = spool_names(daemon, ".reason.json")
    assert reason.split(".")[0] == quarantined.split(".")[0]
    text = (daemon.data / "spool" / reason).read_text()
    assert isinstance(json.loads(text), dict)
    assert str(status) in text


def test_413_halves_until_it_fits(sending: tuple[Daemon, Collector]) -> None:
    daemon, collector = sending
    collector.script = [lambda got: (413, {}, b"") if len(got.events) > 2 else None] * 20
    daemon.emit(*[chat(model=f"h{n}") for n in range(8)])
    until(lambda: daemon.flush()["pending"] == 0, "all sent")
    batches = [b for b in collector.batches if b.events[0]["event_type"] == "ChatTurn"]
    assert [len(b.events) for b in batches[:2]] == [8, 4]
    taken = [e["payload"]["model"] for b in batches if len(b.events) <= 2 for e in b.events]
    assert sorted(taken) == [f"h{n}" for n in range(8)]
    keys = {b.headers["idempotency-key"] for b in batches}
    assert len(keys) == len(batches)


def test_413_for_a_single_event_quarantines_it(sending: tuple[Daemon, Collector]) -> None:
    daemon, collector = sending
    collector.script = [(413, {}, b"")]
    daemon.emit(chat())
    assert daemon.flush()["pending"] == 0
    assert len(spool_names(daemon, ".v1.quarantined")) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_origin_is_not_followed(
    sending: tuple[Daemon, Collector], status: int
) -> None:
    daemon, collector = sending
    other = Collector()
    collector.script = [(status, {"Location": f"{other.url}/api/v1/events"}, b"")]
    daemon.emit(chat())
    answer = daemon.flush()
    other.close()
    assert answer["pending"] >= 1
    assert other.uploads == []


@pytest.mark.parametrize(("status", "is_date"), [(429, False), (503, True)])
def test_retry_after_is_waited_for(
    start: Start, collector: Collector, status: int, is_date: bool
) -> None:
    until_then = email.utils.formatdate(time.time() + 2, usegmt=True)
    collector.script = [(status, {"Retry-After": until_then if is_date else "1"}, b"")]
    daemon = start_sending(start, collector, TELEMETRY_FLUSH_INTERVAL_S="0.1")
    daemon.emit(chat())
    until(lambda: len(collector.batches) > 1, "the second try", 10)
    assert collector.batches[1].at - collector.batches[0].at > 0.9


def test_retry_after_is_a_day_at_most(start: Start, collector: Collector) -> None:
    collector.script = [(429, {"Retry-After": "99999999"}, b"")]
    daemon = start_sending(start, collector)
    daemon.emit(chat())
    daemon.flush()
    upload = daemon.status()["upload"]
    assert upload["next_attempt_at"][:10] > upload["since"][:10]
    assert upload["next_attempt_at"][:13] <= time.strftime(
        "%Y-%m-%dT%H", time.gmtime(time.time() + 86_400)
    )


def test_a_new_token_over_stdio_ends_the_pause(start: Start, collector: Collector) -> None:
    daemon = start("--stdio", TELEMETRY_ENDPOINT=collector.url, TELEMETRY_FLUSH_INTERVAL_S="0.2")
    daemon.ask({"op": "set", "id": 1, "secrets": {"collector_token": "old"}})
    collector.script = [(401, {}, b"")]
    daemon.emit(chat())
    until(lambda: collector.batches, "refused")
    daemon.ask({"op": "set", "id": 2, "secrets": {"collector_token": "new"}})
    until(lambda: len(collector.batches) > 1, "sent", 5)
    said = [batch.headers["authorization"] for batch in collector.batches]
    assert said == ["Bearer old", "Bearer new"]


def test_only_a_trusted_certificate_is_spoken_to(start: Start, tmp_path: Path) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server = Collector()
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    endpoint = f"https://127.0.0.1:{server.port}"
    one = start(TELEMETRY_ENDPOINT=endpoint, TELEMETRY_TOKEN="t")
    one.emit(chat())
    assert one.flush()["pending"] == 1
    assert server.uploads == []
    one.stop()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    two = start(
        TELEMETRY_ENDPOINT=endpoint,
        TELEMETRY_TOKEN="t",
        TELEMETRY_CA_FILE=str(tmp_path / "ca.pem"),
    )
    assert two.flush()["pending"] == 0
    server.close()


def test_a_proxy_is_asked(start: Start, collector: Collector) -> None:
    daemon = start(
        TELEMETRY_ENDPOINT="http://collector.example",
        TELEMETRY_ALLOW_INSECURE="1",
        TELEMETRY_PROXY=collector.url,
    )
    daemon.emit(chat())
    daemon.flush()
    assert collector.uploads[0].path == "http://collector.example/api/v1/events"


def test_a_torn_tail_is_cut_back_to_the_last_commit(start: Start) -> None:
    one = start()
    one.emit(chat(model="first"))
    one.emit(chat(model="second"))
    one.process.kill()
    one.wait()
    (active,) = spool_names(one, ".v1.active")
    path = one.data / "spool" / active
    path.write_bytes(path.read_bytes().rstrip(b"\0")[:-7])
    two = start()
    two.flush()
    assert b'"first"' in spool_text(two)
    assert b'"second"' not in spool_text(two)
    for name in spool_names(two, ".v1.sealed"):
        subprocess.run(["gzip", "-t", "-S", ".sealed", two.data / "spool" / name], check=True)


def test_a_segment_is_sealed_at_10000_events(start: Start) -> None:
    daemon = start(TELEMETRY_FLUSH_INTERVAL_S="3600")
    for _ in range(11):
        daemon.emit(*[chat()] * 1000)
    (sealed,) = spool_names(daemon, ".v1.sealed")
    assert gunzip_all((daemon.data / "spool" / sealed).read_bytes()).count(b"\n") == 10_000


def test_the_flush_interval_seals_and_uploads(start: Start, collector: Collector) -> None:
    daemon = start_sending(start, collector, TELEMETRY_FLUSH_INTERVAL_S="0.2")
    daemon.emit(chat())
    until(lambda: collector.batches and not spool_names(daemon, ".v1.sealed"), "sent", 5)


def test_over_quota_the_oldest_of_the_lowest_level_go_and_are_reported(
    start: Start, collector: Collector
) -> None:
    settings = {"TELEMETRY_SPOOL_MAX_BYTES": "65536", "TELEMETRY_FLUSH_INTERVAL_S": "3600"}
    one = start(**settings)
    one.emit({"event_type": "Crash", "payload": {"process": "gpu", "reason": "keep-me"}})
    one.flush()
    for n in range(8):
        one.emit(*[{**chat(model=f"m-{n}-"), "event_id": str(uuid.uuid4())} for _ in range(400)])
        one.flush()
    assert sum(path.stat().st_size for path in (one.data / "spool").iterdir()) <= 65_536
    text = spool_text(one)
    assert b"keep-me" in text
    assert b"m-7-" in text
    assert b"m-0-" not in text
    one.stop()
    start_sending(start, collector, **settings).flush()
    events = [event for batch in collector.batches for event in batch.events]
    reports = [event["payload"] for event in events if event["event_type"] == "ClientReport"]
    assert sum(sum(report["dropped"].values()) for report in reports) >= 400


def test_switching_off_aborts_the_upload_in_flight(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        daemon = start(
            TELEMETRY_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
            TELEMETRY_FLUSH_INTERVAL_S="0.1",
        )
        daemon.emit(chat())
        peer, _ = silent.accept()
        with peer:
            peer.settimeout(5)
            peer.recv(10)
            daemon.http("PATCH", "/v1/settings", {"enabled": False})
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(65_536):
                    pass
    assert spool_names(daemon) == []


def test_what_was_sealed_before_a_lowering_is_not_sent_after_it(
    start: Start, collector: Collector
) -> None:
    one = start()
    one.emit(chat())
    one.stop()
    two = start_sending(start, collector, TELEMETRY_LEVEL="crash")
    two.flush()
    two.stop()
    assert collector.batches == []
    assert spool_names(two) == []


def test_reset_asks_for_the_deletion_of_every_id(start: Start, collector: Collector) -> None:
    first = start_sending(start, collector, TELEMETRY_USER_ID="id-one")
    first.emit(chat())
    first.stop()
    second = start_sending(start, collector, TELEMETRY_USER_ID="id-two")
    second.emit(chat(model="unsent"))
    collector.script = [(202, JSON, {"receipt": "r-1"})]
    second.http("POST", "/v1/reset")

    def asked() -> list[Upload]:
        return [one for one in collector.uploads if one.path == "/api/v1/deletion"]

    until(asked, "asked")
    for request in asked():
        assert {"id-one", "id-two"} <= set(json.loads(request.body)["user_ids"])
        assert request.headers["authorization"] == "Bearer tok"
    assert second.status()["level"] == "off"
    assert b"unsent" not in b"".join(gunzip_all(batch.body) for batch in collector.batches)
    assert not any((second.data / "history").iterdir())
