"""Processes that end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.blackbox.outside_world import Collector, Daemon


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts daemons over one data directory; every one is killed at the end."""
    running: list[Daemon] = []

    def begin(*flags: str, data: Path | None = None, ready: bool = True, **env: str) -> Daemon:
        daemon = Daemon(data or tmp_path / "data", *flags, ready=ready, **env)
        running.append(daemon)
        return daemon

    yield begin
    for daemon in running:
        if daemon.process.poll() is None:
            daemon.process.kill()
        daemon.process.wait(10)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A scripted collector."""
    server = Collector()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One local daemon for all tests of a module that leave it as it was."""
    daemon = Daemon(tmp_path_factory.mktemp("shared") / "data", TELEMETRY_FLUSH_INTERVAL_S="3600")
    yield daemon
    daemon.process.kill()
    daemon.process.wait(10)
