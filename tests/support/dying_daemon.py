"""A daemon whose disk kills it: `python -m support.dying_daemon`, as `sidespool run` otherwise.

As soon as the data directory holds a file `arm` with a number n, the n-th call from then on that
changes the disk is not carried out; the process dies by SIGKILL instead.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from sidespool.app.daemon import Daemon
from sidespool.config import Config, read_config
from sidespool.runtime.disk import Disk
from sidespool.runtime.doorstep import (
    Doorstep,
    announce,
    make_private_dirs,
    open_doors,
    take_place,
)
from sidespool.runtime.ids import new_token
from sidespool.runtime.paths import data_paths
from sidespool.wire.builtin import builtin_catalog

CHANGING = ("create", "write_at", "truncate", "sync", "rename", "remove", "sync_dir")


class DyingDisk(Disk):
    """Real files, until it is time."""

    def __init__(self, arm: Path) -> None:
        self._arm = arm
        self._left: int | None = None

    def _step(self) -> None:
        if self._left is None and self._arm.exists():
            self._left = int(self._arm.read_text() or "0")
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _dying(name: str) -> Any:
    real = getattr(Disk, name)

    def call(self: DyingDisk, *args: Any) -> Any:
        self._step()
        return real(self, *args)

    return call


for _name in CHANGING:
    setattr(DyingDisk, _name, _dying(_name))


def main() -> None:
    """Until it is killed."""
    config = read_config(os.environ)
    paths = data_paths(config)
    make_private_dirs(paths)
    lock = take_place(paths)
    assert lock is not None
    doorstep = open_doors(paths, lock, 0, new_token())
    announce(doorstep)
    asyncio.run(_live(config, doorstep))


async def _live(config: Config, doorstep: Doorstep) -> None:
    root = doorstep.paths.root
    daemon = Daemon(config, doorstep, builtin_catalog(), root / "no-policy.json", stdio=False)
    await daemon.run(watch_stdin=False, disk=DyingDisk(root / "arm"))


if __name__ == "__main__":
    main()
