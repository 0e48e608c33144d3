"""One row of the table of speed: what was asked, what was measured, and a peer of the same run."""

import sys
from dataclasses import dataclass, field


@dataclass
class Row:
    """`measured` and `bar` in `unit`; `at_least` where more is better; no bar: only told."""

    what: str
    measured: float
    unit: str
    bar: float | None = None
    at_least: bool = False
    peer: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def met(self) -> bool:
        """Whether the bar is met, also where there is none."""
        if self.bar is None:
            return True
        return self.measured >= self.bar if self.at_least else self.measured <= self.bar

    def cells(self) -> list[str]:
        """The row's columns as text."""
        sign = "≥" if self.at_least else "≤"
        bar = "" if self.bar is None else f"{sign} {figure(self.bar)} {self.unit}"
        mark = "" if self.bar is None else ("met" if self.met else "MISSED")
        measured = f"{figure(self.measured)} {self.unit}"
        return [self.what, bar, measured, mark, "; ".join([self.peer, *self.notes]).strip("; ")]


def figure(value: float) -> str:
    """With as many digits as mean something."""
    if value >= 1_000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


HEAD = "| what | bar | measured | | in the same run |\n|---|---|---|---|---|"


def tell(rows: list[Row]) -> None:
    """Prints rows as they come, as lines of a Markdown table."""
    for row in rows:
        sys.stdout.write("| " + " | ".join(row.cells()) + " |\n")
    sys.stdout.flush()
