"""Real processes and plain clients, for tests that know the contract and nothing else."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

SIDESPOOL = str(Path(sys.executable).with_name("sidespool"))
CHAT = {
    "prompt_length": 12,
    "response_length": 34,
    "model": "model-a",
    "latency_ms": 56,
    "token_count": 78,
}


def chat(**changed: Any) -> dict[str, Any]:
    """A ChatTurn as a client sends it."""
    return {"event_type": "ChatTurn", "payload": {**CHAT, **changed}}


def plain_environment(**settings: str) -> dict[str, str]:
    """This process's environment without settings of either product, and `settings`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TELEMETRY_", "COLLECTOR_")) and name != "DO_NOT_TRACK"
    }
    kept.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return {**kept, **settings}


def until(true: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """The first true answer of `true`; AssertionError naming `what` when none came in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = true()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def verb(
    *words: str,
    data: Path | None = None,
    stdin: str = "",
    settings: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `sidespool WORDS` to its end, over the data directory `data`."""
    place = {"TELEMETRY_DATA_DIR": str(data)} if data else {}
    return subprocess.run(
        [SIDESPOOL, *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=plain_environment(**place, **(settings or {})),
    )


class Daemon:
    """A running `sidespool run`, with what it said."""

    def __init__(self, data: Path, *flags: str, ready: bool = True, **env: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [SIDESPOOL, "run", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=plain_environment(TELEMETRY_DATA_DIR=str(data), **env),
        )
        self.lines: queue.Queue[bytes] = queue.Queue()
        self.said = b""
        threading.Thread(target=self._read, daemon=True).start()
        self.ready: dict[str, Any] = {}
        if ready:
            self.ready = self.line()
            self.port = int(self.ready["url"].rsplit(":", 1)[1])
            self.token = self.ready["token"]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            self.lines.put(line)
        self.lines.put(b"")

    def line(self, seconds: float = 15) -> dict[str, Any]:
        """The next line on standard output, as JSON."""
        line = self.lines.get(timeout=seconds)
        assert line, f"ended: {self.process.wait(5)}, {self.errors()}"
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def say(self, frame: dict[str, Any] | str) -> None:
        """Writes a frame to standard input."""
        assert self.process.stdin is not None
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """A frame through the stdio door, and the answer that carries its id."""
        self.say(frame)
        while True:
            answer = self.line()
            if answer.get("id") == frame["id"]:
                return answer

    def http(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = "",
    ) -> tuple[int, Any, dict[str, str]]:
        """One request; bodies that are not bytes go as JSON. (status, body, headers)."""
        sent = {"Host": f"127.0.0.1:{self.port}"}
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.token}"
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        return request(self.port, method, path, data, sent)

    @contextlib.contextmanager
    def socket(self, hello: dict[str, Any] | None = None) -> Iterator[Socket]:
        """A WebSocket that was welcomed."""
        with connect(
            f"ws://127.0.0.1:{self.port}/v1/socket",
            additional_headers={"Authorization": f"Bearer {self.token}"},
            max_size=None,
            open_timeout=10,
            compression=None,
        ) as connection:
            client = Socket(connection)
            client.send({"op": "hello", "client": "python", **(hello or {})})
            client.welcome = client.receive()
            yield client

    @contextlib.contextmanager
    def unix(self) -> Iterator[Lines]:
        """The Unix socket, raw, after hello."""
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(15)
            raw.connect(self.ready["socket"])
            yield Lines(raw)

    def emit(self, *events: dict[str, Any]) -> dict[str, Any]:
        status, answer, _ = self.http("POST", "/v1/events", list(events))
        assert status == 202, (status, answer)
        assert isinstance(answer, dict)
        return answer

    def status(self) -> dict[str, Any]:
        answer = self.http("GET", "/v1/status")[1]
        assert isinstance(answer, dict)
        return answer

    def flush(self) -> dict[str, Any]:
        answer = self.http("POST", "/v1/flush")[1]
        assert isinstance(answer, dict)
        return answer

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def wait(self, seconds: float = 15) -> int:
        return self.process.wait(seconds)


class Socket:
    """Frames over a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.welcome: dict[str, Any] = {}
        self.others: list[dict[str, Any]] = []

    def send(self, frame: dict[str, Any] | str) -> None:
        self.connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    def receive(self, seconds: float = 10) -> dict[str, Any]:
        text = self.connection.recv(timeout=seconds)
        assert isinstance(text, str)
        answer = json.loads(text)
        assert isinstance(answer, dict)
        return answer

    def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        """The answer that carries the frame's id; others go to `others`."""
        self.send(frame)
        while True:
            answer = self.receive()
            if answer.get("id") == frame.get("id"):
                return answer
            self.others.append(answer)


class Lines:
    """Frames over a raw socket, one a line."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.file = raw.makefile("rb")

    def send(self, frame: dict[str, Any] | str) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.raw.sendall(text.encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        line = self.file.readline()
        assert line, "closed"
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        self.send(frame)
        while True:
            answer = self.receive()
            if answer.get("id") == frame.get("id"):
                return answer


def request(
    port: int, method: str, path: str, data: bytes | None, headers: dict[str, str]
) -> tuple[int, Any, dict[str, str]]:
    """One HTTP request with exactly these headers (and a length); JSON bodies are read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if data is not None:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        body = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
    with contextlib.suppress(ValueError):
        return answer.status, json.loads(body), found
    return answer.status, body, found


def gunzip_all(data: bytes) -> bytes:
    """Every whole or partial gzip member of `data`."""
    out = b""
    while data:
        stream = zlib.decompressobj(31)
        out += stream.decompress(data)
        if not stream.eof:
            break
        data = stream.unused_data
    return out


class Upload:
    """One request that the scripted collector got."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.at = time.monotonic()

    @property
    def events(self) -> list[dict[str, Any]]:
        if not self.body.startswith(b"\x1f\x8b"):
            return []
        return [json.loads(line) for line in gzip.decompress(self.body).splitlines() if line]


class Collector:
    """A tiny HTTP server that answers uploads from a script, then with acceptance."""

    def __init__(self) -> None:
        self.uploads: list[Upload] = []
        self.script: list[Any] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def answer(self) -> None:
                world._answer(self)

            do_POST = do_GET = do_PUT = answer

        return Answering

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        if handler.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(handler.rfile.readline(), 16):
                body += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        else:
            body = handler.rfile.read(length)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        got = Upload(handler.command, handler.path, headers, body)
        self.uploads.append(got)
        status, sent, reply = self._reply(got)
        if status == 0:
            handler.close_connection = True
            return
        handler.send_response(status)
        for name, value in sent.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply)))
        handler.end_headers()
        handler.wfile.write(reply)

    def _reply(self, got: Upload) -> tuple[int, dict[str, str], bytes]:
        planned = self.script.pop(0) if self.script else None
        if callable(planned):
            planned = planned(got)
        if planned is not None:
            status, headers, body = planned
            return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()
        count = len(got.events)
        body = json.dumps({"accepted": count, "duplicates": 0, "rejected": []}).encode()
        return 200, {"Content-Type": "application/json"}, body

    @property
    def batches(self) -> list[Upload]:
        return [one for one in self.uploads if one.path == "/api/v1/events"]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def spool_names(daemon: Daemon, end: str = "") -> list[str]:
    """Names of the spool's files that end with `end`."""
    return sorted(p.name for p in (daemon.data / "spool").iterdir() if p.name.endswith(end))


def spool_text(daemon: Daemon) -> bytes:
    """What every active and sealed segment holds, unpacked."""
    ends = (".v1.active", ".v1.sealed")
    files = [p for p in (daemon.data / "spool").iterdir() if p.name.endswith(ends)]
    return b"".join(gunzip_all(p.read_bytes()) for p in files)


def stored(daemon: Daemon) -> list[dict[str, Any]]:
    """Every event in the spool."""
    return [json.loads(line) for line in spool_text(daemon).splitlines() if line.strip()]
