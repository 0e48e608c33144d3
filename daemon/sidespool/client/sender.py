"""Brings waiting events to the daemon on one thread, and forgets only what was acknowledged.

    idle --emit--> gather 5 ms --> send frames (at most 4 unanswered) --ack--> idle
      ^                                   |
      |  no daemon: back-off 0.05 … 30 s  v lost: unanswered events go back to the outbox
      +-------------- connect <-----------+

Rules: idle means blocked on a bell, with no timer; nothing is awaited on the host's threads except
in `flush` and `stop`; each reconnection reads the runtime file again (new port, new token); a
frame that breaks the connection each time is halved until the one event at fault is found.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from sidespool.client.encode import Drop, EventEncoder
from sidespool.client.link import STALL_S, Answer, Link, LinkLost
from sidespool.client.notice import Notices
from sidespool.client.outbox import Outbox
from sidespool.errors import DaemonUnreachableError

COALESCE_S = 0.005
FRAME_EVENTS_MAX = 250  # 0.3 ms of encoding: as long as a host's thread may wait for the GIL
FRAME_BYTES_MAX = 512 * 1024
WINDOW_FRAMES = 4
BACK_OFF_FIRST_S = 0.05
BACK_OFF_MAX_S = 30.0
BACK_OFF_FLUSHING_S = 0.25  # somebody waits
TICK_FIRST_S = 0.02  # while answers are awaited, how soon newer events are looked at
TICK_MAX_S = 0.25
STRIKES_MAX = 5
_QUIET_REASONS = ("consent_off", "level_too_low")  # the user's choice, not the developer's mistake

Batch = list[tuple[int, bytes]]


class Waiter:
    """Somebody in `flush`; `hasty` ones give up when no daemon can be reached."""

    def __init__(self, bound: int, *, hasty: bool) -> None:
        self.bound = bound
        self.hasty = hasty
        self.ok = False
        self.done = threading.Event()


class Sender:
    """Owns the connection, the frames in flight and the counts of what became of them."""

    def __init__(
        self,
        outbox: Outbox,
        encoder: EventEncoder,
        connect: Callable[[], Link],
        notices: Notices,
    ) -> None:
        self.acknowledged = 0
        self.resent = 0
        self.rejected: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self._outbox = outbox
        self._encoder = encoder
        self._connect = connect
        self._notices = notices
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._waiters: list[Waiter] = []
        self._waiters_lock = threading.Lock()
        self._stopping = False
        self._link: Link | None = None
        self._in_flight: dict[int, Batch] = {}
        self._frame_id = 0
        self._frame_events_max = FRAME_EVENTS_MAX
        self._strikes = 0
        self._failures = 0
        self._retry_at = 0.0
        self._gathering_since = 0.0
        self._progress_at = 0.0
        self._tick_s = TICK_FIRST_S

    # -- called by the host's threads ------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Events sent and not yet answered."""
        return sum(len(batch) for batch in list(self._in_flight.values()))

    @property
    def connected(self) -> bool:
        """Whether the last exchange with a daemon went well."""
        return self._link is not None

    @property
    def level(self) -> str | None:
        """The effective level as the daemon last said it, where the transport tells."""
        link = self._link
        return None if link is None else link.level

    def rouse(self) -> None:
        """Wakes the thread, or starts it at the first event of this process."""
        self._outbox.asleep = False
        self._outbox.ring()
        # a thread that finds the lock taken leaves the start to the one that took it
        if self._thread is None and self._starting.acquire(blocking=False):
            try:
                if self._thread is None and not self._stopping:
                    thread = threading.Thread(target=self._run, name="sidespool", daemon=True)
                    thread.start()
                    self._thread = thread
            except RuntimeError:
                self._outbox.asleep = True  # no threads to be had now: the next emit tries again
                self._notices.say("thread", "no thread could be started")
            finally:
                self._starting.release()

    def flush(self, timeout_s: float, *, hasty: bool) -> bool:
        """Whether all emitted so far found its fate within the time."""
        if self._thread is None and not self._outbox.items:
            return True
        if self._stopping:
            return self._outbox.counts()["shutdown"] == 0
        if threading.current_thread() is self._thread:
            return False  # a hook that flushes would wait for itself
        waiter = Waiter(self._outbox.bound(), hasty=hasty)
        with self._waiters_lock:
            self._waiters.append(waiter)
        self.rouse()
        waiter.done.wait(timeout_s)
        with self._waiters_lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        return waiter.ok

    def stop(self, timeout_s: float) -> None:
        """Ends the thread; what is unanswered then goes back to the outbox."""
        self._stopping = True
        self._outbox.ring()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if thread.is_alive() and (link := self._link) is not None:
                link.interrupt()  # it waits for a daemon that says nothing

    def abandon(self) -> None:
        """In the child of a fork: lets go of the parent's connection without a word on it."""
        if self._link is not None:
            self._link.close(goodbye=False)

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except LinkLost as lost:
                self._on_lost(lost)
            except Exception as error:  # a mistake of ours must not end the host's telemetry
                self._notices.say("sender", f"internal error {type(error).__name__}: {error}")
                self._on_lost(LinkLost("internal error"))
        self._return_in_flight()
        if self._link is not None:
            self._link.close(goodbye=True)
            self._link = None

    def _turn(self) -> None:
        self._settle()
        if not self._in_flight and not self._outbox.items:
            self._outbox.wait(None, for_events=True)
            self._gathering_since = time.monotonic()
        elif self._link is None:
            self._pause()
            if not self._stopping:
                self._reconnect()
        else:
            self._exchange(self._link)

    def _settle(self) -> None:
        """Tells those in `flush` whose events all have found their fate."""
        if not self._waiters:
            return
        oldest = min((n for batch in self._in_flight.values() for n, _ in batch), default=None)
        for waiter in self._waiting():
            answered = oldest is None or oldest >= waiter.bound
            if answered and self._outbox.passed(waiter.bound):
                self._release(waiter, ok=True)

    def _waiting(self) -> list[Waiter]:
        with self._waiters_lock:
            return list(self._waiters)

    def _release(self, waiter: Waiter, *, ok: bool) -> None:
        with self._waiters_lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        waiter.ok = ok
        waiter.done.set()

    def _pause(self) -> None:
        """Waits out the back-off; new events do not shorten it, a flush does."""
        left_s = self._retry_at - time.monotonic()
        if self._waiters:
            left_s = min(left_s, BACK_OFF_FLUSHING_S)
        if left_s > 0:
            self._outbox.wait(left_s, for_events=False)

    def _reconnect(self) -> None:
        try:
            self._link = self._connect()
        except (DaemonUnreachableError, LinkLost) as error:
            self._notices.say("absent", f"waiting for the daemon: {error}", level=logging.INFO)
            self._back_off()
            for waiter in self._waiting():
                if waiter.hasty:
                    self._release(waiter, ok=False)

    def _back_off(self) -> None:
        delay_s = min(BACK_OFF_FIRST_S * 2.0 ** min(self._failures, 16), BACK_OFF_MAX_S)
        self._failures += 1
        self._retry_at = time.monotonic() + delay_s

    def _exchange(self, link: Link) -> None:
        """One turn with a daemon there: send what is due, then read what it says."""
        due_s = self._due_s()
        if due_s <= 0:
            self._fill(link)
            due_s = self._due_s()
        if not self._in_flight:
            if self._outbox.items and due_s > 0:
                self._outbox.wait(due_s, for_events=False)
            return
        for answer in link.receive(min(self._tick_s, max(due_s, 0.001))):
            self._on_answer(answer)
        self._tick_s = min(self._tick_s * 2, TICK_MAX_S)
        if self._in_flight and time.monotonic() - self._progress_at > STALL_S:
            raise LinkLost("the daemon does not answer")

    def _due_s(self) -> float:
        """In how many seconds to send: 0 for now, much where nothing waits or may be sent."""
        waiting = len(self._outbox.items)
        window = WINDOW_FRAMES if self._frame_events_max == FRAME_EVENTS_MAX else 1
        if not waiting or len(self._in_flight) >= window:
            return STALL_S
        if waiting >= self._frame_events_max or self._waiters:
            return 0.0
        return max(self._gathering_since + COALESCE_S - time.monotonic(), 0.0)

    def _fill(self, link: Link) -> None:
        """Sends frames while the window is open."""
        for answer in link.receive(0):  # settings pushed meanwhile; a daemon that went shows here
            self._on_answer(answer)
        while batch := self._gather():
            if not self._in_flight:
                self._progress_at = time.monotonic()
            self._frame_id += 1
            self._in_flight[self._frame_id] = batch  # first: what may have left is sent again
            link.send(self._frame_id, [line for _, line in batch])
            self._tick_s = TICK_FIRST_S
            self._gathering_since = time.monotonic()
            if self._due_s() > 0:
                return

    def _gather(self) -> Batch:
        batch: Batch = []
        size_bytes = 0
        while len(batch) < self._frame_events_max and size_bytes < FRAME_BYTES_MAX:
            item = self._outbox.take()
            if item is None:
                break
            line = item[1] if len(item) == 2 else self._encoder.encode(item)
            if isinstance(line, Drop):
                self.dropped[line] += 1
                self._notices.say(f"drop {line}", f"an event was dropped: {line}")
                continue
            batch.append((item[0], line))
            size_bytes += len(line)
        return batch

    def _on_answer(self, answer: Answer) -> None:
        if answer.op == "error" and self._in_flight:
            blames = answer.reason in ("malformed", "too_large")
            raise LinkLost(f"the daemon says {answer.reason or 'error'}", blames_frame=blames)
        if answer.op != "ack" or not isinstance(answer.id, int):
            return
        batch = self._in_flight.pop(answer.id, None)
        if batch is None:
            return
        refused = answer.rejected[: len(batch)]
        self.acknowledged += len(batch) - len(refused)
        for entry in refused:
            self.rejected[entry.reason] += 1
            quiet = entry.reason in _QUIET_REASONS
            self._notices.say(
                f"rejected {entry.reason}",
                f"the daemon rejected an event: {entry.reason} {entry.detail}".rstrip(),
                level=logging.DEBUG if quiet else logging.WARNING,
            )
        self._progress_at = time.monotonic()
        self._failures = self._strikes = 0
        self._tick_s = TICK_FIRST_S
        self._frame_events_max = min(self._frame_events_max * 2, FRAME_EVENTS_MAX)

    def _on_lost(self, lost: LinkLost) -> None:
        self._notices.say("lost", f"the connection was lost: {lost}", level=logging.INFO)
        if self._link is not None:
            self._link.close(goodbye=False)
            self._link = None
        if lost.blames_frame and self._in_flight:
            self._suspect(next(iter(self._in_flight.values())))
        self._return_in_flight()
        self._back_off()

    def _suspect(self, batch: Batch) -> None:
        """Narrows down a frame that may have broken the connection to one event, and drops it."""
        self._frame_events_max = max(min(len(batch), self._frame_events_max) // 2, 1)
        self._strikes = self._strikes + 1 if len(batch) == 1 else 0
        if self._strikes >= STRIKES_MAX:
            self._strikes = 0
            self.dropped[Drop.REFUSED] += 1
            self._notices.say("drop refused", "an event was dropped: it breaks the connection")
            batch.clear()

    def _return_in_flight(self) -> None:
        unanswered = [event for batch in self._in_flight.values() for event in batch]
        self._in_flight.clear()
        self.resent += len(unanswered)
        self._outbox.put_back(unanswered)
