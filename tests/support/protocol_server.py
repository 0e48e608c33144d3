"""A small daemon of its own that speaks protocol 1 on real sockets, for tests of clients.

It listens on a Unix socket and on a loopback port, checks the token, remembers every frame and
event, and misbehaves as asked: it can withhold acknowledgements, hang up on a frame, or refuse
events. It shares no code with the real daemon, so that both sides can be wrong only on their own.
"""

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def accept_all(_: Event) -> str | None:
    """The reason to reject an event: none."""
    return None


class ProtocolServer:
    """One life of a daemon for `data_dir`; use as a context manager, or `start` and `stop`."""

    def __init__(self, data_dir: Path, *, unix: bool = True) -> None:
        self.data_dir = data_dir
        self.token = secrets.token_hex(32)
        self.reject: Callable[[Event], str | None] = accept_all
        self.hang_up: Callable[[list[Event]], bool] = lambda _: False
        self.malformed: Callable[[list[Event]], bool] = lambda _: False
        self.http_status = 202
        self.acks = threading.Event()
        self.acks.set()
        self.events: list[Event] = []  # every arrival, resends too
        self.frames: list[list[Event]] = []
        self.hellos: list[dict[str, Any]] = []
        self.requests: list[dict[str, str]] = []
        self.goodbyes = 0
        self.refused = 0
        self._changed = threading.Condition()
        self._unix = unix
        self._connections: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._http: ThreadingHTTPServer | None = None

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> "ProtocolServer":
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._http_door())
        self._http.daemon_threads = True
        # the polling interval only bounds how long stopping takes
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        path = None
        if self._unix:
            path = str(self.data_dir / f"d-{secrets.token_hex(3)}.sock")
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(path)
            self._listener.listen(16)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self.write_runtime(socket=path)
        return self

    def write_runtime(self, **changes: Any) -> Path:
        assert self._http is not None
        ready = {
            "op": "ready",
            "protocol": 1,
            "version": "0",
            "pid": os.getpid(),
            "url": f"http://127.0.0.1:{self._http.server_address[1]}",
            "socket": None,
            "token": self.token,
        }
        path = self.data_dir / "runtime.json"
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump({**ready, **changes}, file)
        return path

    def stop(self, *, leave_runtime: bool = False) -> None:
        """As a daemon that is killed: connections break. A clean one removes its runtime file."""
        if not leave_runtime:
            (self.data_dir / "runtime.json").unlink(missing_ok=True)
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for connection in list(self._connections):
            _break(connection)
        self.acks.set()

    def __enter__(self) -> "ProtocolServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what arrived ----------------------------------------------------------------------------

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), self.describe()

    def wait_for_events(self, count: int, timeout_s: float = 20) -> list[Event]:
        self.wait_for(lambda: len(self.events) >= count, timeout_s)
        return list(self.events)

    def describe(self) -> str:
        return f"{len(self.events)} events, {len(self.frames)} frames, {len(self.hellos)} hellos"

    def ids(self) -> list[str]:
        return [event["event_id"] for event in self.events]

    def push(self, frame: dict[str, Any]) -> None:
        for connection in [one for one in self._connections if one.fileno() >= 0]:
            connection.sendall(json.dumps(frame).encode() + b"\n")

    def _note(self, change: Callable[[], object]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def _remember(self, events: list[Event]) -> None:
        self.frames.append(events)
        self.events.extend(events)

    def _judge(self, events: list[Event]) -> list[dict[str, Any]]:
        return [
            {"index": index, "reason": reason, "detail": "as the test asked"}
            for index, event in enumerate(events)
            if (reason := self.reject(event)) is not None
        ]

    # -- the Unix socket -------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as lines:
                hello = json.loads(lines.readline() or b"{}")
                if hello.get("op") != "hello" or hello.get("token") != self.token:
                    self._note(lambda: setattr(self, "refused", self.refused + 1))
                    connection.sendall(b'{"op":"error","reason":"unauthorized"}\n')
                    return
                self._note(lambda: self.hellos.append(hello))
                welcome = {"op": "welcome", "session_id": "s", "level": "usage", "settings": {}}
                connection.sendall(json.dumps(welcome).encode() + b"\n")
                for line in lines:
                    if not self._frame(connection, json.loads(line)):
                        return
        except OSError:
            pass
        finally:
            _break(connection)

    def _frame(self, connection: socket.socket, frame: dict[str, Any]) -> bool:
        if frame["op"] == "goodbye":
            self._note(lambda: setattr(self, "goodbyes", self.goodbyes + 1))
            return False
        events = frame["events"]
        if self.malformed(events):
            connection.sendall(b'{"op":"error","reason":"malformed"}\n')
            return True
        self._note(lambda: self._remember(events))
        if self.hang_up(events):
            return False
        self.acks.wait()
        rejected = self._judge(events)
        ack = {
            "op": "ack",
            "id": frame["id"],
            "accepted": len(events) - len(rejected),
            "rejected": rejected,
        }
        connection.sendall(json.dumps(ack).encode() + b"\n")
        return True

    # -- the HTTP door ---------------------------------------------------------------------------

    def _http_door(server) -> type[BaseHTTPRequestHandler]:
        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server._connections.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                allowed = self.headers["Authorization"] == f"Bearer {server.token}"
                if not allowed or server.http_status != 202:
                    self._answer(server.http_status if allowed else 401, {"error": "no"})
                    return
                events = [json.loads(line) for line in body.splitlines() if line]
                headers = {name.lower(): value for name, value in self.headers.items()}
                server._note(lambda: server.requests.append({**headers, "path": self.path}))
                server._note(lambda: server._remember(events))
                if server.hang_up(events):
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                server.acks.wait()
                rejected = server._judge(events)
                self._answer(202, {"accepted": len(events) - len(rejected), "rejected": rejected})

            def _answer(self, status: int, answer: dict[str, Any]) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read better without it."""

        return Door


def _break(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
