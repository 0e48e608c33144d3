"""A daemon for the length of one question, for verbs that need one where none runs.

It is the real daemon, started as the app would and ended in order, so that admission, consent,
scrubbing, locking and recovery are the very same. What it must not do is take this terminal's
settings for the app's: where they would delete what the app has collected under its own, the verb
refuses instead.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sidespool.cli.place import place
from sidespool.config import Config
from sidespool.errors import DaemonUnreachableError, SidespoolError
from sidespool.runtime.control import DaemonControl
from sidespool.runtime.paths import DataPaths

if TYPE_CHECKING:
    import subprocess

    from sidespool.core.consent import Verdict

_END_S = 30.0
# What the app tells its daemon and this terminal may not know.
_OF_THE_APP = ("app_settings", "feature")


@contextlib.contextmanager
def some_daemon(*, sends: bool) -> Iterator[tuple[DaemonControl, bool]]:
    """The running daemon, else one for a moment; and whether it is the latter.

    `sends` says whether the latter may use the network. Raises SidespoolError.
    """
    config, paths = place()
    try:
        control = DaemonControl.connect(paths)
    except DaemonUnreachableError:
        with _started(config, paths, sends=sends) as own:
            yield own, True
        return
    with control:
        yield control, False


@contextlib.contextmanager
def _started(config: Config, paths: DataPaths, *, sends: bool) -> Iterator[DaemonControl]:
    import subprocess

    from sidespool.cli.verdict import judge

    refuse_to_delete(paths, judge(config, paths))
    process = subprocess.Popen(
        [*_command(), "--exit-with-stdin"],
        env=_environment(sends=sends),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SidespoolError(_last_words(process), hint="Correct it and try again")
        with DaemonControl.connect(paths) as control:
            yield control
            control.ask("shutdown")
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_END_S)  # closes its input: it ends in any case


def _command() -> list[str]:
    frozen = bool(getattr(sys, "frozen", False))
    return [sys.executable, "run"] if frozen else [sys.executable, "-m", "sidespool", "run"]


def _environment(*, sends: bool) -> dict[str, str]:
    quiet = {} if sends else {"TELEMETRY_LOCAL": "1"}
    return {**os.environ, "TELEMETRY_SHUTDOWN_GRACE_S": "0", **quiet}


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    _, said = process.communicate(timeout=_END_S)
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no daemon could be started"


def refuse_to_delete(paths: DataPaths, verdict: "Verdict") -> None:
    """Raises SidespoolError where this terminal's settings would cost events of the app."""
    from sidespool.core.record import parse_name

    asked = verdict.decided_by == "consent" and verdict.must_ask
    if verdict.decided_by not in _OF_THE_APP and not asked:
        return  # the user, an administrator or DO_NOT_TRACK: what goes is meant to go
    names = [parse_name(path.name) for path in paths.spool.glob("*")]
    above = [name for name in names if name is not None and name.level > verdict.level]
    if above:
        given = "start the app, or give this terminal the app's TELEMETRY_* settings"
        answered = "`sidespool consent grant` or `deny` answers; else " if asked else ""
        raise SidespoolError(
            f"events wait that need level {max(one.level for one in above).label}, and here "
            f"{verdict.because}: a daemon with these settings would delete them",
            hint=(answered + given)[0].upper() + (answered + given)[1:],
        )
