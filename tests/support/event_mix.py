"""A believable mix of events, seeded, for benchmarks and load."""

import json
import random
from typing import Any

MODELS = ("claude-opus-4-5", "gpt-5", "local-llama")
TOOLS = ("read_file", "write_file", "grep", "run_tests")


def _stack(dice: random.Random) -> str:
    return "\n".join(
        f"    at f{n} (/home/al/work/app/src/m{dice.randint(0, 20)}.ts:{dice.randint(1, 900)}:7)"
        for n in range(40)
    )


def payload(kind: str, dice: random.Random) -> dict[str, Any]:
    """A payload of an event type."""
    match kind:
        case "ChatTurn":
            return {
                "prompt_length": dice.randint(10, 4_000),
                "response_length": dice.randint(100, 9_000),
                "model": dice.choice(MODELS),
                "latency_ms": dice.randint(100, 20_000),
                "token_count": dice.randint(10, 9_999),
            }
        case "ToolCall":
            return {
                "tool_name": dice.choice(TOOLS),
                "duration_ms": dice.randint(1, 3_000),
                "success": dice.random() < 0.95,
            }
        case "ProposalCreated":
            return {
                "proposal_id": f"{dice.getrandbits(128):032x}",
                "file_count": dice.randint(1, 5),
                "total_lines_changed": dice.randint(1, 500),
                "operation": "edit",
            }
        case "ProposalDecision":
            return {
                "proposal_id": f"{dice.getrandbits(128):032x}",
                "decision": dice.choice(("approved", "rejected", "partial")),
                "review_duration_ms": dice.randint(500, 300_000),
                "files_approved": dice.randint(0, 5),
            }
        case _:
            return {
                "error_type": "TypeError",
                "message": f"Cannot read properties of undefined (reading 'f{dice.randint(0, 9)}')",
                "stack_trace": _stack(dice),
            }


def events(count: int, seed: int = 3, errors: float = 2.5) -> list[dict[str, Any]]:
    """Events as a client sends them; `errors` is their share in percent (with 40-line stacks)."""
    dice = random.Random(seed)
    kinds = ("ChatTurn", "ToolCall", "ProposalCreated", "ProposalDecision", "Error")
    chosen = dice.choices(kinds, (40, 30, 12, 12, errors), k=count)
    return [{"event_type": kind, "payload": payload(kind, dice)} for kind in chosen]


def frames(per_frame: int, count: int, seed: int = 3, errors: float = 2.5) -> list[bytes]:
    """`emit` lines of `per_frame` events each, `count` of them."""
    made = events(per_frame * count, seed, errors)
    return [
        json.dumps(
            {"op": "emit", "id": n, "events": made[n * per_frame : (n + 1) * per_frame]},
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for n in range(count)
    ]
