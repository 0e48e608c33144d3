"""Attachments in a real S3 server on loopback: kept, shared, deleted with their events, or 503."""

import asyncio
import gzip
import hashlib
import socket
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from sidespool_collector.attachment_s3 import BucketFiles
from sidespool_collector.store.contract import StoreBusyError, StoreError
from support.collector_world import World, event, lines

StartWorld = Callable[..., Awaitable[World]]
URL = "s3://files/attachments"


class Bucket:
    """A bucket, seen from outside the collector."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.call("PUT", "/files")

    def call(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(self.endpoint + path, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.read())

    def keys(self) -> list[str]:
        listing = self.call("GET", "/files?list-type=2").decode()
        return [part.split("<")[0] for part in listing.split("<Key>")[1:]]


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedMotoServer]:
    found = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def bucket(server: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urllib.request.urlopen(
        urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST"), timeout=20
    ).close()
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint), ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "us-east-1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    return Bucket(endpoint)


async def attach(world: World, data: Any, name: str = "a.txt", **headers: str) -> int:
    url = f"{world.url}/api/v1/attachments/{event(1)['event_id']}?name={name}"
    sent = {**world.auth("ingest"), "Content-Type": "text/plain", **headers}
    async with world.client.post(url, data=data, headers=sent) as got:
        return got.status


async def erase(world: World) -> None:
    async with world.client.post(
        f"{world.url}/api/v1/deletion", json={"user_ids": ["user-a"]}, headers=world.auth("ingest")
    ) as got:
        receipt = (await got.json())["receipt"]
    async with asyncio.timeout(60):
        while (await world.get_json(f"/api/v1/deletion/{receipt}", "ingest"))["state"] != "erased":
            await asyncio.sleep(0.02)


async def test_a_file_lies_in_the_bucket_until_its_user_is_erased(
    start_world: StartWorld, store_url: str, bucket: Bucket, tmp_path: Path
) -> None:
    world = await start_world(store=store_url, attachments_url=URL)
    await world.send(lines(event(1)))
    big = b"0123456789" * 700_000  # two parts
    assert await attach(world, b"hello") == 201
    assert await attach(world, b"hello") == 200
    zipped = {"Content-Encoding": "gzip"}
    assert await attach(world, gzip.compress(big, 1), "big.bin", **zipped) == 201
    names = [hashlib.sha256(data).hexdigest() for data in (b"hello", big)]
    assert sorted(bucket.keys()) == sorted(f"attachments/{n[:2]}/{n}" for n in names)
    path = f"/files/attachments/{names[1][:2]}/{names[1]}"
    assert await asyncio.to_thread(bucket.call, "GET", path) == big
    assert [p for p in (tmp_path / "attachments").rglob("*") if p.is_file()] == []
    await erase(world)
    assert bucket.keys() == []


async def test_what_is_too_large_or_has_no_event_leaves_nothing(
    start_world: StartWorld, bucket: Bucket
) -> None:
    world = await start_world(attachments_url=URL, max_attachment_bytes=2000)
    assert await attach(world, b"x") == 404
    await world.send(lines(event(1)))
    assert await attach(world, b"x" * 2001) == 413
    assert bucket.keys() == []


async def test_a_bucket_that_goes_away_is_come_again(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        files = BucketFiles(URL, tmp_path)

        async def chunks() -> Any:
            yield b"data"

        with pytest.raises(StoreBusyError, match="bucket does not answer"):
            await files.take(chunks(), 10)
        assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
        with pytest.raises(StoreError, match="COLLECTOR_ATTACHMENTS_URL"):
            files.prepare()


def test_what_is_not_in_the_bucket_is_no_error(bucket: Bucket, tmp_path: Path) -> None:
    BucketFiles(URL, tmp_path).prepare()
    with pytest.raises(StoreError, match="s3://elsewhere/x cannot be used"):
        BucketFiles("s3://elsewhere/x", tmp_path).prepare()
    files = BucketFiles(URL, tmp_path)
    assert not files.exists("ab" * 32)
    files.unlink("ab" * 32)


async def test_a_directory_that_cannot_be_written_is_told_at_the_start(
    start_world: StartWorld,
) -> None:
    with pytest.raises(StoreError, match="COLLECTOR_ATTACHMENTS_DIR"):
        await start_world(attachments_dir=Path("/proc/nowhere"))
