"""Runs the daemon's loop until it is asked to end: signals, end of standard input, `shutdown`."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sidespool.app.daemon import Daemon
from sidespool.config import Config
from sidespool.errors import DataDirError
from sidespool.runtime.doorstep import Doorstep
from sidespool.runtime.log import LOGGER, start_log
from sidespool.wire.catalog import Catalog

if TYPE_CHECKING:
    from sidespool.cli.run import Flags


def serve(
    config: Config, doorstep: Doorstep, catalog: Catalog, policy: Path, flags: "Flags"
) -> int:
    """Returns the exit code; DataDirError where the disk refuses at the start."""
    start_log(doorstep.paths.logs, verbose=flags.verbose)
    try:
        asyncio.run(_serve(config, doorstep, catalog, policy, flags))
    except OSError as error:
        raise DataDirError(
            f"the data directory {doorstep.paths.root} failed: {error.strerror or error}",
            hint="Check its permissions and the free space of its disk",
        ) from error
    except BaseExceptionGroup as group:
        LOGGER.error("the daemon ended by a fault: %s", group.exceptions, exc_info=group)
        sys.stderr.write("sidespool run: ended by a fault, see the log\n")
        return 1
    return 0


async def _serve(
    config: Config, doorstep: Doorstep, catalog: Catalog, policy: Path, flags: "Flags"
) -> None:
    daemon = Daemon(config, doorstep, catalog, policy, stdio=flags.stdio)
    _on_signals(daemon)
    LOGGER.info("started, pid %d", os.getpid())
    await daemon.run(watch_stdin=flags.stdio or flags.exit_with_stdin)
    LOGGER.info("ended")


def _on_signals(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        # The proactor loop takes no signal handlers; a plain one wakes the loop.
        for number in (signal.SIGBREAK, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(daemon.stop))
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
