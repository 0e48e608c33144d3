"""What scrubbing costs, as ratios to ``json.loads`` of the same text, and how cost grows.

    python tests/bench/bench_scrub.py

Prints tables and asserts nothing: times move with the machine, ratios and growth much less. CPU
time is taken, best of several runs. "cold" empties the line cache before every run, "warm" does
not.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.scrub.corpora import adversary  # after the path is set
from sidespool.core.scrub import Scrubber, ScrubContext

CONTEXT = ScrubContext(
    username="marlowe",
    hostname="quillonbox",
    home="/home/marlowe",
    project_roots=("/home/marlowe/work/zephyr",),
)
MESSAGES = {
    "ordinary message": "Cannot read properties of undefined (reading 'map')",
    "ordinary prose": "The operation could not be completed, please try again later.",
    "near miss": "rate limit: number of request tokens has exceeded your quota",
    "one path": "ENOENT: no such file or directory, open '/home/marlowe/deal/plan.docx'",
    "one secret": "login failed password=hunter2 user=marlowe",
}


def microseconds(work: Callable[[], object], runs: int) -> float:
    """Best CPU time of one call, in µs, over five rounds of ``runs`` calls."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time_ns()
        for _ in range(runs):
            work()
        best = min(best, (time.process_time_ns() - start) / runs / 1000)
    return best


def stack(seed: int, size: int = 4096) -> str:
    """A stack trace of Electron's main process with numbers of its own."""
    rng = random.Random(seed)
    lines = [f"TypeError: Cannot read properties of undefined (reading 'x{seed}')"]
    home = "/home/marlowe/work/zephyr"
    while sum(map(len, lines)) + len(lines) < size:
        n = rng.randint(1, 9999)
        lines.append(
            rng.choice(
                (
                    f"    at Object.fn{n} ({home}/src/app/mod{n}.ts:{n}:{n % 90})",
                    f"    at fn{n} ({home}/node_modules/@angular/core/core.mjs:{n}:{n % 90})",
                    f"    at async run{n} (file://{home}/dist/chunk-{n}.js:{n}:{n % 90})",
                    f"    at process.tick (node:internal/process/task_queues:{n}:{n % 90})",
                )
            )
        )
    return "\n".join(lines)


def row(name: str, text: str, cost: float) -> None:
    encoded = json.dumps(text)
    floor = microseconds(lambda: json.loads(encoded), 2000)
    print(f"| {name} | {len(text)} | {cost:.1f} | {cost / floor:.1f} |")


def costs() -> None:
    print("| text | characters | µs | times json.loads |\n|---|---:|---:|---:|")
    scrubber = Scrubber(CONTEXT)
    for name, text in MESSAGES.items():

        def cold(text: str = text) -> str:
            scrubber.forget()
            return scrubber.text(text)

        row(f"{name}, cold", text, microseconds(cold, 300))
        row(f"{name}, warm", text, microseconds(partial(scrubber.text, text), 2000))
    stacks = [stack(seed) for seed in range(64)]
    turn = iter(stacks * 100)

    def cold_stack() -> str:
        scrubber.forget()
        return scrubber.text(next(turn))

    row("4 KB stack, cold", stacks[0], microseconds(cold_stack, 40))
    row("4 KB stack, warm", stacks[0], microseconds(lambda: scrubber.text(stacks[0]), 300))
    row("4 KB stack, template", stacks[0], microseconds(lambda: scrubber.template(stacks[0]), 40))


def growth() -> None:
    print("\n| hostile text | 4 KiB ms | 16 KiB ms | 64 KiB ms | growth per fourfold |")
    print("|---|---:|---:|---:|---:|")
    scrubber = Scrubber(CONTEXT)
    for name in adversary.UNITS:
        times = []
        for size in (4096, 16384, 65536):
            text = adversary.text(name, size)
            scrubber.text(text)

            def once(text: str = text) -> str:
                scrubber.forget()
                return scrubber.text(text)

            times.append(microseconds(once, 1) / 1000)
        ratio = times[2] / max(times[1], 0.01)
        print(f"| {name} | {times[0]:.2f} | {times[1]:.2f} | {times[2]:.2f} | {ratio:.1f} |")


if __name__ == "__main__":
    costs()
    growth()
