"""`sidespool run`: the sidecar daemon. Parses its own few flags, so that starting stays fast."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sidespool.cli.flags import USAGE, Flags

if TYPE_CHECKING:
    from sidespool.wire.catalog import Catalog

EXIT_ENDED, EXIT_CONFIG, EXIT_DATA_DIR, EXIT_PORT = 0, 2, 3, 4


def main(argv: list[str]) -> int:
    """Runs the daemon; returns its exit code."""
    flags = Flags(argv)
    if flags.help:
        sys.stdout.write(USAGE)
        return EXIT_ENDED
    if flags.problem:
        sys.stderr.write(f"sidespool run: {flags.problem}\n{USAGE}")
        return EXIT_CONFIG
    from sidespool.errors import ConfigError, DataDirError, PortTakenError, SidespoolError

    try:
        return _start(flags)
    except SidespoolError as error:
        sys.stderr.write(f"sidespool run: {error}\n")
        codes = ((ConfigError, EXIT_CONFIG), (DataDirError, EXIT_DATA_DIR),
                 (PortTakenError, EXIT_PORT))  # fmt: skip
        return next((code for kind, code in codes if isinstance(error, kind)), EXIT_CONFIG)


def _start(flags: Flags) -> int:
    import json

    from sidespool.config import read_config
    from sidespool.runtime.doorstep import (
        announce,
        make_private_dirs,
        open_doors,
        say,
        take_place_or_find,
    )
    from sidespool.runtime.end_signal import EndSignal
    from sidespool.runtime.ids import new_token
    from sidespool.runtime.paths import data_paths

    config = read_config(os.environ)
    catalog = _catalog(config.catalog)
    _check_exporters(config.exporter)
    _check_endpoint(config.endpoint, config.allow_insecure, config.exporter)
    _check_way(config.proxy, config.ca_file)
    paths = data_paths(config)
    make_private_dirs(paths)
    place = take_place_or_find(paths)
    if place is None:
        sys.stderr.write("sidespool run: another process holds this data directory\n")
        return EXIT_DATA_DIR
    if isinstance(place, dict):
        say(json.dumps(place, separators=(",", ":")))
        return EXIT_ENDED
    doorstep = open_doors(paths, place, flags.port, new_token())
    signals = EndSignal()
    signals.install()
    try:
        announce(doorstep)
        from sidespool.cli.serve import serve

        return serve(config, doorstep, catalog, flags, signals)
    finally:
        doorstep.close()


def _catalog(path: str) -> "Catalog":
    """The built-in catalog, and the application's own where TELEMETRY_CATALOG names one."""
    from sidespool.wire.builtin import builtin_catalog

    if not path:
        return builtin_catalog()
    from sidespool.cli.app_catalog import with_app_catalog

    return with_app_catalog(builtin_catalog(), Path(path))


def _check_exporters(names: tuple[str, ...]) -> None:
    if names == ("http",):
        return
    from sidespool.runtime.exporters.factory import check_names

    check_names(names)


def _check_endpoint(endpoint: str, allow_insecure: bool, exporters: tuple[str, ...]) -> None:
    if not endpoint:
        return
    from sidespool.core.endpoint import NETWORK_EXPORTERS, check_endpoint

    if NETWORK_EXPORTERS.isdisjoint(exporters):
        return

    checked = check_endpoint(endpoint, allow_insecure)
    if isinstance(checked, Exception):
        raise checked


def _check_way(proxy: str, ca_file: str) -> None:
    """What is seldom set may take its time; what is wrong is told before the ready line."""
    if proxy:
        from sidespool.core.endpoint import check_proxy

        checked = check_proxy(proxy, "TELEMETRY_PROXY")
        if isinstance(checked, Exception):
            raise checked
    if ca_file:
        from sidespool.runtime.tls import check_ca_file

        check_ca_file(Path(ca_file))
