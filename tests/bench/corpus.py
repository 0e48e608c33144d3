"""The events of the benchmarks: 467 bytes each on average, as the clients of this house send them.

Each carries its own id, time and session. 2.5 % are errors with a stack of 48 lines, made of the
functions of an application of 60 folders. Most errors of an application come again and again from
the same places, so a trace is one of `PLACES`; with `fresh=True` no trace comes twice, nor a
position in it. Everything is seeded.
"""

import json
import random
from typing import Any

from support.event_mix import payload

PLACES, FUNCTIONS, FOLDERS = 200, 400, 60
MEAN_BYTES = 467
_KINDS = ("ChatTurn", "ToolCall", "ProposalCreated", "ProposalDecision", "Error")
_WEIGHTS = (40, 30, 12, 15.5, 2.5)
_WORDS = ("parser", "session", "renderer", "workspace", "provider", "approval", "history")
_SHAPE = "    at async {}Service.{}FromPending{} (/home/al/work/assistant/{}/{}/{}.service.ts"
_TOOLS = ("mcp__filesystem__read_text_file", "mcp__workspace__run_tests_in_terminal", "grep")
_MODELS = ("claude-opus-4-5-20251101", "gpt-5.1-codex-max-2025", "mistral-large-instruct")


def _functions(dice: random.Random) -> list[str]:
    """What stands in a trace for each function, but for line and column."""
    folders = ["packages/{}-{}/src/{}".format(*dice.choices(_WORDS, k=3)) for _ in range(FOLDERS)]
    made = []
    for _ in range(FUNCTIONS):
        one, two, three = dice.choices(_WORDS, k=3)
        names = one.title(), two, three.title(), dice.choice(folders), one, two
        made.append(_SHAPE.format(*names))
    return made


def _trace(dice: random.Random, functions: list[str]) -> str:
    frames = [
        f"{function}:{dice.randint(1, 2_000)}:{dice.randint(1, 80)})"
        for function in dice.choices(functions, k=47)
    ]
    return "\n".join(["TypeError: e is undefined", *frames])


def events(count: int, seed: int = 3, *, fresh: bool = False) -> list[dict[str, Any]]:
    """Events as a client sends them."""
    dice = random.Random(seed)
    functions = _functions(dice)
    places = [_trace(dice, functions) for _ in range(PLACES)]
    session = _uuid(dice, 0)
    made = []
    for n, kind in enumerate(dice.choices(_KINDS, _WEIGHTS, k=count)):
        content = payload(kind, dice)
        if kind == "ChatTurn":
            content["model"] = dice.choice(_MODELS)
        if kind == "ToolCall":
            content["tool_name"] = dice.choice(_TOOLS)
        if kind == "Error":
            content["stack_trace"] = _trace(dice, functions) if fresh else dice.choice(places)
            content["message"] = f"Cannot read properties of undefined (reading 'f{n % 9}')"
        at = f"2026-11-{n // 2_880_000 + 1:02}T{n // 120_000 % 24:02}:{n // 2_000 % 60:02}"
        made.append(
            {
                "event_type": kind,
                "event_id": _uuid(dice, n),
                "timestamp": f"{at}:{n // 40 % 50 + 10}.{n % 40 * 25:03}Z",
                "session_id": session,
                "payload": content,
            }
        )
    return made


def _uuid(dice: random.Random, n: int) -> str:
    rest = f"{dice.getrandbits(76):019x}"
    return f"019ab3c4-{n // 4096 & 0xFFFF:04x}-7{n & 0xFFF:03x}-8{rest[:3]}-{rest[3:15]}"


def frames(per_frame: int, count: int, seed: int = 3, *, fresh: bool = False) -> list[bytes]:
    """`emit` frames of `per_frame` events each, without a line end."""
    made = events(per_frame * count, seed, fresh=fresh)
    return [
        json.dumps(
            {"op": "emit", "id": n, "events": made[n * per_frame : (n + 1) * per_frame]},
            separators=(",", ":"),
        ).encode()
        for n in range(count)
    ]
