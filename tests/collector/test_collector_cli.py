"""The operator's verbs: what they print, what they return, and a real process to its end."""

import asyncio
import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from sidespool_collector.cli import collector
from support.collector_world import NOON_MS, event, lines

SERVE = [sys.executable, "-m", "sidespool_collector.cli", "serve", "--json"]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    given = {
        "COLLECTOR_STORE": f"sqlite:///{tmp_path / 'c.db'}",
        "COLLECTOR_LISTEN": "127.0.0.1:0",
        "COLLECTOR_RETENTION_DAYS": "3650",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **given}


def call(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(collector, list(words))
    assert result.exit_code == code, result.output
    return result


def call_json(*words: str, code: int = 0) -> Any:
    return json.loads(call(*words, "--json", code=code).stdout)


class Process:
    """A serving collector."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.child = child
        assert child.stdout is not None
        self.line = json.loads(child.stdout.readline())
        self.url = self.line["url"]

    def end(self, number: int) -> int:
        self.child.send_signal(number)
        return self.child.wait(20)


@contextmanager
def serving(environment: dict[str, str], *words: str) -> Iterator[Process]:
    child = subprocess.Popen([*SERVE, *words], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield Process(child)
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


async def send(url: str, token: str, body: bytes, key: str) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {token}", "Content-Encoding": "gzip", "Idempotency-Key": key,
        "Content-Type": "application/x-ndjson",
    }  # fmt: skip
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/api/v1/events", data=gzip.compress(body), headers=headers) as got,
    ):
        assert got.status == 200, await got.text()
        answer: dict[str, Any] = await got.json()
        return answer


def test_a_first_start_makes_two_tokens_and_shows_them_once(environment: dict[str, str]) -> None:
    with serving(environment) as first:
        assert first.line["op"] == "listening"
        tokens = first.line["tokens"]
        answer = asyncio.run(send(first.url, tokens["ingest"], lines(event(1)), "k"))
        assert answer == {"accepted": 1, "duplicates": 0, "rejected": []}
        assert first.end(signal.SIGTERM) == 0
    with serving(environment) as second:
        assert "tokens" not in second.line
        assert second.end(signal.SIGINT) == 0
    assert call_json("stats")["events"] == 1


async def test_what_was_answered_survives_kill_9(environment: dict[str, str]) -> None:
    call("token", "create", "--name", "t", "--role", "ingest")
    secret = call_json("token", "rotate", "--name", "t")["token"]
    answered: set[str] = set()

    async def sender(url: str, i: int) -> None:
        for n in range(i * 1000, i * 1000 + 1000):
            batch = [event(n * 5 + k, at_ms=NOON_MS + n) for k in range(5)]
            try:
                await send(url, secret, lines(*batch), f"k{n}")
            except aiohttp.ClientError:
                return
            answered.update(e["event_id"] for e in batch)

    async def killer(process: Process) -> None:
        while len(answered) < 400:
            await asyncio.sleep(0.005)
        process.child.kill()

    with serving(environment) as process:
        await asyncio.gather(killer(process), *(sender(process.url, i) for i in range(4)))
    exported = await asyncio.to_thread(call, "export")
    found = [json.loads(line)["event_id"] for line in exported.stdout.splitlines()]
    assert len(found) == len(set(found))
    assert answered <= set(found)


async def test_a_request_under_way_is_finished_before_the_end(environment: dict[str, str]) -> None:
    with serving(environment) as process:
        token = process.line["tokens"]["ingest"]
        host, port = process.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = lines(event(1))
        writer.write(
            f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body[:10]
        )
        await writer.drain()
        async with aiohttp.ClientSession() as client, client.get(f"{process.url}/api/v1/health"):
            pass  # the first request has reached its handler by now
        process.child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(_wait_for_closed_door, host, int(port))
        writer.write(body[10:])
        answer = await reader.read()
        assert b'"accepted":1' in answer
        writer.close()
        assert await asyncio.to_thread(process.child.wait, 20) == 0


def _wait_for_closed_door(host: str, port: int) -> None:
    import socket
    import time

    for _ in range(1000):
        try:
            socket.create_connection((host, port), 0.2).close()
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError("still listening")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COLLECTOR_LISTEN", "nonsense"),
        ("COLLECTOR_CATALOG", "/nowhere/catalog.toml"),
        ("COLLECTOR_TOKENS_FILE", "/nowhere/tokens.json"),
        ("COLLECTOR_STORE", "clickhouse://x"),
    ],
)
def test_bad_configuration_is_one_line_and_exit_2(
    environment: dict[str, str], name: str, value: str
) -> None:
    done = subprocess.run(
        SERVE,
        env={**environment, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("sqlite:////proc/nowhere/c.db", "can be written"),
        ("sqlite:///{tmp}/broken.db", "restore a backup"),
        ("sqlite:///{tmp}", "cannot open"),
        ("postgresql://127.0.0.1:1/x", "check that the server runs"),
        ("postgresql://127.0.0.1:word/x", "check the URL"),
    ],
)
def test_an_unusable_store_is_one_line_that_says_what_to_do(
    environment: dict[str, str], tmp_path: Path, store: str, says: str
) -> None:
    (tmp_path / "broken.db").write_text("no database at all" * 99)
    url = store.format(tmp=tmp_path)
    given = {**environment, "COLLECTOR_STORE": url, "XDG_DATA_HOME": str(tmp_path / "data")}
    done = subprocess.run(
        SERVE, env=given, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: COLLECTOR_STORE: ")
    assert says in line
    assert list(tmp_path.rglob("tokens.json")) == [], "a failed start made tokens nobody saw"


def test_a_port_in_use_is_told_and_exit_1(environment: dict[str, str]) -> None:
    with serving(environment) as process:
        listen = process.url.removeprefix("http://")
        done = subprocess.run(
            [*SERVE, "--listen", listen, "--store", environment["COLLECTOR_STORE"] + "2"],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, listen in done.stderr) == (1, True)


def test_tokens_are_made_listed_rotated_and_revoked(environment: dict[str, str]) -> None:
    made = call_json("token", "create", "--name", "desk", "--role", "ingest", "--expires-days", "9")
    assert made["token"].startswith("ss_")
    (listed,) = call_json("token", "list")
    assert (listed["name"], listed["role"]) == ("desk", "ingest")
    assert made["token"] not in call("token", "list").output
    assert call_json("token", "rotate", "--name", "desk")["token"] != made["token"]
    assert call_json("token", "revoke", "--name", "desk")["revoked"] == 2
    call("token", "revoke", "--name", "desk", code=1)
    call("token", "rotate", "--name", "desk", code=1)
    call("token", "create", "--name", "x", "--role", "emperor", code=2)


def filled(environment: dict[str, str], *events: dict[str, Any]) -> None:
    with serving(environment) as process:
        token = process.line["tokens"]["ingest"]
        asyncio.run(send(process.url, token, lines(*events), "k"))
        assert process.end(signal.SIGTERM) == 0


def test_export_stats_purge_and_delete_work_on_the_store(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(environment, event(1), event(2, user="other"), event(3, at_ms=NOON_MS - 10**10))
    assert len(call("export").stdout.splitlines()) == 3
    assert len(call("export", "--from", "2026-09-01").stdout.splitlines()) == 2
    made = call_json("export", "--format", "sqlite", "-o", str(tmp_path / "out.db"))
    assert made["events"] == 3
    with sqlite3.connect(tmp_path / "out.db") as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (3,)
    db.close()
    call("export", "--format", "sqlite", code=2)
    call("export", "--from", "yesterday", code=2)
    assert call_json("stats")["by_type"] == {"ChatTurn": 3}
    monkeypatch.setenv("COLLECTOR_RETENTION_DAYS", "100")
    assert call_json("purge", "--dry-run") == {
        "dry_run": True, "total": 1, "by_type": {"ChatTurn": 1},
    }  # fmt: skip
    assert call_json("purge")["total"] == 1
    assert call_json("purge", "--dry-run")["total"] == 0
    gone = call_json("delete", "user-a")
    assert (gone["state"], gone["events"], gone["rows_left"]) == ("erased", 1, 0)
    assert call_json("stats")["events"] == 1
    acts = [a["act"] for a in call_json("audit")]
    assert acts[:3] == ["deletion", "purge", "export"]
    assert sorted(acts[-2:]) == ["token created, ingest", "token created, read"]


def test_an_applications_own_catalog_is_known(environment: dict[str, str], tmp_path: Path) -> None:
    catalog = tmp_path / "telemetry.catalog.toml"
    catalog.write_text(
        '[events.PanelOpened]\nlevel = "usage"\ndescription = "d"\nwhy = "w"\nowner = "o"\n'
        'expires = "never"\nsensitivity = "interaction"\nretention_days = 30\n'
        "[events.PanelOpened.fields.panel]\n"
        'kind = "id"\ndescription = "Which."\nmax_bytes = 64\n'
    )
    given = {**environment, "COLLECTOR_CATALOG": str(catalog)}
    filled(given, event(1, kind="PanelOpened", payload={"panel": "left"}))
    assert call_json("stats")["by_type"] == {"PanelOpened": 1}


def test_parquet_says_which_part_it_needs(environment: dict[str, str], tmp_path: Path) -> None:
    result = CliRunner().invoke(
        collector, ["export", "--format", "parquet", "-o", str(tmp_path / "x.parquet")]
    )
    if result.exit_code == 0:
        assert (tmp_path / "x.parquet").read_bytes()[:4] == b"PAR1"
    else:
        assert result.exit_code == 2
        assert "sidespool[collector]" in result.output
