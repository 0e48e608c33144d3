"""`sidespool doctor`: checks everything between this machine and the collector."""

import os
from collections.abc import Iterator

import click
import msgspec

from sidespool.cli.check.finding import Finding
from sidespool.cli.place import is_terminal, say_json, verb_options, wants_json
from sidespool.config import Config
from sidespool.errors import SidespoolError
from sidespool.runtime.paths import DataPaths

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@click.command()
@verb_options
def doctor() -> int:
    """Check everything between this machine and the collector, and say what to do.

    Exit code 1 when a check fails. Nothing is changed, and nothing of yours is sent.
    """
    found = []
    for finding in examine():
        found.append(finding)
        if not wants_json():
            _show(finding)
    failed = sum(one.state == "fail" for one in found)
    if wants_json():
        say_json({"ok": not failed, "checks": [msgspec.to_builtins(one) for one in found]})
    elif is_terminal():
        click.echo()
        words = "1 check fails" if failed == 1 else f"{failed} checks fail"
        click.secho(words if failed else "All is well.", bold=True)
    return 1 if failed else 0


def examine() -> Iterator[Finding]:
    """All findings, as they come."""
    from sidespool.cli.check.collector import check_collector
    from sidespool.cli.check.machine import (
        check_daemon,
        check_data_dir,
        check_disk,
        check_keychain,
        read_settings,
    )
    from sidespool.cli.check.noise import check_noise
    from sidespool.runtime.paths import data_paths

    config, found = read_settings(os.environ)
    paths = data_paths(config)
    yield from found
    yield from check_data_dir(paths)
    yield check_disk(paths, config.spool_max_bytes)
    yield check_daemon(paths)
    yield from check_noise(config)
    endpoint = _endpoint(config, paths)
    yield check_keychain(msgspec.structs.replace(config, endpoint=endpoint))
    yield from check_collector(config, endpoint, _token(config))


def _endpoint(config: Config, paths: DataPaths) -> str:
    """The running daemon's own, for its environment may differ from this terminal's."""
    from sidespool.cli.verdict import live_settings
    from sidespool.runtime.control import DaemonControl

    try:
        with DaemonControl.connect(paths) as control:
            return str(control.ask("status").get("endpoint") or "")
    except SidespoolError:
        return live_settings(config).endpoint


def _token(config: Config) -> str | None:
    from sidespool.runtime.keychain import read_secret

    if config.token:
        return config.token
    try:
        return read_secret(config.app_id)
    except SidespoolError:
        return None


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    sign = click.style(mark, fg=colour) if is_terminal() else finding.state
    click.echo(f"{sign:<4} {finding.check:<15} {finding.says}")
    if finding.do:
        click.echo(f"{'':<{4}} {'':<15} → {finding.do}")
