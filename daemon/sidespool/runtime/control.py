"""Speaks with the running daemon on behalf of the command line: one question, one answer.

The runtime file says where it listens. Operations go over the Unix socket where there is one,
else over their HTTP twins; what only HTTP offers (pending, history, preview) always goes there.
All calls block, with time-outs, and raise DaemonUnreachableError where nobody answers.
"""

import http.client
import socket
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec

from sidespool.client.discovery import Door, read_door
from sidespool.errors import DaemonUnreachableError, SidespoolError
from sidespool.runtime.paths import DataPaths
from sidespool.wire.outcome import Rejection

CONNECT_S = 2.0
ANSWER_S = 45.0  # a flush tries for 30 s before it answers
_HINT = "Start the app, or `sidespool run`"
_TWINS = {
    "emit": ("POST", "/v1/events"),
    "set": ("PATCH", "/v1/settings"),
    "consent": ("POST", "/v1/consent"),
    "status": ("GET", "/v1/status"),
    "flush": ("POST", "/v1/flush"),
    "reset": ("POST", "/v1/reset"),
    "report": ("POST", "/v1/report"),
    "reports": ("GET", "/v1/reports"),
}

Json = dict[str, Any]


class Preview(msgspec.Struct):
    """Events as they would be stored and sent, to the byte, and what would be rejected."""

    events: list[msgspec.Raw] = []
    rejected: list[Rejection] = []


class RefusedError(SidespoolError):
    """The daemon understood and said no; `reason` is one of the protocol's stable words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"the daemon refused: {detail or reason}")
        self.reason = reason


def find_door(paths: DataPaths) -> Door:
    """Where the daemon of this data directory listens; raises DaemonUnreachableError."""
    try:
        return read_door(paths.root)
    except DaemonUnreachableError as error:
        raise DaemonUnreachableError(f"{error.message} for {paths.root}", hint=_HINT) from error


class DaemonControl:
    """A connection to one running daemon, opened with the first question."""

    def __init__(self, door: Door, client: str = "cli") -> None:
        self.door = door
        self._client = client
        self._socket: socket.socket | None = None
        self._lines: Any = None
        self._next_id = 1

    @classmethod
    def connect(cls, paths: DataPaths, client: str = "cli") -> "DaemonControl":
        """A control that was greeted; raises DaemonUnreachableError."""
        control = cls(find_door(paths), client)
        control.greet()
        return control

    def greet(self) -> None:
        """Makes sure that the daemon is there and knows the token."""
        if not self.door.socket or not hasattr(socket, "AF_UNIX"):
            self.get_json("/v1/settings")
            return
        try:
            self._open(self.door.socket)
        except FileNotFoundError:  # the file is gone or out of reach: the port may do
            self.get_json("/v1/settings")
        except OSError as error:
            raise self._gone(error) from error

    def _open(self, path: str) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.settimeout(CONNECT_S)
            link.connect(path)
            link.settimeout(ANSWER_S)
            hello = {"op": "hello", "client": self._client, "token": self.door.token}
            link.sendall(msgspec.json.encode(hello) + b"\n")
            lines = link.makefile("rb")
            welcome = _decode(lines.readline())
        except BaseException:
            link.close()
            raise
        if welcome.get("op") != "welcome":
            link.close()
            raise DaemonUnreachableError("the daemon does not know this token", hint=_HINT)
        self._socket, self._lines = link, lines

    # -- operations ----------------------------------------------------------------------------

    def ask(self, op: str, **fields: Any) -> Json:
        """The reply to an operation; raises RefusedError, DaemonUnreachableError."""
        reply = self._ask_socket(op, fields) if self._socket else self._ask_http(op, fields)
        if reply.get("op") == "error":
            raise RefusedError(str(reply.get("reason")), str(reply.get("detail", "")))
        return {key: value for key, value in reply.items() if key not in ("op", "id")}

    def _ask_socket(self, op: str, fields: Json) -> Json:
        frame_id, self._next_id = self._next_id, self._next_id + 1
        frame = msgspec.json.encode({"op": op, "id": frame_id, **fields})
        try:
            assert self._socket is not None
            self._socket.sendall(frame + b"\n")
            while line := self._lines.readline():
                reply = _decode(line)
                if reply.get("id") == frame_id:
                    return reply
        except OSError as error:
            raise self._gone(error) from error
        raise DaemonUnreachableError("the daemon ended before it answered", hint=_HINT)

    def _ask_http(self, op: str, fields: Json) -> Json:
        if op not in _TWINS:
            raise RefusedError("malformed", f"{op} is offered on the local socket only")
        method, path = _TWINS[op]
        content: Any = fields
        if op == "emit":
            content = fields["events"]
        status, body = self.request(
            method, path, None if method == "GET" else msgspec.json.encode(content)
        )
        reply = _decode(body)
        if status >= 400:
            return {"op": "error", "reason": reply.get("error"), "detail": reply.get("detail", "")}
        return reply

    # -- HTTP ----------------------------------------------------------------------------------

    def get_json(self, path: str) -> Json:
        """A JSON document of the HTTP door."""
        return _decode(self._get(path))

    def get_lines(self, path: str) -> list[bytes]:
        """JSON lines of the HTTP door, exactly as it sends them."""
        return [line for line in self._get(path).split(b"\n") if line]

    def history_lines(self, batch_id: str) -> list[bytes] | None:
        """The events of a batch that was sent; None where it is not in the history."""
        status, body = self.request("GET", f"/v1/history?batch={quote(batch_id, safe='')}")
        if status == 404:
            return None
        return [line for line in _checked(status, body).split(b"\n") if line]

    def preview(self, events: bytes) -> Preview:
        """What a JSON array of events would be sent as."""
        body = _checked(*self.request("POST", "/v1/preview", events))
        return msgspec.json.decode(body, type=Preview)

    def _get(self, path: str) -> bytes:
        return _checked(*self.request("GET", path))

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of one request with the token."""
        headers = {"Authorization": f"Bearer {self.door.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.door.host, self.door.port, timeout=ANSWER_S)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._gone(error) from error
        finally:
            connection.close()

    # -- the end -------------------------------------------------------------------------------

    def _gone(self, error: Exception) -> DaemonUnreachableError:
        if isinstance(error, TimeoutError):
            text = f"the daemon (pid {self.door.pid}) does not answer"
            return DaemonUnreachableError(text, hint="Look at its log, or restart the app")
        text = f"the daemon that ran here (pid {self.door.pid}) is gone"
        return DaemonUnreachableError(text, hint=_HINT)

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._lines.close()
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _checked(status: int, body: bytes) -> bytes:
    if status == 200:
        return body
    reply = _decode(body)
    raise RefusedError(str(reply.get("error", status)), str(reply.get("detail", "")))


def _decode(raw: bytes) -> Json:
    """A JSON object; DaemonUnreachableError for what no daemon says."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        text = "what answers there does not speak as the daemon does"
        raise DaemonUnreachableError(text, hint=_HINT) from error
