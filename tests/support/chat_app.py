"""A FastAPI backend as a user of the client would write it: routes, a WebSocket chat, failures."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse

from sidespool.client import Telemetry
from sidespool.client.asgi import SidespoolMiddleware


class TestFailure(Exception):
    """What the application's own code raises."""

    __test__ = False


def make_app(telemetry: Telemetry) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SidespoolMiddleware, telemetry=telemetry)
    app.include_router(_items(telemetry), prefix="/api")
    _chat(app, telemetry)
    app.mount("/sub/{tenant}", _mounted())
    return app


def _items(telemetry: Telemetry) -> APIRouter:
    router = APIRouter()

    @router.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        with telemetry.tool_call("load_item"):
            return {"id": item_id}

    @router.post("/items/{item_id}/break")
    async def broken(item_id: int) -> None:
        raise TestFailure("it broke")

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for n in range(5):
                yield f"part {n}\n".encode()
                await asyncio.sleep(0.01)

        return StreamingResponse(parts())

    @router.get("/torn")
    async def torn() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"half"
            raise TestFailure("in the middle")

        return StreamingResponse(parts())

    @router.get("/later")
    async def later(tasks: BackgroundTasks) -> dict[str, bool]:
        tasks.add_task(telemetry.emit, "ChatTurn", {"model": "background"})
        return {"ok": True}

    return router


def _chat(app: FastAPI, telemetry: Telemetry) -> None:
    @app.websocket("/chat/{room}")
    async def chat(socket: WebSocket, room: str) -> None:
        await socket.accept()
        while True:
            prompt = await socket.receive_text()  # raises WebSocketDisconnect when the peer goes
            if prompt == "fail":
                raise TestFailure("chat broke")
            if prompt == "bye":
                await socket.close(1000)
                return
            answer = await _answer(telemetry, prompt)
            await socket.send_text(answer)

    @app.websocket("/private")
    async def private(socket: WebSocket) -> None:
        await socket.close(1008)


async def _answer(telemetry: Telemetry, prompt: str) -> str:
    answer = prompt[::-1]
    payload: dict[str, Any] = {"prompt_length": len(prompt), "response_length": len(answer)}
    telemetry.track_event("ChatTurn", {**payload, "model": "mirror-1"})
    return answer


def _mounted() -> FastAPI:
    sub = FastAPI()

    @sub.get("/deep/{key}")
    def deep(key: str) -> str:
        return key

    return sub
