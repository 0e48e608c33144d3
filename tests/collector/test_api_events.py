"""The ingest door, as the contract's sections 7 and 8 describe it."""

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidespool_collector.auth.tokens import Role
from sidespool_collector.web.problem import DETAILS
from support.collector_world import NOON_MS, World, event, lines

StartWorld = Callable[..., Awaitable[World]]
DAY_MS = 86_400_000


def counts(answer: Any) -> tuple[int, int, int]:
    return answer["accepted"], answer["duplicates"], len(answer["rejected"])


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_batch_is_counted_and_a_second_time_as_duplicates(
    world: World, zipped: bool
) -> None:
    body = lines(event(1), event(2))
    assert counts((await world.send(body, zipped=zipped))[1]) == (2, 0, 0)
    assert counts((await world.send(body, zipped=zipped))[1]) == (0, 2, 0)


async def test_the_answer_has_the_contracts_form_and_nothing_else(world: World) -> None:
    status, answer, headers = await world.send(lines(event(1)))
    assert status == 200
    assert answer == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert headers["Content-Type"].startswith("application/json")


async def test_a_repeated_idempotency_key_is_all_duplicates(world: World) -> None:
    await world.send(lines(event(1)), Idempotency_Key="batch-1")
    bad = b'{"event_type":"Unheard"}\n'
    _, again, _ = await world.send(lines(event(1), event(2)) + bad, Idempotency_Key="batch-1")
    assert counts(again) == (0, 2, 1)
    assert len((await world.get("/api/v1/export"))[1].splitlines()) == 1


async def test_a_segment_of_several_members_with_padding_is_taken(world: World) -> None:
    body = (
        gzip.compress(lines(event(1)).rstrip() + b"   \t \n") + gzip.compress(b"\n  \n")
        + gzip.compress(lines(event(2)))
    )  # fmt: skip
    _, answer, _ = await world.send(body, Content_Encoding="gzip")
    assert counts(answer) == (2, 0, 0)


async def test_a_json_array_is_taken(world: World) -> None:
    body = json.dumps([event(1), event(2), {"x": 1}]).encode()
    _, answer, _ = await world.send(body, Content_Type="application/json; charset=utf-8")
    assert counts(answer) == (2, 0, 1)


async def test_each_refused_event_has_its_id_and_reason_and_the_rest_is_kept(world: World) -> None:
    unheard = event(2, kind="Unheard")
    wrong = event(3, payload={"model": 7})
    _, answer, _ = await world.send(lines(event(1), unheard, wrong) + b"{]\n")
    assert answer["accepted"] == 1
    assert answer["rejected"] == [
        {"event_id": unheard["event_id"], "reason": "unknown_event"},
        {"event_id": wrong["event_id"], "reason": "invalid_value"},
        {"event_id": None, "reason": "malformed"},
    ]


async def test_fields_of_a_newer_catalog_are_kept_aside(world: World) -> None:
    await world.send(lines(event(1, payload={"model": "m", "novel": 3})))
    exported = json.loads((await world.get("/api/v1/export"))[1])
    assert exported["payload"] == {"model": "m"}
    assert exported["aside"] == {"payload.novel": 3}


async def test_an_empty_body_is_an_empty_batch(world: World) -> None:
    assert counts((await world.send(b"  \n"))[1]) == (0, 0, 0)


async def test_a_skewed_clock_is_corrected_beside_the_clients_time(world: World) -> None:
    ahead_s = 7200
    now_s = int(time.time())
    sent = event(1, at_ms=(now_s + ahead_s) * 1000)
    await world.send(lines(sent), Date=formatdate(now_s + ahead_s, usegmt=True))
    found = json.loads((await world.get("/api/v1/export"))[1])
    assert found["timestamp"] == sent["timestamp"]
    assert found["corrected_timestamp"][:13] == found["received_at"][:13]


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"Authorization": ""}, 401, "unauthorized"),
        ({"Authorization": "Bearer wrong"}, 401, "unauthorized"),
        ({"Authorization": "Basic eDp5"}, 401, "unauthorized"),
        ({"Content_Type": "text/html"}, 415, "unsupported_type"),
        ({"Content_Encoding": "br"}, 415, "unsupported_encoding"),
        ({"Content_Encoding": "gzip"}, 400, "bad_gzip"),
        ({"Idempotency_Key": "x" * 201}, 400, "bad_key"),
        ({"Content_Type": "application/json"}, 400, "bad_json"),
    ],
)
async def test_refusals_are_constant_and_say_what_to_do(
    world: World, headers: dict[str, str], status: int, word: str
) -> None:
    got, answer, _ = await world.send(b"not what it says", **headers)
    assert got == status
    assert answer == {"error": word, "detail": DETAILS[word]}


async def test_a_read_token_may_not_send_and_an_ingest_token_may_not_read(world: World) -> None:
    assert (await world.send(lines(event(1)), role="read"))[0] == 403
    assert (await world.get("/api/v1/export", "ingest"))[0] == 403
    assert (await world.get("/metrics", "ingest"))[0] == 403
    assert (await world.send(lines(event(1)), role="admin"))[0] == 200


async def test_a_revoked_token_ends_without_a_restart(world: World) -> None:
    assert (await world.send(b""))[0] == 200
    world.running.collector.tokens.revoke("ingest", 1)
    assert (await world.send(b""))[0] == 401


async def test_a_token_ends_when_it_expires_and_a_rotated_one_when_its_grace_is_over(
    world: World,
) -> None:
    tokens = world.running.collector.tokens
    now = int(time.time() * 1000)
    old = tokens.create("brief", Role.INGEST, now)
    new = tokens.rotate("brief", now, 300)
    assert new is not None
    statuses = set()
    async with asyncio.timeout(30):
        while (status := (await world.send(b"", Authorization=f"Bearer {old}"))[0]) != 401:
            statuses.add(status)
            await asyncio.sleep(0.02)
    assert statuses <= {200}
    assert (await world.send(b"", Authorization=f"Bearer {new}"))[0] == 200


async def test_events_of_last_month_land_in_their_own_day(world: World) -> None:
    now = int(time.time() * 1000)
    await world.send(lines(event(1, at_ms=now - 29 * DAY_MS), event(2, at_ms=now)))
    chart = await world.get_json("/api/v1/metrics/latency")
    days = [x for x, n in zip(chart["x"], chart["series"][0]["values"], strict=True) if n]
    assert days == [(now - 29 * DAY_MS) // DAY_MS * 86_400, now // DAY_MS * 86_400]


async def test_more_bytes_than_memory_is_meant_for_are_503(start_world: StartWorld) -> None:
    world = await start_world(max_inflight_bytes=2**20)
    admission = world.running.collector.admission
    with admission.share() as other:
        other.grow(2**20 - 100)
        status, answer, headers = await world.send(lines(event(1), event(2)))
    assert (status, answer["error"], headers["Retry-After"]) == (503, "overloaded", "2")
    assert (await world.send(lines(event(1))))[0] == 200
    assert admission.bytes == 0


async def test_too_large_bodies_lines_and_bombs_are_refused_early(start_world: StartWorld) -> None:
    world = await start_world(
        max_body_bytes=100_000, max_unpacked_bytes=3_000_000, max_lines=10, max_line_bytes=2000
    )
    assert (await world.send(b" " * 100_001))[0] == 413
    assert (await world.send(gzip.compress(b" " * 4_000_000), Content_Encoding="gzip"))[0] == 413
    assert (await world.send(lines(*(event(n) for n in range(11)))))[0] == 413
    long = event(1, payload={"model": "m" * 3000})
    assert (await world.send(lines(long)))[1]["rejected"][0]["reason"] == "too_large"
    assert world.running.collector.admission.bytes == 0


async def test_a_body_without_a_length_is_held_to_the_limit(start_world: StartWorld) -> None:
    world = await start_world(max_body_bytes=100_000)

    async def endless() -> Any:
        while True:
            yield b" " * 10_000

    headers = {**world.auth("ingest"), "Content-Type": "application/x-ndjson"}
    async with world.client.post(
        f"{world.url}/api/v1/events", data=endless(), headers=headers
    ) as got:
        assert got.status == 413


async def test_an_install_that_sends_too_much_is_told_to_wait(start_world: StartWorld) -> None:
    world = await start_world(rate_per_install="2")
    assert (await world.send(lines(event(1))))[0] == 200
    assert (await world.send(lines(event(2))))[0] == 200
    status, answer, headers = await world.send(lines(event(3)))
    assert (status, answer["error"]) == (429, "rate_limited")
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert (await world.send(lines(event(4, user="another"))))[0] == 200


async def test_an_address_that_calls_too_often_is_told_to_wait(start_world: StartWorld) -> None:
    world = await start_world(rate_per_ip="3/h")
    statuses = [(await world.send(b""))[0] for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


async def test_a_trusted_proxy_names_the_address(start_world: StartWorld) -> None:
    world = await start_world(rate_per_ip="1/h", trusted_proxies="127.0.0.1")
    for address, status in (("1.1.1.1", 200), ("2.2.2.2", 200), ("1.1.1.1", 429)):
        assert (await world.send(b"", X_Forwarded_For=address))[0] == status


async def test_an_overloaded_collector_says_503_with_retry_after(start_world: StartWorld) -> None:
    world = await start_world()
    world.running.collector.admission.requests_max = 0
    status, answer, headers = await world.send(lines(event(1)))
    assert (status, answer["error"], headers["Retry-After"]) == (503, "overloaded", "1")


async def test_a_store_that_cannot_write_is_503_and_the_batch_comes_through_later(
    world: World,
) -> None:
    await world.store.close()
    status, _, headers = await world.send(lines(event(1)))
    assert status == 503
    assert "Retry-After" in headers


async def raw(world: World, data: bytes) -> bytes:
    """Sends bytes and reads until the collector closes."""
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


async def test_headers_that_drip_in_are_cut_off(start_world: StartWorld) -> None:
    world = await start_world(header_timeout_s=0.1)
    assert await raw(world, b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nA: ") == b""


async def test_a_body_that_never_comes_is_answered_408(start_world: StartWorld) -> None:
    world = await start_world(body_timeout_s=0.1)
    head = (
        "POST /api/v1/events HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n"
        f"Content-Type: application/x-ndjson\r\n"
        f"Authorization: Bearer {world.tokens['ingest']}\r\n\r\n{{"
    )
    answer = await raw(world, head.encode())
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"evil.example" not in answer


async def test_no_error_carries_a_trace_or_the_request(world: World) -> None:
    for path in (
        "/nowhere?<script>",
        "/api/v1/metrics/nope",
        "/static/../app.py",
        "/%00",
        "/api/v1/deletion/x",
    ):
        async with world.client.get(world.url + path, headers=world.auth("admin")) as got:
            text = await got.text()
            assert got.status in (400, 404)
            assert "Traceback" not in text
            assert "script" not in text
    async with world.client.put(f"{world.url}/api/v1/events") as got:
        assert (got.status, got.headers["Allow"]) == (405, "POST")


PIECES = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"1e999", b"NaN", b"\\ud800", b"\n", b"event_type",
    b'"ChatTurn"', b"\xff",
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
    kind=st.sampled_from(["application/json", "application/x-ndjson"]),
    zipped=st.booleans(),
)  # fmt: skip
async def test_any_bytes_are_a_clean_answer(
    start_world: StartWorld, body: bytes, kind: str, zipped: bool
) -> None:
    shared = getattr(start_world, "shared", None)
    if shared is None:
        shared = await start_world()
        start_world.shared = shared  # type: ignore[attr-defined]  # one collector for all examples
    status, answer, _ = await shared.send(body, zipped=zipped, Content_Type=kind)
    assert status in (200, 400)
    if status == 200:
        assert set(answer) == {"accepted", "duplicates", "rejected"}


async def test_many_clients_at_once_are_all_answered_exactly(world: World) -> None:
    async def one(i: int) -> tuple[int, int, int]:
        body = lines(*(event(n, at_ms=NOON_MS + n) for n in range(i * 20, i * 20 + 40)))
        status, answer, _ = await world.send(body, zipped=i % 2 == 0, Idempotency_Key=f"k{i}")
        assert status == 200
        return counts(answer)

    results = await asyncio.gather(*(one(i) for i in range(30)))
    assert sum(a for a, _, _ in results) == 31 * 20
    assert sum(sum(r) for r in results) == 30 * 40


async def test_health_needs_no_token(world: World) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{world.url}/api/v1/health") as got:
        assert got.status == 200
        assert (await got.json())["status"] == "ok"
