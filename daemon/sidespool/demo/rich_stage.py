"""The live picture of the demo on a terminal: scenes, counters, and what happens right now."""

import time
from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_LINES = 6
_COLOURS = {"main": "cyan", "renderer": "magenta", "backend": "yellow", "user": "green"}


class RichStage:
    """Drawn ten times a second by rich's own thread, from what was last told."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._done: list[tuple[str, str, float]] = []
        self._scene = ""
        self._began = time.monotonic()
        self._lines: deque[tuple[str, str]] = deque(maxlen=_LINES)
        self._figures: dict[str, int] = {}
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            get_renderable=self._picture, console=self._console, refresh_per_second=10
        )

    def open(self) -> None:
        """Starts drawing."""
        self._live.start()

    def begin(self, scene: str) -> None:
        """The next scene, with its spinner."""
        self._scene = scene
        self._began = time.monotonic()
        self._lines.clear()

    def end(self, outcome: str) -> None:
        """A tick and the outcome."""
        self._done.append((self._scene, outcome, time.monotonic() - self._began))
        self._scene = ""

    def say(self, who: str, text: str) -> None:
        """A line in the window of what happens."""
        self._lines.append((who, text))

    def count(self, **figures: int) -> None:
        """Counters, shown in the order in which they first came."""
        self._figures.update(figures)

    def close(self) -> None:
        """Draws once more, without the window of what happens."""
        self._lines.clear()
        self._figures.clear()
        self._live.stop()

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [self._scenes()]
        if self._figures:
            parts.append(self._counters())
        if self._scene and self._lines:
            parts.append(self._happening())
        title = "[bold]Sidespool demo[/]  [dim]everything stays on this machine[/]"
        return Panel(Group(*parts), title=title, title_align="left", border_style="dim")

    def _scenes(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column(no_wrap=True)
        table.add_column(style="dim")
        table.add_column(justify="right", style="dim", no_wrap=True)
        for scene, outcome, took in self._done:
            table.add_row(Text("✓", "green"), scene, Text(outcome), f"{took:.1f} s")
        if self._scene:
            table.add_row(self._spinner, Text(self._scene, "bold"), "", "")
        return table

    def _counters(self) -> RenderableType:
        table = Table.grid(padding=(1, 4, 0, 0))
        cells = []
        for name, value in self._figures.items():
            style = "bold red" if name == "lost" and value else "bold"
            cells.append(Text.assemble((f"{value:,}", style), (f" {name}", "dim")))
        table.add_row(*cells)
        return table

    def _happening(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(min_width=8, no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for who, text in self._lines:
            table.add_row(Text(who, _COLOURS.get(who, "white")), Text(text, "dim"))
        for _ in range(_LINES - len(self._lines)):
            table.add_row("", "")
        return Group(Text(), table)
