"""Mixed load on one daemon, through every door, that remembers what it was promised."""

import base64
import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from sidespool.wire.event import uuid7
from sidespool.wire.level import Level
from support.daemon import RunningDaemon
from support.four_doors import Page, page

KINDS: dict[str, tuple[Level, dict[str, Any]]] = {
    "ChatTurn": (Level.USAGE, {"model": "m", "prompt_length": 800, "latency_ms": 1_300}),
    "ToolCall": (Level.USAGE, {"tool_name": "write_file", "duration_ms": 12, "success": True}),
    "Error": (
        Level.ERROR,
        {"error_type": "TypeError", "message": "x of undefined in /home/u/a"},
    ),
    "Crash": (Level.CRASH, {"process": "renderer", "reason": "oom", "exit_code": 9}),
    "ChatTurnFull": (Level.FULL, {"prompt": "why " * 40, "response": "because " * 60}),
}
WEIGHTS = (8, 6, 3, 1, 1)


class Promises:
    """Every acknowledged event: when (monotonic seconds) and at which level."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[float, Level]] = {}
        self.refused: dict[str, int] = {}
        self.lowered: list[tuple[float, Level]] = []  # when a lowering was over, and to what
        self.broken: list[str] = []
        self._ids = itertools.count(1)

    def make(self, dice: random.Random) -> tuple[dict[str, Any], Level]:
        """An event with an id of its own."""
        (kind,) = dice.choices(list(KINDS), WEIGHTS)
        level, payload = KINDS[kind]
        event_id = uuid7(1_700_000_000_000, 0, next(self._ids))
        return {"event_id": event_id, "event_type": kind, "payload": payload}, level

    def note(self, batch: list[tuple[dict[str, Any], Level]], answer: dict[str, Any]) -> None:
        """What an answer to these events promises."""
        if "accepted" not in answer:
            return
        bad = {one["index"]: one["reason"] for one in answer["rejected"]}
        now = time.monotonic()
        for index, (event, level) in enumerate(batch):
            if index not in bad:
                self.kept[event["event_id"]] = (now, level)
        for reason in bad.values():
            self.refused[reason] = self.refused.get(reason, 0) + 1

    def withdrawn(self, event_id: str) -> bool:
        """Whether a lowering came after the promise and reaches the event."""
        when, needs = self.kept[event_id]
        return any(when <= at and needs > level for at, level in self.lowered)


class Load:
    """Threads that go on until `stop`; whatever a door does, they come back."""

    def __init__(self, daemon: RunningDaemon, promises: Promises, seed: int, rate: float) -> None:
        """`rate` is events a second over all doors."""
        self._daemon, self._promises, self._rate = daemon, promises, rate
        self._stopping = threading.Event()
        self._seed = seed
        jobs = [self._by_socket, self._by_page, self._by_http, self._attach, self._look]
        self._threads = [
            threading.Thread(target=self._again, args=(job, number), daemon=True)
            for number, job in enumerate(jobs)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when nobody emits any more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _again(self, job: Callable[[random.Random], None], number: int) -> None:
        dice = random.Random(f"{self._seed} {number}")
        while not self._stopping.is_set():
            try:
                job(dice)
            except (OSError, EOFError, TimeoutError, ConnectionError) as error:
                if len(self._promises.broken) < 100:
                    self._promises.broken.append(f"{job.__name__}: {error!r}")
            self._stopping.wait(0.1)

    def _emit(self, ask: Callable[[list[dict[str, Any]]], dict[str, Any]], dice: Any) -> None:
        """Some frames over one connection."""
        for _ in range(dice.randrange(5, 60)):
            if self._stopping.is_set():
                return
            batch = [self._promises.make(dice) for _ in range(dice.choice([1, 1, 3, 20]))]
            self._promises.note(batch, ask([event for event, _ in batch]))
            self._stopping.wait(3 * len(batch) / self._rate * dice.random() * 2)

    def _by_socket(self, dice: random.Random) -> None:
        with self._daemon.client("electron-main") as client:
            self._emit(lambda events: client.ask("emit", events=events), dice)

    def _by_page(self, dice: random.Random) -> None:
        with page(self._daemon) as socket:
            one = Page(socket)
            one.send({"op": "hello", "client": "renderer"})
            self._emit(lambda events: one.ask("emit", events=events), dice)

    def _by_http(self, dice: random.Random) -> None:
        def post(events: list[dict[str, Any]]) -> dict[str, Any]:
            answer = self._daemon.request("POST", "/v1/events", events)
            found: dict[str, Any] = answer.json()
            return found if answer.status == 202 else {}

        self._emit(post, dice)

    def _look(self, dice: random.Random) -> None:
        """What a person does: asks for a flush, looks at what waits and at what was sent."""
        for path in ("/v1/status", "/v1/history"):
            assert self._daemon.request("GET", path).status == 200
        with self._daemon.client("cli") as client:
            client.ask("flush")
        self._stopping.wait(3 + 4 * dice.random())

    def _attach(self, dice: random.Random) -> None:
        with self._daemon.client("python") as client:
            for _ in range(dice.randrange(2, 8)):
                event, level = self._promises.make(dice)
                self._promises.note([(event, level)], client.ask("emit", events=[event]))
                data = base64.b64encode(dice.randbytes(2_000)).decode()
                fields = {"name": "state.txt", "content_type": "text/plain", "data": data}
                client.ask("attach", event_id=event["event_id"], **fields)
                if self._stopping.wait(1 + dice.random()):
                    return
