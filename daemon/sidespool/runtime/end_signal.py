"""Catches the signals that ask the daemon to end, from before the ready line on.

A parent may ask right after it has read that line, while the loop does not run yet; the system's
own answer would then kill the process and leave its runtime file behind.
"""

import signal
import sys
from collections.abc import Callable
from types import FrameType


class EndSignal:
    """Remembers that an end was asked for, until somebody listens."""

    def __init__(self) -> None:
        self._asked = False
        self._listener: Callable[[], None] | None = None

    def install(self) -> None:
        """Takes over SIGTERM and SIGINT (Windows: CTRL_BREAK and CTRL_C). Main thread only."""
        if sys.platform == "win32":
            numbers = (signal.SIGBREAK, signal.SIGINT)
        else:
            numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if self._listener is not None:
            self._listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """From now on `listener` is called, at once where the signal has come already.

        It runs between two bytecodes of the main thread and must be safe there.
        """
        self._listener = listener
        if self._asked:
            listener()
