"""The daemon's own log: rotated files under the data directory, 5 MiB in all.

Nothing is opened before the first line. The log never holds an event, a token or a path of the
user; messages of other libraries are not taken in.
"""

import logging
import sys
from pathlib import Path

from sidespool.core.policy import LOG_BYTES_MAX, LOG_FILES

LOGGER = logging.getLogger("sidespool")
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _LazyFile(logging.Handler):
    """Opens the rotating file when the first record arrives."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._inner: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._inner is None:
                from logging.handlers import RotatingFileHandler

                self._inner = RotatingFileHandler(
                    self._folder / "daemon.log",
                    maxBytes=LOG_BYTES_MAX,
                    backupCount=LOG_FILES,
                    encoding="utf-8",
                )
                self._inner.setFormatter(logging.Formatter(_FORMAT))
            self._inner.emit(record)
        except OSError:
            return  # a log that cannot be written stops nothing


def start_log(folder: Path, *, verbose: bool) -> None:
    """Sends the daemon's messages to its log and, with `verbose`, to standard error."""
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    LOGGER.propagate = False
    LOGGER.handlers = [_LazyFile(folder)]
    logging.raiseExceptions = False
    if verbose:
        shown = logging.StreamHandler(sys.stderr)
        shown.setFormatter(logging.Formatter(_FORMAT))
        LOGGER.addHandler(shown)
