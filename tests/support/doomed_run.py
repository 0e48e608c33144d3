"""Runs the real daemon with a disk that kills it, or refuses, at a named call. Not in the product.

    python doomed_run.py PLAN run [flags]

PLAN is JSON: `{"log": FILE}` writes the name of each call, `{"kill": [NAME, N]}` ends the process
with SIGKILL right before the N-th call of that name (from 0), `{"errno": CODE, "names": [...],
"while": FILE}` lets these calls fail as long as FILE is there. A call's name is what is done and
to what: `sync spool.active`, `rename tally.json`, `sync_dir spool`.
"""

import json
import os
import signal
import sys
from pathlib import Path

import sidespool.app.daemon
from sidespool.__main__ import main
from sidespool.runtime.disk import Disk

PLAN = json.loads(sys.argv[1])


class DoomedDisk(Disk):
    """Every call on real files, announced before it is made."""

    def __init__(self) -> None:
        self._kinds: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._log = open(PLAN["log"], "w", buffering=1) if "log" in PLAN else None  # noqa: SIM115

    def _before(self, call: str, kind: str) -> None:
        name = f"{call} {kind}"
        number = self._counts.get(name, 0)
        self._counts[name] = number + 1
        if self._log is not None:
            self._log.write(name + "\n")
        if PLAN.get("kill") == [name, number]:
            os.kill(os.getpid(), signal.SIGKILL)
        if "errno" in PLAN and name in PLAN["names"] and Path(PLAN["while"]).exists():
            raise OSError(PLAN["errno"], os.strerror(PLAN["errno"]))

    def create(self, path: Path) -> int:
        self._before("create", kind(path))
        fd = super().create(path)
        self._kinds[fd] = kind(path)
        return fd

    def open_for_repair(self, path: Path) -> int:
        self._before("open_for_repair", kind(path))
        fd = super().open_for_repair(path)
        self._kinds[fd] = kind(path)
        return fd

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        self._before("write_at", self._kinds.get(fd, "?"))
        super().write_at(fd, data, offset)

    def truncate(self, fd: int, size_bytes: int) -> None:
        self._before("truncate", self._kinds.get(fd, "?"))
        super().truncate(fd, size_bytes)

    def sync(self, fd: int) -> None:
        self._before("sync", self._kinds.get(fd, "?"))
        super().sync(fd)

    def sync_dir(self, path: Path) -> None:
        self._before("sync_dir", path.name if path.name in FOLDERS else "above")
        super().sync_dir(path)

    def rename(self, old: Path, new: Path) -> None:
        self._before("rename", kind(new))
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        if path.exists():
            self._before("remove", kind(path))
        super().remove(path)


FOLDERS = ("data", "spool", "history", "deletion", "attachments")


def kind(path: Path) -> str:
    """`spool.active`, `history`, `tally.json`, `deletion.json`, …; temporary files as their own."""
    name = path.name.removesuffix(".tmp")
    folder = path.parent.name
    if folder == "spool":
        return f"spool.{name.rpartition('.v1.')[2]}"
    return f"{folder}.{name.rpartition('.')[2]}" if folder in FOLDERS[2:] else name


if __name__ == "__main__":
    vars(sidespool.app.daemon)["Disk"] = DoomedDisk
    sys.argv = ["sidespool", *sys.argv[2:]]
    sys.exit(main())
