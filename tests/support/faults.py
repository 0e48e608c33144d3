"""Faults of the machine beneath a real process: its disk, its clock, its names.

    with Faults(data_dir) as faults, start(settings(...) | faults.env) as daemon:
        faults.set(write_errno=errno.ENOSPC)
        ...
        faults.clear()

A small C library is loaded before the C library's own (`fault_shim.c`), compiled once a run. It
looks at a mapped page at every call, so faults come and go while the process runs.
"""

import functools
import mmap
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

SOURCE = Path(__file__).with_name("fault_shim.c")
LAYOUT = struct.Struct("<qiiiiiiiiq")
NAMES = (
    "clock_shift_ns",
    "write_errno",
    "sync_errno",
    "open_errno",
    "rename_errno",
    "delay_us",
    "short_writes",
    "dns_error",
    "read_errno",
    "hits",
)
EAI_AGAIN, EAI_NONAME = -3, -2  # <netdb.h>: the name server is silent; it knows no such name


@functools.cache
def library() -> Path:
    """The compiled shim; the test is named as not run where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("not run: the fault shim needs Linux and a C compiler")
    made = Path(tempfile.mkdtemp(prefix="sidespool-faults-")) / "fault_shim.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return made


class Faults:
    """The switches of one process; file faults hit what lies under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._values = dict.fromkeys(NAMES, 0)
        self._file = Path(tempfile.mkdtemp(prefix="sidespool-faults-")) / "control"
        self._file.write_bytes(bytes(LAYOUT.size))
        self._folder = folder
        self._map: mmap.mmap | None = None

    @property
    def env(self) -> Mapping[str, str]:
        """What the process is started with."""
        return {
            "LD_PRELOAD": str(library()),
            "FAULT_CONTROL": str(self._file),
            "FAULT_PREFIX": str(self._folder),
        }

    @property
    def hits(self) -> int:
        """How many faults were given so far."""
        assert self._map is not None
        found: int = LAYOUT.unpack(self._map[:])[-1]
        return found

    def set(self, **values: int) -> None:
        """Switches these; the others stay as they are."""
        assert self._map is not None
        self._values |= values
        size = LAYOUT.size - 8  # the process counts its hits behind
        raw = LAYOUT.pack(*(self._values[name] for name in NAMES))
        self._map[:size] = raw[:size]

    def clear(self) -> None:
        """The disk works and names are found; the clock stays where it was put."""
        shift = self._values["clock_shift_ns"]
        self.set(**(dict.fromkeys(NAMES[:-1], 0) | {"clock_shift_ns": shift}))

    def shift_clock(self, seconds: float) -> None:
        """The wall clock jumps by so much from where it is."""
        self.set(clock_shift_ns=self._values["clock_shift_ns"] + int(seconds * 1e9))

    def __enter__(self) -> Self:
        with self._file.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        return self

    def __exit__(self, *_: object) -> None:
        if self._map is not None:
            self._map.close()
        shutil.rmtree(self._file.parent, ignore_errors=True)
