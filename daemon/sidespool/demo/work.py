"""Invents what people do with the app: sessions of chat turns, tool calls, proposals, decisions.

Everything is a function of the dice handed in, so a seed repeats a day exactly.
"""

import random
from collections.abc import Iterator

import msgspec

from sidespool.demo.person import Person, Secrets
from sidespool.demo.trouble import Payload, invent_error

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
_MODELS = {  # name → (share, seconds to answer, spread)
    "atlas-large": (5, 6.5, 0.5),
    "atlas-mini": (4, 1.4, 0.4),
    "local-8b": (2, 3.1, 0.9),
}
_TOOLS = {  # name → (share, milliseconds, failures)
    "read_file": (9, 12, 0.01),
    "search_code": (6, 180, 0.02),
    "apply_patch": (4, 60, 0.06),
    "run_tests": (3, 14_000, 0.22),
    "web_fetch": (2, 900, 0.11),
}
_OPERATIONS = {"edit": 8, "create": 3, "refactor": 2, "delete": 1}


class Happening(msgspec.Struct, frozen=True):
    """One event: when (Unix milliseconds), which process of the app sees it, what it is."""

    at_ms: int
    who: str
    event_type: str
    payload: Payload


class Tally(msgspec.Struct):
    """What the end of a session reports."""

    created: int = 0
    approved: int = 0


class Worker:
    """One person at work with one version of the app."""

    def __init__(self, dice: random.Random, person: Person, secrets: Secrets, version: str) -> None:
        self._dice = dice
        self._person = person
        self._secrets = secrets
        self._version = version

    def session(self, start_ms: int, turns: int) -> list[Happening]:
        """A whole session, from start to end, in order of time."""
        counts = Tally()
        middle = list(self.turns(start_ms + 20_000, turns, counts))
        end_ms = max((one.at_ms for one in middle), default=start_ms) + 30_000
        return [
            *self.begin(start_ms),
            *sorted(middle, key=_time),
            *self.end(start_ms, end_ms, counts),
        ]

    def begin(self, at_ms: int) -> list[Happening]:
        """The app starts and a workspace is opened."""
        who = self._person
        workspace = who.path("work", self._secrets.client_project)
        return [
            Happening(at_ms, "main", "SessionStart", {
                "app_version": self._version, "os": who.os, "os_version": who.os_version,
                "arch": who.arch, "install_method": who.installed_by, "host": "electron",
            }),
            Happening(at_ms + 4_000, "main", "WorkspaceSelected", {
                "workspace_hash": workspace, "is_git_repo": self._dice.random() < 0.9,
            }),
        ]  # fmt: skip

    def end(self, start_ms: int, end_ms: int, counts: Tally) -> list[Happening]:
        """The app ends; once in a while it was a crash."""
        reason = "quit" if self._dice.random() < 0.97 else "crashed"
        payload: Payload = {
            "duration_ms": end_ms - start_ms, "proposals_created": counts.created,
            "proposals_approved": counts.approved, "reason": reason,
        }  # fmt: skip
        out = [Happening(end_ms, "main", "SessionEnd", payload)]
        if reason == "crashed":
            crash: Payload = {"process": "renderer", "reason": "oom", "exit_code": 137}
            out.insert(0, Happening(end_ms - 500, "main", "Crash", crash))
        return out

    def turns(self, start_ms: int, count: int, counts: Tally) -> Iterator[Happening]:
        """Chat turns, and what comes of each."""
        at_ms = start_ms
        for _ in range(count):
            at_ms += int(self._dice.expovariate(1 / (3 * MINUTE_MS))) + 5_000
            turn = self.chat(at_ms)
            yield turn
            yield from self._tools(at_ms)
            if self._dice.random() < 0.42:
                yield from self._proposal(at_ms + 2_000, counts)
            if self._dice.random() < 0.06:
                where, payload = self.error()
                yield Happening(at_ms + 900, where, "Error", payload)

    def chat(self, at_ms: int) -> Happening:
        """One exchange; the newest version answers faster."""
        dice = self._dice
        name = dice.choices(list(_MODELS), [share for share, *_ in _MODELS.values()])[0]
        _, seconds, spread = _MODELS[name]
        faster = 0.72 if self._version.startswith("2.6") and name == "atlas-large" else 1.0
        prompt, answer = int(dice.lognormvariate(5, 1)), int(dice.lognormvariate(6.6, 0.8))
        return Happening(at_ms, "renderer", "ChatTurn", {
            "prompt_length": prompt, "response_length": answer, "model": name,
            "latency_ms": round(seconds * faster * 1000 * dice.lognormvariate(0, spread)),
            "token_count": (prompt + answer) // 4,
        })  # fmt: skip

    def error(self) -> tuple[str, Payload]:
        """An error with the person's data in it."""
        return invent_error(self._dice, self._person, self._secrets, self._version)

    def tool_call(self, at_ms: int) -> Happening:
        """One call of a tool by the backend."""
        dice = self._dice
        name = dice.choices(list(_TOOLS), [share for share, *_ in _TOOLS.values()])[0]
        _, usual_ms, failures = _TOOLS[name]
        failed = dice.random() < failures
        payload: Payload = {
            "tool_name": name, "success": not failed,
            "duration_ms": round(usual_ms * dice.lognormvariate(0, 0.6), 1),
        }  # fmt: skip
        if failed:
            payload["error_type"] = dice.choice(("Timeout", "ExitCode", "PatchRejected"))
        return Happening(at_ms, "backend", "ToolCall", payload)

    def _tools(self, at_ms: int) -> Iterator[Happening]:
        for step in range(self._dice.choices((0, 1, 2, 3, 5), (4, 4, 3, 2, 1))[0]):
            yield self.tool_call(at_ms + 400 * (step + 1))

    def _proposal(self, at_ms: int, counts: Tally) -> Iterator[Happening]:
        dice = self._dice
        files = min(1 + int(dice.expovariate(0.7)), 14)
        proposal = f"p-{dice.getrandbits(40):010x}"
        counts.created += 1
        yield Happening(at_ms, "renderer", "ProposalCreated", {
            "proposal_id": proposal, "file_count": files,
            "total_lines_changed": int(dice.lognormvariate(3.4, 1)),
            "operation": dice.choices(list(_OPERATIONS), list(_OPERATIONS.values()))[0],
        })  # fmt: skip
        if dice.random() < 0.06:
            return  # never looked at
        better = 0.08 if self._version.startswith("2.6") else 0.0
        decision = dice.choices(
            ("approved", "rejected", "partial"), (0.66 + better, 0.21 - better, 0.13)
        )[0]
        counts.approved += decision == "approved"
        took = int(dice.lognormvariate(10.2, 0.8) * self._person.patience * (1 + files / 8))
        passed = {"approved": files, "rejected": 0, "partial": max(files // 2, 1)}[decision]
        yield Happening(at_ms + took, "renderer", "ProposalDecision", {
            "proposal_id": proposal, "decision": decision, "review_duration_ms": took,
            "files_approved": passed,
        })  # fmt: skip


def _time(one: Happening) -> int:
    return one.at_ms
