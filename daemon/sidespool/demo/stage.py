"""Shows the demo's progress: plain lines where nobody watches, a live picture on a terminal."""

import sys
import time
from typing import IO, Protocol


class Stage(Protocol):
    """What the demo tells its audience."""

    def open(self) -> None:
        """The curtain rises."""

    def begin(self, scene: str) -> None:
        """A scene begins; the one before it is over."""

    def end(self, outcome: str) -> None:
        """The scene is over, with this outcome."""

    def say(self, who: str, text: str) -> None:
        """Something happens within the scene."""

    def count(self, **figures: int) -> None:
        """Counters as they stand."""

    def close(self) -> None:
        """The curtain falls; what was shown stays on the screen."""


class PlainStage:
    """One line a scene, with seconds since the start; events pass in silence."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stdout
        self._started = time.monotonic()
        self._scene = ""

    def open(self) -> None:
        """Says what this is."""
        self._line("Sidespool demo: everything stays on this machine")

    def begin(self, scene: str) -> None:
        """Remembers the scene's name."""
        self._scene = scene

    def end(self, outcome: str) -> None:
        """Prints name and outcome."""
        self._line(f"{self._scene}: {outcome}")

    def say(self, who: str, text: str) -> None:
        """Nothing: a log does not want every event."""

    def count(self, **figures: int) -> None:
        """Nothing: the outcomes carry the figures."""

    def close(self) -> None:
        """Nothing is open."""

    def _line(self, text: str) -> None:
        taken = time.monotonic() - self._started
        self._out.write(f"[{taken:5.1f} s] {text}\n")
        self._out.flush()


class SilentStage(PlainStage):
    """Says nothing at all, for `--json`."""

    def _line(self, text: str) -> None:
        return
