"""The four ways to the daemon behind one face, so that one test can ask all of them the same."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support.daemon import RunningDaemon, SocketClient

Json = dict[str, Any]
Ask = Callable[..., Json]
DOORS = ("websocket", "http", "local", "stdio")
_TWINS = {
    "status": ("GET", "/v1/status"),
    "set": ("PATCH", "/v1/settings"),
    "consent": ("POST", "/v1/consent"),
    "flush": ("POST", "/v1/flush"),
    "reset": ("POST", "/v1/reset"),
}


def page(daemon: RunningDaemon, **more: Any) -> ClientConnection:
    """A WebSocket as a page opens it; `more` goes to websockets' connect."""
    made: ClientConnection = connect(
        daemon.url.replace("http", "ws") + "/v1/socket",
        **{
            "subprotocols": ["sidespool.v1", f"token.{daemon.token}"],
            "origin": "app://desktop",
            "compression": None,
            "max_size": 2**24,
            "open_timeout": 30,
            **more,
        },
    )
    return made


class Page:
    """A WebSocket that speaks in frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._next_id = 1

    def send(self, frame: Json) -> None:
        """A text frame."""
        self.socket.send(json.dumps(frame))

    def receive(self) -> Json:
        """The next frame."""
        reply: Json = json.loads(self.socket.recv(timeout=30))
        return reply

    def ask(self, op: str, **fields: Any) -> Json:
        """The reply to an operation; what else arrives is dropped."""
        frame_id, self._next_id = f"page-{self._next_id}", self._next_id + 1
        self.send({"op": op, "id": frame_id, **fields})
        while True:
            reply = self.receive()
            if reply.get("id") == frame_id:
                return reply


def http_ask(daemon: RunningDaemon) -> Ask:
    """Operations by their HTTP twins, answered in the form of frames."""

    def ask(op: str, **fields: Any) -> Json:
        if op == "emit":
            answer = daemon.request("POST", "/v1/events", fields["events"])
            return {"op": "ack", **answer.json()}
        method, path = _TWINS[op]
        body = fields.get("settings", fields) if method in ("PATCH", "POST") else None
        answer = daemon.request(method, path, body)
        content = answer.json()
        if answer.status >= 400:
            return {"op": "error", "reason": content["error"]}
        kind = {"set": "settings", "consent": "ack"}.get(op, "result")
        return {"op": kind, **content}

    return ask


@contextlib.contextmanager
def every_door(daemon: RunningDaemon) -> Iterator[dict[str, Ask]]:
    """`ask` of each door; the daemon must run with --stdio."""
    with daemon.client() as local, page(daemon) as socket:
        yield {
            "websocket": Page(socket).ask,
            "http": http_ask(daemon),
            "local": local.ask,
            "stdio": daemon.stdio().ask,
        }


def plain(reply: Json) -> Json:
    """A reply without what may differ from door to door."""
    return {name: value for name, value in reply.items() if name != "id"}


def memory_peak_mb(pid: int) -> float:
    """The most a process ever held in memory, in MB (VmHWM)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        row = next(line for line in file if line.startswith("VmHWM"))
    return int(row.split()[1]) / 1024


__all__ = ["DOORS", "Page", "SocketClient", "every_door", "memory_peak_mb", "page", "plain"]
