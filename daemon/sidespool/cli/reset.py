"""`sidespool reset`: deletes everything here and asks for the deletion of the rest elsewhere.

Works through the running daemon, else in the data directory itself; the request then waits there
for the next start. `--status` shows how far the requests are.
"""

import time
from typing import TYPE_CHECKING, Any

import click

from sidespool.cli.place import confirm, place, say_json, verb_options, wants_json

if TYPE_CHECKING:
    from sidespool.config import Config
    from sidespool.core.erasure import Erasure
    from sidespool.runtime.paths import DataPaths

_BUSY_S = 5.0  # how long a daemon may take between its lock and its open doors
_WORDS = {
    "queued": "waits to be sent to the collector",
    "accepted": "is with the collector, which has not finished yet",
    "erased": "is done: the collector has erased everything",
    "handed_over": "was handed to the exporter; nobody reports back from there",
    "waiting_for_mail": "waits for you to send this mail",
}


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--status", "only_status", is_flag=True, help="Show the deletion requests so far.")
@verb_options
def reset(yes: bool, only_status: bool) -> int:
    """Delete everything on this machine, and request the deletion of what was sent."""
    config, paths = place()
    if only_status:
        return _say(_requests(paths), config, "No deletion was requested.")
    confirm("This deletes all telemetry here and requests its deletion elsewhere.", yes)
    _carry_out(config, paths)
    return _say(_requests(paths), config, "Everything here is deleted; nothing was ever sent.")


def _carry_out(config: "Config", paths: "DataPaths") -> None:
    from sidespool.errors import DaemonUnreachableError
    from sidespool.runtime.control import DaemonControl

    limit = time.monotonic() + _BUSY_S
    while True:
        try:
            with DaemonControl.connect(paths) as control:
                control.ask("reset")
                return
        except DaemonUnreachableError:
            if _by_hand(config, paths):
                return
            if time.monotonic() > limit:
                raise
        time.sleep(0.1)


def _by_hand(config: "Config", paths: "DataPaths") -> bool:
    """False where a daemon holds the directory."""
    from sidespool.runtime.disk import Disk
    from sidespool.runtime.doorstep import make_private_dirs, take_place
    from sidespool.runtime.identity import load_install
    from sidespool.runtime.reset import begin_reset, finish_reset, forget_key

    make_private_dirs(paths)
    lock = take_place(paths)
    if lock is None:
        return False
    try:
        disk = Disk()
        install, _ = load_install(disk, paths.install_file)
        begun = begin_reset(disk, paths, install.history)
        finish_reset(disk, paths, begun, config.deletion)
        forget_key(disk, paths, config.app_id, config.full_content_key)
    finally:
        lock.release()
    return True


def _requests(paths: "DataPaths") -> "list[Erasure]":
    from sidespool.runtime.disk import Disk
    from sidespool.runtime.reset import load_requests

    return load_requests(Disk(), paths) if paths.deletion.is_dir() else []


def _say(requests: "list[Erasure]", config: "Config", without: str) -> int:
    import msgspec

    from sidespool.core.erasure import mail_of

    told: list[dict[str, Any]] = []
    for one in requests:
        entry = msgspec.to_builtins(one)
        link = mail_of(one, config.app_id)
        told.append({**entry, "mailto": link} if link else entry)
    if wants_json():
        say_json({"deletion": told})
        return 0
    for entry in told:
        _tell(entry)
    if not told:
        click.echo(without)
    return 0


def _tell(entry: dict[str, Any]) -> None:
    from sidespool.wire.event import format_time

    when = format_time(entry["requested_ms"])[:10]
    click.echo(f"The request of {when} {_WORDS.get(entry['state'], entry['state'])}.")
    if entry.get("receipt"):
        click.echo(f"  receipt: {entry['receipt']}")
    if entry.get("problem"):
        click.echo(f"  last attempt: {entry['problem']}; it goes on trying")
    if entry.get("mailto"):
        click.echo(f"  {entry['mailto']}")
    if entry.get("counts"):
        counts = ", ".join(f"{n} {what}" for what, n in sorted(entry["counts"].items()))
        click.echo(f"  erased: {counts}")
