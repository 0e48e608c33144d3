"""What has begun must end: heads and frames, with a deadline that tests can wait for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sidespool.core.gate import GateRules
from sidespool.runtime.doors.guard import GuardProtocol, Lobby
from sidespool.runtime.doors.ndjson import NdjsonProtocol
from sidespool.runtime.doors.reception import Reception
from sidespool.runtime.doors.watched import WatchedProtocol

DEADLINE_S = 0.15
TOKEN = "right"


class Quiet:
    """Stands for intake, operations and governor of a daemon that has nothing to do."""

    session_id = "session-0"
    governor: Any = None
    level = type("L", (), {"label": "usage"})

    def __init__(self) -> None:
        self.governor = self

    def settings(self) -> dict[str, Any]:
        return {}

    def emit_frame(self, *_: Any) -> bool:
        return False

    def emit_lines(self, *_: Any) -> int:
        return 0

    def pressed(self) -> bool:
        return False


@asynccontextmanager
async def a_server(
    tmp_path: Path, make: Callable[[Reception, Callable[..., Any]], asyncio.Protocol]
) -> AsyncIterator[tuple[str, Reception]]:
    """A Unix socket where `make` answers, and the reception that counts."""
    quiet: Any = Quiet()
    path = str(tmp_path / "s")
    async with asyncio.TaskGroup() as tasks:
        reception = Reception(quiet, quiet, tasks.create_task)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: make(reception, tasks.create_task), path)
        yield path, reception
        server.close()
        reception.close()


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


def ndjson(reception: Reception, _: Any) -> Any:
    return NdjsonProtocol(reception, TOKEN, DEADLINE_S)


async def test_a_client_that_says_no_hello_is_cut_off(tmp_path: Path) -> None:
    async with a_server(tmp_path, ndjson) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"op":"hel')
        assert await to_the_end(reader) == b""
        assert reception.refused == {"frame_deadline": 1}
        assert reception.clients() == []
        writer.close()


async def test_a_frame_that_does_not_end_is_cut_off_and_idleness_is_not(tmp_path: Path) -> None:
    async with a_server(tmp_path, ndjson) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(json.dumps({"op": "hello", "token": TOKEN}).encode() + b"\n")
        assert b"welcome" in await reader.readline()
        other_reader, other = await asyncio.open_unix_connection(path)
        assert await to_the_end(other_reader) == b""  # a whole deadline has passed
        writer.write(b"x\n")
        assert b"malformed" in await reader.readline()
        writer.write(b"{")
        assert await to_the_end(reader) == b""
        assert reception.refused == {"frame_deadline": 2}
        writer.close()
        other.close()


async def test_dribbling_bytes_do_not_put_the_deadline_off(tmp_path: Path) -> None:
    async with a_server(tmp_path, ndjson) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        ended = False
        async with asyncio.timeout(30):
            while not ended:
                writer.write(b" ")
                try:
                    async with asyncio.timeout(DEADLINE_S / 5):
                        ended = await reader.read() == b""
                except TimeoutError:
                    continue
                except ConnectionError:
                    ended = True
        assert reception.refused["frame_deadline"] == 1
        writer.close()


async def test_a_goodbye_ends_cleanly_for_one_who_goes_on_talking(tmp_path: Path) -> None:
    async with a_server(tmp_path, ndjson) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        hello = json.dumps({"op": "hello", "token": TOKEN}).encode() + b"\n"
        writer.write(hello + b'{"op":"goodbye"}\n' + b"x\n" * 10_000)
        assert (await reader.read()).count(b"\n") == 1  # a ConnectionResetError would fail this
        assert "malformed" not in reception.refused
        async with asyncio.timeout(30):
            while reception.clients():  # it does not wait for ever for the client to hang up
                await asyncio.sleep(0.05)
        writer.close()


class Echo(asyncio.Protocol):
    """Stands for aiohttp: keeps what it is given."""

    def __init__(self) -> None:
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data


def guard(echo: Echo) -> Callable[..., Any]:
    lobbies: dict[int, Lobby] = {}

    async def handler() -> Callable[[], asyncio.Protocol]:
        return lambda: echo

    def make(reception: Reception, spawn: Any) -> GuardProtocol:
        rules = GateRules(80, TOKEN.encode(), ())
        lobby = lobbies.setdefault(id(reception), Lobby(reception))
        return GuardProtocol(reception, rules, handler, spawn, lobby, DEADLINE_S)

    return make


HEAD = (
    b"GET /v1/socket HTTP/1.1\r\nHost: localhost:80\r\nAuthorization: Bearer right\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_a_head_that_does_not_end_is_cut_off(tmp_path: Path) -> None:
    async with a_server(tmp_path, guard(Echo())) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HEAD[:-2])
        assert await to_the_end(reader) == b""
        assert reception.refused == {"head_deadline": 1}
        writer.close()


async def test_nothing_of_a_refused_request_reaches_the_web_server(tmp_path: Path) -> None:
    echo = Echo()
    async with a_server(tmp_path, guard(echo)) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HEAD.replace(b"right", b"wrong") + b"x" * 1000)
        assert (await to_the_end(reader)).startswith(b"HTTP/1.1 401 ")
        assert echo.heard == b""
        assert reception.refused == {"token": 1}
        writer.close()


async def test_a_head_is_handed_over_whole_however_it_came(tmp_path: Path) -> None:
    echo = Echo()
    async with a_server(tmp_path, guard(echo)) as (path, _):
        _, writer = await asyncio.open_unix_connection(path)
        for byte in HEAD:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(b"\x81\x80\0\0\0\0")
        async with asyncio.timeout(30):
            while echo.heard != HEAD + b"\x81\x80\0\0\0\0":
                await asyncio.sleep(0)
        writer.close()


async def test_a_message_on_a_websocket_that_does_not_end_is_cut_off(tmp_path: Path) -> None:
    for begun in (b"\x81", b"\x81\x85\0\0\0\0abc", b"\x01\x80\0\0\0\0"):
        async with a_server(tmp_path, guard(Echo())) as (path, reception):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(HEAD)
            await writer.drain()
            writer.write(begun)
            assert await to_the_end(reader) == b""
            assert reception.refused == {"frame_deadline": 1}
            writer.close()


async def test_a_websocket_may_be_idle_between_whole_messages(tmp_path: Path) -> None:
    echo = Echo()
    async with a_server(tmp_path, guard(echo)) as (path, reception):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HEAD + b"\x81\x80\0\0\0\0")
        slow_reader, slow = await asyncio.open_unix_connection(path)
        assert await to_the_end(slow_reader) == b""  # a whole deadline has passed
        writer.write(b"\x81\x80\0\0\0\0")
        async with asyncio.timeout(30):
            while not echo.heard.endswith(b"\x81\x80\0\0\0\0" * 2):
                await asyncio.sleep(0)
        assert reception.refused == {"head_deadline": 1}
        assert not reader.at_eof()
        writer.close()
        slow.close()


async def test_time_in_which_the_daemon_does_not_read_does_not_count() -> None:
    class Stopped:
        """A transport that is not read the first few times one looks."""

        aborted, looks = False, 0

        def is_reading(self) -> bool:
            self.looks += 1
            return self.looks > 3

        def is_closing(self) -> bool:
            return False

        def abort(self) -> None:
            self.aborted = True

    quiet: Any = Quiet()
    reception = Reception(quiet, quiet, lambda _: None)  # type: ignore[arg-type,return-value]  # never spawns
    transport: Any = Stopped()
    watched = WatchedProtocol(Echo(), reception, 0.01)
    watched.connection_made(transport)
    watched.data_received(HEAD)
    watched.data_received(b"\x81")
    async with asyncio.timeout(30):
        while not transport.aborted:
            await asyncio.sleep(0)
    assert transport.looks > 3
    assert reception.refused == {"frame_deadline": 1}
