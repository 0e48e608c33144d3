"""Runs the real command line in a process of its own, with a clean environment."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.daemon import clean_environment

DEADLINE_S = 60


class Said:
    """How a verb ended and what it said."""

    def __init__(self, done: "subprocess.CompletedProcess[bytes]") -> None:
        self.code = done.returncode
        self.raw = done.stdout
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()

    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)

    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """`cli("emit", "ChatTurn")` on one data directory."""

    def __init__(self, data_dir: Path, **env: str) -> None:
        self.env = {"TELEMETRY_DATA_DIR": str(data_dir), **env}

    def __call__(self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Said:
        """Runs `sidespool ARGS` to its end."""
        return Said(
            subprocess.run(
                [sys.executable, "-m", "sidespool", *args],
                env=clean_environment({**self.env, **(env or {})}),
                input=stdin.encode(),
                capture_output=True,
                timeout=DEADLINE_S,
                check=False,
            )
        )


@contextmanager
def running_collector(folder: Path) -> Iterator[dict[str, Any]]:
    """`sidespool collector serve` with SQLite in `folder`; its listening line, tokens included."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "sidespool", "collector", "serve", "--json",
            "--listen", "127.0.0.1:0", "--store", f"sqlite:///{folder / 'collector.db'}",
        ],
        env=clean_environment({}), stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line: dict[str, Any] = json.loads(process.stdout.readline())
        yield line
    finally:
        process.terminate()
        process.wait(DEADLINE_S)
        if process.stdout is not None:
            process.stdout.close()
