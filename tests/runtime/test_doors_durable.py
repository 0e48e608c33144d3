"""Acknowledgements, order and bounds at the doors, on a disk that the test holds back."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from sidespool.core.policy import FRAME_BYTES_MAX, INFLIGHT_BYTES_HIGH
from sidespool.runtime.disk import Disk
from support.inside import Inside, Line, daemon_inside

TURN: dict[str, Any] = {"event_type": "ChatTurn", "payload": {"latency_ms": 1}}


class HeldDisk(Disk):
    """`sync` returns only while `free` is set; counts those that wait."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.waiting = threading.Event()

    def sync(self, fd: int) -> None:
        if not self.free.is_set():
            self.waiting.set()
            assert self.free.wait(60)
        super().sync(fd)


async def until_waiting(disk: HeldDisk) -> None:
    assert await asyncio.to_thread(disk.waiting.wait, 30)


async def nothing_heard(link: Line) -> bool:
    """Whether no answer has come after other clients were served a few times over."""
    return not link.reader._buffer  # type: ignore[attr-defined]  # a look without waiting


async def test_no_door_acknowledges_before_the_events_are_on_stable_storage(
    tmp_path: Path,
) -> None:
    disk = HeldDisk()
    async with daemon_inside(tmp_path / "d", disk) as inside:
        link, other = await inside.line(), await inside.line()
        assert (await link.ask("emit", events=[TURN]))["accepted"] == 1
        disk.free.clear()
        link.say(op="emit", id=1, events=[TURN])
        async with asyncio.TaskGroup() as tasks:
            posted = tasks.create_task(inside.http(inside.post(json.dumps(TURN).encode())))
            await until_waiting(disk)
            for _ in range(5):
                assert (await other.ask("status"))["op"] == "result"
            assert await nothing_heard(link)
            assert not posted.done()
            disk.free.set()
            assert (await link.hear())["accepted"] == 1
            assert b" 202 " in await posted


async def test_a_slow_disk_stops_the_reading_and_bounds_what_waits(tmp_path: Path) -> None:
    """Every door is offered far more than may wait; what is not read stays with the clients."""
    disk = HeldDisk()
    event = {"event_type": "Error", "payload": {"error_type": "x" * 400, "message": "m" * 50_000}}
    body = json.dumps([event] * 100).encode()  # 5 MB
    async with daemon_inside(tmp_path / "d", disk) as inside:
        link = await inside.line()
        witness = await inside.line()
        await link.ask("emit", events=[TURN])
        disk.free.clear()
        link.say(op="emit", id=0, events=[TURN])
        await until_waiting(disk)
        frame = b'{"op":"emit","id":1,"events":[%s]}\n' % b",".join(
            [json.dumps({**event, "payload": {"error_type": "E", "message": "m" * 8_000}}).encode()]
            * 200
        )
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(_write(link, frame, times=12))
            spooler = inside.daemon.storage.spooler
            while not spooler.pressed:
                await asyncio.sleep(0)
            posts = [tasks.create_task(inside.http(inside.post(body))) for _ in range(6)]
            for _ in range(20):
                await witness.ask("status")
            assert spooler.inflight_bytes < INFLIGHT_BYTES_HIGH + FRAME_BYTES_MAX
            disk.free.set()
            await writing
            answers = [await post for post in posts]
        assert {answer.split(b" ", 2)[1] for answer in answers} <= {b"202", b"429"}
        acks = [await link.hear() for _ in range(13)]
        assert sum(ack["accepted"] for ack in acks) == 1 + 12 * 200


async def _write(link: Line, frame: bytes, times: int) -> None:
    for _ in range(times):
        link.writer.write(frame)
        await link.writer.drain()


async def test_a_disk_that_refuses_is_told_and_the_connection_lives(tmp_path: Path) -> None:
    class FullDisk(Disk):
        full = False

        def write_at(self, fd: int, data: bytes, offset: int) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            super().write_at(fd, data, offset)

    disk = FullDisk()
    async with daemon_inside(tmp_path / "d", disk) as inside:
        link = await inside.line()
        assert (await link.ask("emit", events=[TURN]))["accepted"] == 1
        disk.full = True
        refused = await link.ask("emit", events=[TURN, {"event_type": "Nope"}])
        assert refused["accepted"] == 0
        assert [one["reason"] for one in refused["rejected"]] == ["spool_full", "unknown_event"]
        answer = await link.ask("consent", decision="granted")
        assert (answer["op"], answer["reason"]) == ("error", "spool_full")
        disk.full = False
        assert (await link.ask("consent", decision="granted"))["op"] == "ack"


async def test_a_withdrawal_the_disk_refuses_holds_and_revives_nothing(tmp_path: Path) -> None:
    class StuckDisk(Disk):
        stuck = False

        def write_atomic(self, path: Path, data: bytes) -> None:
            if self.stuck:
                raise OSError(28, "No space left on device")
            super().write_atomic(path, data)

        def remove(self, path: Path) -> None:
            if self.stuck:
                raise OSError(5, "Input/output error")
            super().remove(path)

    disk = StuckDisk()
    async with daemon_inside(tmp_path / "d", disk) as inside:
        link = await inside.line()
        await link.ask("emit", events=[TURN])
        disk.stuck = True
        await link.ask("set", settings={"enabled": False})
        status = await link.ask("status")
        assert (status["level"], status["spool"]["events"]) == ("off", 0)
        late = await link.ask("emit", events=[TURN])
        assert [one["reason"] for one in late["rejected"]] == ["consent_off"]
        disk.stuck = False
        await link.ask("set", settings={"enabled": True})
        status = await link.ask("status")
        assert (status["level"], status["spool"]["events"]) == ("usage", 0)


async def test_more_questions_than_may_wait_are_told_so(tmp_path: Path) -> None:
    async with daemon_inside(tmp_path / "d") as inside:
        link = await inside.line()
        for number in range(200):
            link.say(op="status", id=number)
        replies = [await link.hear() for _ in range(200)]
        assert {one["op"] for one in replies} == {"result", "error"}
        refused = [one for one in replies if one["op"] == "error"]
        assert {one["reason"] for one in refused} == {"rate_limited"}
        assert len(refused) <= 200 - 64
        assert (await link.ask("emit", events=[TURN]))["accepted"] == 1


@pytest.mark.parametrize("last", [{"op": "goodbye"}, None])
async def test_whoever_leaves_with_answers_due_gets_them_from_a_slow_disk(
    tmp_path: Path, last: dict[str, Any] | None
) -> None:
    disk = HeldDisk()
    async with daemon_inside(tmp_path / "d", disk) as inside:
        link = await inside.line()
        await link.ask("emit", events=[TURN])
        disk.free.clear()
        link.say(op="emit", id=7, events=[TURN])
        if last is None:
            link.writer.write_eof()
        else:
            link.say(**last)
        await until_waiting(disk)
        assert await nothing_heard(link)
        disk.free.set()
        assert (await link.hear())["id"] == 7
        async with asyncio.timeout(30):
            assert await link.reader.read() == b""


async def _count(inside: Inside) -> int:
    return len(inside.daemon.reception.clients())


async def test_conversations_that_are_over_are_forgotten(tmp_path: Path) -> None:
    async with daemon_inside(tmp_path / "d") as inside:
        link = await inside.line()
        for _ in range(100):  # more than may be open at once
            gone = await inside.line()
            gone.writer.close()
        async with asyncio.timeout(30):
            while await _count(inside) > 1:
                await asyncio.sleep(0)
        assert (await link.ask("emit", events=[TURN]))["accepted"] == 1
