"""One case of a corpus, and the counting of leaks and damage."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Scrub = Callable[[str, dict[str, object] | None], str]


@dataclass(frozen=True)
class Case:
    """``leak`` must be gone from the output, ``keep`` must still be in it."""

    id: str
    text: str
    leak: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    context: dict[str, object] | None = None


@dataclass
class Score:
    leaked: int = 0
    planted: int = 0
    damaged: int = 0
    kept: int = 0
    faults: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def leak_share(self) -> float:
        return 100 * self.leaked / max(1, self.planted)

    @property
    def damage_share(self) -> float:
        return 100 * self.damaged / max(1, self.kept)


def score(cases: Iterable[Case], scrub: Scrub) -> Score:
    """Counts each planted token that survives and each wanted token that does not."""
    total = Score()
    for case in cases:
        output = scrub(case.text, case.context)
        for token in case.leak:
            assert token in case.text, (case.id, token)
            total.planted += 1
            if token in output:
                total.leaked += 1
                total.faults.append(("LEAK", case.id, token, f"{case.text!r} -> {output!r}"))
        for token in case.keep:
            assert token in case.text, (case.id, token)
            total.kept += 1
            if token not in output:
                total.damaged += 1
                total.faults.append(("DAMAGE", case.id, token, f"{case.text!r} -> {output!r}"))
    return total


def rows(name: str) -> list[Any]:
    """The JSON lines of a data file beside this module."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def texts(name: str) -> list[str]:
    """The lines of a text file beside this module."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in text.split("\n") if line.strip()]


def written(name: str) -> list[Case]:
    """Cases that are written out in a data file."""
    return [
        Case(f"{name}-{n}", r["input"], tuple(r["leak"]), tuple(r["keep"]), r.get("context"))
        for n, r in enumerate(rows(name), 1)
    ]
