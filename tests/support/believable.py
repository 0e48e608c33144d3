"""Makes a believable month of events, as daemons would send them, from a seed."""

import math
import random
from collections.abc import Iterator
from typing import Any

from sidespool.wire.event import format_time, uuid7

DAY_MS = 86_400_000
MODELS = (("sonata-4", 1900, 6), ("sonata-4-mini", 700, 9), ("opus-large", 4200, 2))
TOOLS = (
    ("read_file", 35, 0.995), ("search_code", 160, 0.98), ("run_tests", 9000, 0.86),
    ("apply_patch", 90, 0.94), ("list_files", 20, 0.999), ("shell", 1400, 0.9),
)  # fmt: skip
ERRORS = (
    ("TypeError", "Cannot read properties of undefined (reading {PROPERTY_NAME})", 9),
    ("TimeoutError", "request to {URL} timed out after {DURATION}", 7),
    ("PatchConflict", "hunk {NUMBER} of {FILE_NAME} does not apply", 5),
    ("ENOSPC", "no space left on device, write {PATH}", 2),
    ("JSONDecodeError", "Expecting value: line {NUMBER} column {NUMBER}", 2),
)
STACK = (
    "TypeError: Cannot read properties of undefined\n"
    "    at renderDiff (app.asar/dist/diff-view.js:212:18)\n"
    "    at ProposalPanel.update (app.asar/dist/proposal-panel.js:88:9)\n"
    "    at processTicksAndRejections (node:internal/process/task_queues:95:5)"
)


class Month:
    """Events of `installs` installations over `days` days that end at `until_ms`."""

    def __init__(self, until_ms: int, days: int = 30, installs: int = 60, seed: int = 7) -> None:
        self._dice = random.Random(seed)
        self._until_ms = until_ms
        self._days = days
        self._users = [
            (self._id(), self._dice.choice(("windows", "windows", "macos", "macos", "linux")))
            for _ in range(installs)
        ]

    def _id(self) -> str:
        return uuid7(
            self._dice.getrandbits(48), self._dice.getrandbits(12), self._dice.getrandbits(62)
        )

    def sessions(self) -> Iterator[list[dict[str, Any]]]:
        """One list of events for each session, in order of days."""
        start = self._until_ms - self._days * DAY_MS
        for day in range(self._days):
            begins = start + day * DAY_MS
            weekday = (begins // DAY_MS + 4) % 7  # 0 is Sunday
            presence = (0.12 if weekday in (0, 6) else 0.55) * (0.7 + 0.5 * day / self._days)
            for user, system in self._users:
                for _ in range(2 if self._dice.random() < 0.25 else 1):
                    if self._dice.random() < presence:
                        yield self._session(user, system, begins, day / self._days)

    def _session(self, user: str, system: str, day: int, age: float) -> list[dict[str, Any]]:
        dice = self._dice
        session, seq = self._id(), 0
        version = "2.4.1" if age > 0.45 + 0.3 * dice.random() else "2.4.0"
        version = "2.3.6" if dice.random() < 0.08 else version
        at = day + int((8 + 9 * dice.random()) * 3_600_000)
        events: list[dict[str, Any]] = []

        def add(kind: str, payload: dict[str, Any], pause_s: float) -> None:
            nonlocal at, seq
            at += int(1000 * pause_s * (0.5 + dice.random()))
            seq += 1
            if at >= self._until_ms:
                return
            events.append({
                "event_id": uuid7(at, dice.getrandbits(12), dice.getrandbits(62)),
                "event_type": kind, "timestamp": format_time(at), "session_id": session,
                "user_id": user, "app_id": "acme.assistant", "app_version": version, "os": system,
                "seq": seq, "payload": payload,
            })  # fmt: skip

        add(
            "SessionStart",
            {"app_version": version, "os": system, "arch": "x64", "host": "electron"},
            1,
        )
        created = approved = 0
        for _ in range(dice.randint(2, 9)):
            self._turn(add, age)
            if dice.random() < 0.45:
                created += 1
                approved += self._proposal(add)
            if dice.random() < 0.05:
                self._error(add, version)
        add(
            "SessionEnd",
            {"duration_ms": at - day, "proposals_created": created, "proposals_approved": approved,
             "reason": "crashed" if dice.random() < 0.02 else "quit"},
            30,
        )  # fmt: skip
        return events

    def _turn(self, add: Any, age: float) -> None:
        dice = self._dice
        model, median, _ = dice.choices(MODELS, [weight for *_, weight in MODELS])[0]
        latency = median * math.exp(dice.gauss(0, 0.45)) * (1.0 if age < 0.7 else 0.88)
        add(
            "ChatTurn",
            {"prompt_length": dice.randint(20, 900), "response_length": dice.randint(100, 4000),
             "model": model, "latency_ms": round(latency, 1),
             "token_count": dice.randint(200, 3000)},
            70,
        )  # fmt: skip
        for _ in range(dice.randint(0, 4)):
            tool, typical, success = dice.choice(TOOLS)
            works = dice.random() < success
            payload = {
                "tool_name": tool, "duration_ms": round(typical * math.exp(dice.gauss(0, 0.7)), 1),
                "success": works,
            }  # fmt: skip
            add("ToolCall", payload if works else {**payload, "error_type": "ToolFailed"}, 3)

    def _proposal(self, add: Any) -> int:
        dice = self._dice
        proposal = self._id()
        operation = dice.choices(("edit", "create", "refactor", "delete"), (10, 4, 3, 1))[0]
        lines = int(math.exp(dice.gauss(3.2, 1)))
        add(
            "ProposalCreated",
            {"proposal_id": proposal, "file_count": dice.randint(1, 6),
             "total_lines_changed": lines, "operation": operation},
            8,
        )  # fmt: skip
        if dice.random() < 0.1:
            return 0
        decision = dice.choices(("approved", "rejected", "partial"), (72, 20, 8))[0]
        add(
            "ProposalDecision",
            {"proposal_id": proposal, "decision": decision,
             "review_duration_ms": round(14_000 * math.exp(dice.gauss(0, 0.9)), 1),
             "files_approved": 1 if decision != "rejected" else 0},
            25,
        )  # fmt: skip
        return int(decision == "approved")

    def _error(self, add: Any, version: str) -> None:
        kind, message, _ = self._dice.choices(ERRORS, [weight for *_, weight in ERRORS])[0]
        if kind == "PatchConflict" and version == "2.4.1":
            return  # fixed in that version
        add("Error", {"error_type": kind, "message": message, "stack_trace": STACK}, 5)
