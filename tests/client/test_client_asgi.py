"""The middleware in a real FastAPI application under a real uvicorn, with a WebSocket chat."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import websockets

from sidespool.client import Telemetry
from sidespool.client.asgi import SidespoolMiddleware
from support.chat_app import TestFailure, make_app
from support.protocol_server import ProtocolServer


class Backend(uvicorn.Server):
    """uvicorn in a thread, on a port of its own; `address` is host:port."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_config=None, ws="websockets-sansio"
        )
        super().__init__(config)
        self.address = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self.run, daemon=True)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self._ready.set()

    def __enter__(self) -> "Backend":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join(30)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[ProtocolServer]:
    with ProtocolServer(tmp_path) as running:
        yield running


@pytest.fixture
def telemetry(tmp_path: Path, daemon: ProtocolServer) -> Iterator[Telemetry]:
    client = Telemetry(data_dir=tmp_path)
    yield client
    client.shutdown(5)


@pytest.fixture
def backend(telemetry: Telemetry) -> Iterator[Backend]:
    with Backend(make_app(telemetry)) as running:
        yield running


def of_type(daemon: ProtocolServer, event_type: str) -> list[dict[str, Any]]:
    return [e["payload"] for e in daemon.events if e["event_type"] == event_type]


def calls(daemon: ProtocolServer) -> list[tuple[str, bool, str | None]]:
    payloads = of_type(daemon, "ToolCall")
    assert all(payload["duration_ms"] >= 0 for payload in payloads)
    return [(p["tool_name"], p["success"], p.get("error_type")) for p in payloads]


def get(backend: Backend, path: str, method: str = "GET") -> httpx.Response:
    return httpx.request(method, f"http://{backend.address}{path}", timeout=20)


@pytest.mark.parametrize(
    "case",
    [
        ("GET", "/api/items/7?q=secret", 200, ("http GET /api/items/{item_id}", True, None)),
        ("GET", "/api/items/x", 422, ("http GET /api/items/{item_id}", False, "4xx")),
        ("GET", "/nowhere/secret", 404, ("http GET (unmatched)", False, "4xx")),
        ("SECRET", "/nowhere", 404, ("http OTHER (unmatched)", False, "4xx")),
        ("GET", "/sub/secret/deep/secret", 200, ("http GET /deep/{key}", True, None)),
        ("GET", "/api/stream", 200, ("http GET /api/stream", True, None)),
    ],
)
def test_a_request_is_one_tool_call_named_by_its_route(
    daemon: ProtocolServer,
    telemetry: Telemetry,
    backend: Backend,
    case: tuple[str, str, int, tuple[str, bool, str | None]],
) -> None:
    method, path, status, expected = case
    assert get(backend, path, method).status_code == status
    assert telemetry.flush()
    assert [call for call in calls(daemon) if call[0] != "load_item"] == [expected]
    assert "secret" not in json.dumps(daemon.events).lower()


def test_a_stream_is_passed_on_whole_and_measured_to_its_end(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    assert get(backend, "/api/stream").text == "".join(f"part {n}\n" for n in range(5))
    assert telemetry.flush()
    assert of_type(daemon, "ToolCall")[0]["duration_ms"] >= 40  # five pauses of 10 ms


def test_an_uncaught_exception_is_reported_with_its_route_and_still_answered(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    assert get(backend, "/api/items/9/break?q=secret", "POST").status_code == 500
    assert telemetry.flush()
    (error,) = of_type(daemon, "Error")
    assert error["error_type"] == "TestFailure"
    assert error["message"] == "it broke"
    assert error["context"] == {"route": "http POST /api/items/{item_id}/break"}
    assert "in broken" in error["stack_trace"]
    assert calls(daemon) == [("http POST /api/items/{item_id}/break", False, "TestFailure")]
    assert "secret" not in json.dumps(daemon.events)


def test_a_stream_that_breaks_in_the_middle_is_an_error(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        get(backend, "/api/torn")
    daemon.wait_for(lambda: len(daemon.events) >= 2)
    assert calls(daemon)[0][:2] == ("http GET /api/torn", False)
    assert of_type(daemon, "Error")[0]["message"]


def test_background_tasks_run_and_are_not_measured(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    assert get(backend, "/api/later").json() == {"ok": True}
    daemon.wait_for(lambda: len(daemon.events) >= 2)
    assert [event["event_type"] for event in daemon.events] == ["ToolCall", "ChatTurn"]


async def test_a_chat_is_one_tool_call_and_its_turns(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    async with websockets.connect(f"ws://{backend.address}/chat/secret-room") as chat:
        for prompt in ("hello", "secret prompt"):
            await chat.send(prompt)
            assert await chat.recv() == prompt[::-1]
        await chat.send("bye")
        await chat.wait_closed()
    await asyncio.to_thread(daemon.wait_for, lambda: len(daemon.events) >= 3)
    assert calls(daemon) == [("ws /chat/{room}", True, None)]
    assert of_type(daemon, "ChatTurn") == [
        {"prompt_length": 5, "response_length": 5, "model": "mirror-1"},
        {"prompt_length": 13, "response_length": 13, "model": "mirror-1"},
    ]
    assert "secret" not in json.dumps(daemon.events)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1000, ("ws /chat/{room}", True, None)),
        (1001, ("ws /chat/{room}", True, None)),
        (4000, ("ws /chat/{room}", False, "close_4000")),
    ],
)
async def test_a_peer_that_goes_is_no_error(
    daemon: ProtocolServer,
    telemetry: Telemetry,
    backend: Backend,
    code: int,
    expected: tuple[str, bool, str | None],
) -> None:
    chat = await websockets.connect(f"ws://{backend.address}/chat/1")
    await chat.close(code)
    await asyncio.to_thread(daemon.wait_for_events, 1)
    assert calls(daemon) == [expected]
    assert of_type(daemon, "Error") == []


async def test_a_chat_that_fails_is_reported(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    async with websockets.connect(f"ws://{backend.address}/chat/1") as chat:
        await chat.send("fail")
        with pytest.raises(websockets.ConnectionClosedError):
            await chat.recv()
    await asyncio.to_thread(daemon.wait_for_events, 2)
    assert calls(daemon) == [("ws /chat/{room}", False, "TestFailure")]
    assert of_type(daemon, "Error")[0]["context"] == {"route": "ws /chat/{room}"}


async def test_a_connection_that_is_turned_away_is_told_as_rejected(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"ws://{backend.address}/private")
    await asyncio.to_thread(daemon.wait_for_events, 1)
    assert calls(daemon) == [("ws /private", False, "rejected")]


async def test_many_chats_and_requests_at_once_are_all_told(
    daemon: ProtocolServer, telemetry: Telemetry, backend: Backend
) -> None:
    async def one_chat(n: int) -> None:
        async with websockets.connect(f"ws://{backend.address}/chat/{n}") as chat:
            for _ in range(5):
                await chat.send(f"prompt {n}")
                await chat.recv()
            await chat.send("bye")
            await chat.wait_closed()

    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(
            *(one_chat(n) for n in range(10)),
            *(client.get(f"http://{backend.address}/api/items/{n}") for n in range(40)),
        )
    # 10 connections, 50 turns, 40 requests with a tool call each
    await asyncio.to_thread(daemon.wait_for_events, 10 + 50 + 40 + 40)
    assert await asyncio.to_thread(telemetry.flush)
    assert len(daemon.events) == len(set(daemon.ids())) == 140


def test_without_a_daemon_the_backend_answers_as_ever(tmp_path: Path) -> None:
    telemetry = Telemetry(data_dir=tmp_path / "none")
    with Backend(make_app(telemetry)) as backend:
        assert get(backend, "/api/items/7").json() == {"id": 7}
        assert get(backend, "/api/items/7/break", "POST").status_code == 500
    assert telemetry.stats.waiting == 4


def test_a_backend_that_is_told_to_end_delivers_what_waits(
    tmp_path: Path, daemon: ProtocolServer
) -> None:
    code = """
import sys, contextlib, fastapi, uvicorn
from sidespool.client import Telemetry
from sidespool.client.asgi import SidespoolMiddleware
telemetry = Telemetry(data_dir=sys.argv[1])
@contextlib.asynccontextmanager
async def lifespan(app):
    print("up", flush=True)
    yield
    telemetry.emit("ChatTurn", {"model": "last words"})
app = fastapi.FastAPI(lifespan=lifespan)
app.add_middleware(SidespoolMiddleware, telemetry=telemetry)
uvicorn.run(app, host="127.0.0.1", port=0, log_config=None)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    child.terminate()
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGTERM  # uvicorn raises it again: no exit handler runs
    assert [event["payload"] for event in daemon.events] == [{"model": "last words"}]


def raw(app: Any) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """Calls an ASGI application without a server; returns what it sent."""

    async def call(scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
        waiting, sent = list(messages), []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent

    return call


async def test_exceptions_pass_through_as_they_are(
    daemon: ProtocolServer, telemetry: Telemetry
) -> None:
    failure = TestFailure("the same object")

    async def app(*_: object) -> None:
        raise failure

    for kind in ("http", "websocket", "lifespan", "something-new"):
        with pytest.raises(TestFailure) as caught:
            await raw(SidespoolMiddleware(app, telemetry))({"type": kind, "method": "GET"})
        assert caught.value is failure
    assert await asyncio.to_thread(telemetry.flush)
    routes = [payload["context"]["route"] for payload in of_type(daemon, "Error")]
    assert routes == ["http GET (unmatched)", "ws (unmatched)", "lifespan"]


async def test_a_cancelled_request_is_a_failed_call_and_no_error(
    daemon: ProtocolServer, telemetry: Telemetry
) -> None:
    async def app(*_: object) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await raw(SidespoolMiddleware(app, telemetry))({"type": "http", "method": "GET"})
    assert await asyncio.to_thread(telemetry.flush)
    assert calls(daemon) == [("http GET (unmatched)", False, "CancelledError")]
    assert of_type(daemon, "Error") == []


async def test_a_response_that_is_never_finished_is_told_as_incomplete(
    daemon: ProtocolServer, telemetry: Telemetry
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": scope["status"]})

    for status in (200, 503, "odd"):
        scope = {"type": "http", "method": "GET", "status": status}
        await raw(SidespoolMiddleware(app, telemetry))(scope)
    assert await asyncio.to_thread(telemetry.flush)
    assert [call[2] for call in calls(daemon)] == ["incomplete", "5xx", "incomplete"]


async def test_the_end_of_the_lifespan_waits_for_what_was_emitted(
    daemon: ProtocolServer, telemetry: Telemetry
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        telemetry.emit("ChatTurn", {})
        await send({"type": "lifespan.shutdown.complete"})

    await raw(SidespoolMiddleware(app, telemetry))({"type": "lifespan"})
    assert telemetry.stats.acknowledged == 1
