"""Runs the daemon's loop until it is asked to end: signals, end of standard input, `shutdown`."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from sidespool.app.daemon import Daemon
from sidespool.cli.flags import Flags
from sidespool.config import Config
from sidespool.errors import DataDirError, SidespoolError
from sidespool.runtime.doorstep import Doorstep
from sidespool.runtime.end_signal import EndSignal
from sidespool.runtime.log import LOGGER, start_log
from sidespool.runtime.paths import policy_file
from sidespool.wire.catalog import Catalog

EXIT_FAULT = 1
# A call into a dead disk or a hung driver cannot be cancelled; the process ends over it.
OVERTIME_S = 0.9
_COMPLAINTS_MAX = 20  # of the event loop, such as "too many open files" a thousand times a second


def serve(
    config: Config, doorstep: Doorstep, catalog: Catalog, flags: Flags, signals: EndSignal
) -> int:
    """Returns the exit code; DataDirError where the disk refuses at the start."""
    start_log(doorstep.paths.logs, verbose=flags.verbose)
    try:
        asyncio.run(_serve(config, doorstep, catalog, flags, signals))
    except Exception as fault:
        return _explain(fault, doorstep)
    return 0


def _explain(fault: Exception, doorstep: Doorstep) -> int:
    """Raises what a person can act on; anything else goes to the log."""
    causes = list(_causes(fault))
    for cause in causes:
        if isinstance(cause, SidespoolError):
            raise cause
    if all(isinstance(cause, OSError) for cause in causes):
        said = getattr(causes[0], "strerror", None) or causes[0]
        raise DataDirError(
            f"the data directory {doorstep.paths.root} failed: {said}",
            hint="Check its permissions and the free space of its disk",
        ) from fault
    LOGGER.error("the daemon ended by a fault: %s", causes, exc_info=fault)
    sys.stderr.write("sidespool run: ended by a fault, see the log\n")
    return EXIT_FAULT


def _causes(fault: BaseException) -> Iterator[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        for one in fault.exceptions:
            yield from _causes(one)
    else:
        yield fault


async def _serve(
    config: Config, doorstep: Doorstep, catalog: Catalog, flags: Flags, signals: EndSignal
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_Complaints())
    daemon = Daemon(config, doorstep, catalog, flags.policy or policy_file(), stdio=flags.stdio)
    daemon.on_stop = lambda: _never_outlive(config.shutdown_grace_s)

    def stop() -> None:
        loop.call_soon_threadsafe(daemon.stop)

    signals.listen(stop)
    LOGGER.info("started, pid %d", os.getpid())
    await daemon.run(watch_stdin=flags.stdio or flags.exit_with_stdin)
    LOGGER.info("ended")


class _Complaints:
    """What asyncio cannot raise goes to the log, a few times; never to standard error."""

    def __init__(self) -> None:
        self._left = _COMPLAINTS_MAX

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self._left > 0:
            self._left -= 1
            LOGGER.warning("event loop: %s: %r", context.get("message"), context.get("exception"))


def _never_outlive(grace_s: float) -> None:
    timer = threading.Timer(grace_s + OVERTIME_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
