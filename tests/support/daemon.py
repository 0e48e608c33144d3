"""Runs the real daemon in a process of its own and speaks with it through every door.

`start_daemon({"TELEMETRY_FLUSH_INTERVAL_S": "600"}, "--stdio")` returns when the ready line is
out. The environment is clean: no `TELEMETRY_*` of the caller, the null keychain, no
administrator's policy, and a data directory of its own that goes when the daemon is closed.
"""

import contextlib
import http.client
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

DEADLINE_S = 30.0
Json = dict[str, Any]


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def lines(self) -> list[Json]:
        """The body as JSON lines."""
        return [json.loads(line) for line in self.body.splitlines() if line]


class LineClient:
    """Frames out, replies in, one a line; a reply with an id is found among others."""

    def __init__(self, write: Callable[[bytes], None], read: Callable[[], bytes]) -> None:
        """`read` gives the next line and raises EOFError at the end."""
        self._write = write
        self._read = read
        self._next_id = 1
        self._aside: list[Json] = []

    def send(self, frame: Json) -> None:
        """Sends a frame and waits for nothing."""
        self._write(json.dumps(frame).encode() + b"\n")

    def receive(self) -> Json:
        """The next frame, of any kind; EOFError where the daemon closed the connection."""
        if self._aside:
            return self._aside.pop(0)
        reply: Json = json.loads(self._read())
        return reply

    def ask(self, op: str, **fields: Any) -> Json:
        """Sends an operation and returns the reply to it; what else arrives is kept."""
        frame_id, self._next_id = self._next_id, self._next_id + 1
        self.send({"op": op, "id": frame_id, **fields})
        while True:
            reply: Json = json.loads(self._read())
            if reply.get("id") == frame_id:
                return reply
            self._aside.append(reply)

    def emit(self, *events: Json) -> Json:
        """The ack of a frame with these events."""
        return self.ask("emit", events=list(events))

    def wait_for(self, op: str, **wanted: Any) -> Json:
        """The next frame of this kind with these values; others are dropped."""
        while True:
            frame = self.receive()
            if frame.get("op") == op and all(frame.get(key) == wanted[key] for key in wanted):
                return frame


class SocketClient(LineClient):
    """A connection to the Unix socket; `hello` carries the token."""

    def __init__(self, path: str, token: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(path)
        self._file = self._socket.makefile("rb")
        self._token = token
        super().__init__(self._socket.sendall, self._line)

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise EOFError("the daemon closed the connection")
        return line

    def hello(self, client: str = "test", session_id: str | None = None, **more: Any) -> Json:
        """The welcome, or the error that refuses."""
        frame = {"op": "hello", "client": client, "token": self._token, **more}
        if session_id is not None:
            frame["session_id"] = session_id
        self.send(frame)
        return self.receive()

    def close(self) -> None:
        """Hangs up."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RunningDaemon:
    """A daemon that has said it is ready. `ready` is that line; `process` is the child."""

    def __init__(self, process: "subprocess.Popen[bytes]", data_dir: Path, env: Json) -> None:
        self.process = process
        self.data_dir = data_dir
        self.env = env
        self.own_dir: Path | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._errors: list[bytes] = []
        self._readers = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.ready: Json = json.loads(self.stdout_line())
        except EOFError:
            process.wait(DEADLINE_S)
            self._readers[1].join(DEADLINE_S)
            said = self.stderr or "nothing"
            raise AssertionError(f"the daemon ended with {process.returncode}: {said}") from None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return str(self.ready["url"])

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.url.rpartition(":")[2])

    @property
    def socket(self) -> str:
        """The Unix socket's path."""
        return str(self.ready["socket"])

    @property
    def token(self) -> str:
        """The token of this start."""
        return str(self.ready["token"])

    @property
    def stderr(self) -> str:
        """Standard error so far."""
        return b"".join(self._errors).decode("utf-8", "replace")

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def stdout_line(self) -> bytes:
        """The next line of standard output; EOFError at its end."""
        line = self._lines.get(timeout=DEADLINE_S)
        if not line:
            self._lines.put(b"")
            raise EOFError("standard output ended")
        return line

    # -- doors ---------------------------------------------------------------------------------

    def request(
        self, method: str, path: str, json: Any = None, *, body: bytes | None = None,
        headers: Mapping[str, str] | None = None, token: str | None = None,
    ) -> Answer:  # fmt: skip
        """One HTTP request with the token; `headers` replace the usual ones by name."""
        usual = {"Authorization": f"Bearer {self.token if token is None else token}"}
        if json is not None:
            body = _encode(json)
        if body is not None:
            usual["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body=body, headers={**usual, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def ndjson(self) -> SocketClient:
        """A connection to the Unix socket that has not said hello yet."""
        return SocketClient(self.socket, self.token)

    @contextlib.contextmanager
    def client(self, name: str = "test", session_id: str | None = None) -> Iterator[SocketClient]:
        """A connection that was welcomed."""
        with self.ndjson() as client:
            welcome = client.hello(name, session_id)
            assert welcome["op"] == "welcome", welcome
            yield client

    def stdio(self) -> LineClient:
        """The parent's door; the daemon must run with `--stdio`. Make one only."""
        pipe = self.process.stdin
        assert pipe is not None

        def write(data: bytes) -> None:
            pipe.write(data)
            pipe.flush()

        return LineClient(write, self.stdout_line)

    def pending(self) -> list[Json]:
        """Every event in the spool."""
        return self.request("GET", "/v1/pending").lines()

    def status(self) -> Json:
        """The status document."""
        found: Json = self.request("GET", "/v1/status").json()
        return found

    # -- the end -------------------------------------------------------------------------------

    def end_stdin(self) -> None:
        """What happens to the daemon when its parent dies."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(timeout_s)

    def terminate(self) -> int:
        """Asks it to end (SIGTERM); its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()

    def kill9(self) -> None:
        """SIGKILL: no shutdown code runs."""
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def close(self) -> None:
        """Ends it in any case, and removes a data directory made for it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill9()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self.own_dir is not None:
            shutil.rmtree(self.own_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _encode(content: Any) -> bytes:
    return json.dumps(content).encode()


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without settings of Sidespool, and `env` over it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TELEMETRY_", "COLLECTOR_")) and name != "DO_NOT_TRACK"
    }
    return {
        **kept,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "TELEMETRY_SHUTDOWN_GRACE_S": "2",
        "TELEMETRY_FULL_CONTENT_KEY": "file",
        **env,
    }


def start_daemon(env: Mapping[str, str] | None = None, *flags: str) -> RunningDaemon:
    """Starts `sidespool run FLAGS` and waits for its ready line.

    Without TELEMETRY_DATA_DIR in `env` it gets a new directory, removed by `close`. The null
    keychain is in use, and no administrator's policy unless `flags` names a file.
    """
    given = dict(env or {})
    own_dir = None
    if "TELEMETRY_DATA_DIR" not in given:
        own_dir = Path(tempfile.mkdtemp(prefix="sidespool-test-"))
        given["TELEMETRY_DATA_DIR"] = str(own_dir / "data")
    data_dir = Path(given["TELEMETRY_DATA_DIR"])
    if "--policy-file" not in flags:
        flags = (*flags, "--policy-file", str(data_dir / "no-policy.json"))
    environment = clean_environment(given)
    process = subprocess.Popen(
        [sys.executable, "-m", "sidespool", "run", *flags],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    daemon = RunningDaemon(process, data_dir, environment)
    daemon.own_dir = own_dir
    return daemon


def wait_until(true: Callable[[], Any], timeout_s: float = DEADLINE_S) -> Any:
    """Returns the first truthy value; AssertionError where none comes in time."""
    limit = time.monotonic() + timeout_s
    while time.monotonic() < limit:
        value = true()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("what was waited for did not come")
