"""Tells the developer what went wrong, through `logging.getLogger("sidespool")`, and rarely.

Telemetry must not become a log flood: each kind of notice is said once a minute at most, with the
number of times it happened meanwhile. A logging handler that raises, or that itself emits an
event, does not reach the caller and does not recurse.
"""

import logging
import time

_LOG = logging.getLogger("sidespool")
_QUIET_S = 60.0


class Notices:
    """Rate-limited messages by kind."""

    def __init__(self) -> None:
        self._silent_until: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def say(self, kind: str, text: str, *, level: int = logging.WARNING) -> None:
        """Logs `text` unless this kind was said in the last minute. Never raises."""
        now = time.monotonic()
        if now < self._silent_until.get(kind, 0.0):
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._silent_until[kind] = now + _QUIET_S  # before logging: a handler may emit events
        unsaid = self._unsaid.pop(kind, 0)
        more = f" ({unsaid} more times since)" if unsaid else ""
        try:
            _LOG.log(level, "sidespool: %s%s", text, more)
        except Exception:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
