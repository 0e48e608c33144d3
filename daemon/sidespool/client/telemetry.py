"""The public client: hands a host's events to the local daemon, at no risk to the host.

Every method returns at once (but `flush` and `shutdown`, which say how long they take) and none
raises, whatever it is given. Connection, encoding and retries happen on one daemon thread that
starts with the first event and sleeps while there is nothing to do.
"""

import atexit
import os
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from time import time_ns
from typing import Any

import msgspec

from sidespool.client.dial import dial
from sidespool.client.discovery import find_data_dir, read_door
from sidespool.client.encode import BeforeSend, Drop, EventEncoder
from sidespool.client.link import Link
from sidespool.client.notice import Notices
from sidespool.client.outbox import Numbers, Outbox
from sidespool.client.report import error_payload
from sidespool.client.sender import Sender
from sidespool.client.tool import ToolCall
from sidespool.wire.event import SESSION_SHAPE

BUFFER_MAX = 10_000
EXIT_FLUSH_S = 1.0
WAIT_MAX_S = 3600.0


class Stats(msgspec.Struct, frozen=True):
    """What became of the events of this process.

    When nothing is on its way, `emitted == acknowledged + sum(rejected) + sum(dropped) + waiting`.
    `rejected` counts by the daemon's reasons, `dropped` by this client's (encode.Drop).
    """

    emitted: int
    acknowledged: int
    waiting: int
    in_flight: int
    resent: int
    connected: bool
    level: str | None
    rejected: dict[str, int]
    dropped: dict[str, int]


class Telemetry:
    """Emits events to the daemon of one application.

    `app_id` (default `TELEMETRY_APP_ID`, else `app`) and `data_dir` (default `TELEMETRY_DATA_DIR`,
    else the OS's place for the app) tell where the daemon is. `session_id` joins the events to
    the app's session. At most `buffer_max` events wait; beyond that the oldest are dropped and
    counted. `before_send` gets `{"event_type","payload","event_id","timestamp"}` on the sender's
    thread and returns it, changed or not, or None to drop it; if it raises, the event is dropped.
    """

    def __init__(
        self,
        app_id: str | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        session_id: str | None = None,
        buffer_max: int = BUFFER_MAX,
        client: str = "python",
        before_send: BeforeSend | None = None,
    ) -> None:
        self._notices = Notices()
        self._misused = Numbers()
        self._app_id = self._checked("app_id", app_id, str)
        self._named_dir = self._checked("data_dir", data_dir, str | os.PathLike)
        self._client = self._checked("client", client, str) or "python"
        self._session_id = self._checked("session_id", session_id, str)
        if self._session_id is not None and SESSION_SHAPE.fullmatch(self._session_id) is None:
            self._session_id = self._checked("session_id", object(), str)
        whole = self._checked("buffer_max", buffer_max, int)
        self._buffer_max = whole if whole and 0 < whole < sys.maxsize else BUFFER_MAX
        hook = self._checked("before_send", before_send, object)
        self._before_send = hook if callable(hook) else None
        self._closed = False
        self._open()
        _INSTANCES.add(self)

    def _open(self) -> None:
        """A fresh buffer and sender: at the start, and again in the child of a fork."""
        self._outbox = Outbox(self._buffer_max)
        encoder = EventEncoder(self._session_id, self._before_send)
        self._sender = Sender(self._outbox, encoder, self._dial, self._notices)

    def _dial(self) -> Link:
        return dial(read_door(self.data_dir), self._client, self._session_id)

    @property
    def data_dir(self) -> Path:
        """Where the daemon's runtime file is looked for."""
        return find_data_dir(self._named_dir, self._app_id)

    def emit(
        self,
        event_type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timestamp: object = None,
    ) -> None:
        """Queues one event. The payload is copied one level deep; its time and id are of now.

        `timestamp` may set another time: RFC 3339 text with a zone, a datetime, or Unix seconds.
        """
        try:
            if type(payload) is not dict:
                payload = _plain(payload)
            outbox = self._outbox
            outbox.append((outbox.number(), time_ns(), event_type, payload.copy(), timestamp))
            if outbox.asleep:
                self._sender.rouse()
        except Exception as error:
            self._misuse("emit", error)

    track_event = trackEvent = capture = emit

    def capture_exception(
        self, exc: BaseException | None = None, *, context: object = None
    ) -> None:
        """Emits an `Error` for the exception, or for the one being handled.

        `context` is a short text or a map of short values. Source text and variables stay here.
        """
        try:
            error = sys.exc_info()[1] if exc is None else exc
            if not isinstance(error, BaseException):
                raise TypeError("there is no exception to report")
            self.emit("Error", error_payload(error, context))
        except Exception as error:
            self._misuse("capture_exception", error)

    captureException = capture_exception  # the name other clients use

    def tool_call(self, name: str) -> ToolCall:
        """A context manager and decorator that emits a `ToolCall` with duration and outcome."""
        return ToolCall(self.emit, name)

    def flush(self, timeout_s: float = 5) -> bool:
        """Waits until all emitted so far is acknowledged (or rejected); False if it takes longer.

        In a coroutine, call it through `asyncio.to_thread`.
        """
        return self._flush(timeout_s, hasty=False)

    def flush_for_exit(self, timeout_s: float = EXIT_FLUSH_S) -> bool:
        """As `flush`, but does not wait for a daemon that cannot be reached at once."""
        return self._flush(timeout_s, hasty=True)

    def _flush(self, timeout_s: float, *, hasty: bool) -> bool:
        try:
            return self._sender.flush(_seconds(timeout_s), hasty=hasty)
        except Exception as error:
            self._misuse("flush", error)
            return False

    def shutdown(self, timeout_s: float = 2) -> bool:
        """Flushes for at most `timeout_s` and ends; without a daemon it does not wait for one.

        What is emitted afterwards is dropped and counted.
        """
        try:
            deadline = time.monotonic() + _seconds(timeout_s)
            if self._closed:
                return True
            self._closed = True
            flushed = self.flush_for_exit(deadline - time.monotonic())
            self._sender.stop(max(deadline - time.monotonic(), 0.05))
            self._outbox.close()
        except Exception as error:
            self._misuse("shutdown", error)
            return False
        return flushed

    @property
    def dropped(self) -> int:
        """Events lost in this client, for any reason."""
        return sum(self.stats.dropped.values())

    @property
    def stats(self) -> Stats:
        """The counts of this process; cheap, but not for hot loops."""
        sender, counts = self._sender, self._outbox.counts()
        misused = self._misused.look()[1]
        dropped = dict(sender.dropped)
        dropped[Drop.INVALID] = dropped.get(Drop.INVALID, 0) + misused
        dropped[Drop.OVERFLOW] = counts["overflow"]
        dropped[Drop.SHUTDOWN] = counts["shutdown"]
        return Stats(
            emitted=counts["emitted"] + misused,
            acknowledged=sender.acknowledged,
            waiting=counts["waiting"],
            in_flight=sender.in_flight,
            resent=sender.resent,
            connected=sender.connected,
            level=sender.level,
            rejected=dict(sender.rejected),
            dropped={str(reason): count for reason, count in dropped.items() if count},
        )

    def _checked(self, name: str, value: Any, kind: Any) -> Any:
        """The argument, or None with a notice where it is of no use."""
        if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
            return value
        self._notices.say(f"argument {name}", f"{name} is of no use and was left out")
        return None

    def _misuse(self, where: str, error: Exception) -> None:
        """Counts a call that could not be understood; says so once a minute."""
        self._misused.take()
        self._notices.say(f"misuse {where}", f"{where} was called wrongly: {type(error).__name__}")


_INSTANCES: "weakref.WeakSet[Telemetry]" = weakref.WeakSet()


def _plain(payload: object) -> dict[str, Any]:
    """A dict of any mapping; raises on what is none."""
    if payload is None:
        return {}
    if isinstance(payload, Mapping):
        return dict(payload)
    raise TypeError("a payload is a mapping")


def _seconds(value: float) -> float:
    """A waiting time between 0 and an hour; raises on what is no number."""
    return min(float(value), WAIT_MAX_S) if value > 0 else 0.0


def _renew_after_fork() -> None:
    """The child has no sender thread, and the waiting events are its parent's to deliver."""
    for telemetry in list(_INSTANCES):
        telemetry._sender.abandon()
        if not telemetry._closed:
            telemetry._misused = Numbers()
            telemetry._open()


def _flush_at_exit() -> None:
    """Interpreter exit: at most a second for all clients, and none without a daemon."""
    deadline = time.monotonic() + EXIT_FLUSH_S
    for telemetry in list(_INSTANCES):
        if not telemetry._closed:
            telemetry.flush_for_exit(deadline - time.monotonic())


atexit.register(_flush_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)
