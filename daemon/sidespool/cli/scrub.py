"""``sidespool scrub``: the scrubber that runs on events, as a filter for anyone to try."""

import getpass
import platform
import sys
import tempfile
from pathlib import Path

import click

from sidespool.core.scrub import ScrubContext
from sidespool.core.scrub.lines import LineScrubber


@click.command("scrub")
@click.option("--json", "as_json", is_flag=True, help="Accepted for uniformity: answers are JSON.")
def scrub(as_json: bool) -> None:
    """Scrub JSON lines from standard input.

    One request a line, {"id", "op": "scrub"|"template", "input", "context"?}; one answer a line,
    {"id", "output"} or {"id", "error"}. Without a context this machine's own names are used.
    """
    del as_json
    scrubber = LineScrubber(machine_context())
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line.strip():
            continue
        sys.stdout.write(scrubber.answer(line) + "\n")
        sys.stdout.flush()


def machine_context() -> ScrubContext:
    """What this machine tells of its user; unknown facts stay empty."""
    return ScrubContext(
        username=_username(),
        full_name=_full_name(),
        hostname=platform.node(),
        home=_home(),
        tmp=tempfile.gettempdir(),
    )


def _username() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _home() -> str:
    try:
        return str(Path.home())
    except (RuntimeError, KeyError):
        return ""


def _full_name() -> str:
    """The name field of the account's GECOS entry, where the OS has one."""
    try:
        import os
        import pwd

        return pwd.getpwuid(os.getuid()).pw_gecos.split(",", 1)[0]
    except (ImportError, KeyError, AttributeError):
        return ""
