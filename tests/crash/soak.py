"""Soak: one daemon and one collector under mixed load and faults, for as long as asked.

    python tests/crash/soak.py            an hour (SIDESPOOL_SOAK_S), then a table and two curves

All on loopback. The network between them changes its mood every few seconds; the disk is full,
fails or is slow for moments; the wall clock jumps; the machine is suspended; the level is lowered
and raised. Then all is well again, and it is asked: is every acknowledged event in the collector,
or counted with its reason? Are memory and file descriptors of both where they were? Samples go
to `.make/soak/` as CSV. The dice's seed is printed; SIDESPOOL_SOAK_SEED repeats it.
"""

import contextlib
import csv
import errno
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sidespool.wire.level import Level
from sidespool_collector.auth.tokens import Role, TokenFile
from support.curves import Curve, sample, sparkline
from support.daemon import RunningDaemon, clean_environment, start_daemon, wait_until
from support.faults import Faults
from support.soak_load import Load, Promises
from support.weather import MOODS, Weather, unused_port

SECONDS = float(os.environ.get("SIDESPOOL_SOAK_S", "3600"))
SEED = int(os.environ.get("SIDESPOOL_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
RATE = float(os.environ.get("SIDESPOOL_SOAK_RATE", "150"))  # events a second
OUT = Path(__file__).resolve().parents[2] / ".make" / "soak"
SETTLE_S = 120.0


class Trouble:
    """What happens to a daemon in the world, by the roll of dice; counts each kind."""

    def __init__(self, daemon: RunningDaemon, weather: Weather, faults: Faults) -> None:
        self.counts: dict[str, int] = {}
        self._daemon, self._weather, self._faults = daemon, weather, faults
        self._dice = random.Random(SEED)
        self._promises = Promises()
        self._due: list[tuple[float, float, Callable[[], str]]] = [
            (0.0, 4.0, self._weather_changes),
            (3.0, 9.0, self._disk_fails),
            (6.0, 13.0, self._clock_jumps),
            (9.0, 23.0, self._sleeps),
            (12.0, 31.0, self._is_lowered),
        ]

    def run(self, until: float, promises: Promises, look: Callable[[], None]) -> None:
        """Until that monotonic moment; `look` is called every second."""
        self._promises = promises
        began = time.monotonic()
        plan = [(began + first, every, act) for first, every, act in self._due]
        while (now := time.monotonic()) < until:
            look()
            for index, (due, every, act) in enumerate(plan):
                if now >= due:
                    name = act()
                    self.counts[name] = self.counts.get(name, 0) + 1
                    plan[index] = (now + every * (0.5 + self._dice.random()), every, act)
            time.sleep(1.0)
        self._weather.change("clear")
        self._faults.clear()

    def _weather_changes(self) -> str:
        mood = self._dice.choice(MOODS)
        self._weather.change(mood)
        return f"network {mood}"

    def _disk_fails(self) -> str:
        name, values = self._dice.choice(
            [
                ("full", {"write_errno": errno.ENOSPC, "open_errno": errno.ENOSPC}),
                ("failing to sync", {"sync_errno": errno.EIO}),
                ("read-only", {"open_errno": errno.EROFS, "rename_errno": errno.EROFS}),
                ("slow", {"delay_us": 50_000}),
                ("writing by halves", {"short_writes": 1}),
            ]
        )
        self._faults.set(**values)
        time.sleep(0.5 + self._dice.random())
        self._faults.clear()
        return f"disk {name}"

    def _clock_jumps(self) -> str:
        self._faults.set(clock_shift_ns=int(self._dice.uniform(-7_200, 7_200) * 1e9))
        return "clock jumps"

    def _sleeps(self) -> str:
        self._daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3 + self._dice.random())
        self._faults.shift_clock(600)
        self._daemon.process.send_signal(signal.SIGCONT)
        return "suspended"

    def _is_lowered(self) -> str:
        level = self._dice.choice([Level.ERROR, Level.USAGE, Level.CRASH])
        with contextlib.suppress(OSError, EOFError), self._daemon.client() as client:
            client.ask("set", settings={"level": level.label})
            self._promises.lowered.append((time.monotonic(), level))
            client.ask("set", settings={"level": "full"})
        return "level lowered"


@contextlib.contextmanager
def running_collector(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int, str]]:
    """The product's collector in a process of its own: process, port, token."""
    tokens = TokenFile(folder / "tokens.json")
    token = tokens.create("soak", Role.INGEST, 0)
    port = unused_port()
    env = {
        "COLLECTOR_STORE": f"sqlite:///{folder / 'collector.db'}",
        "COLLECTOR_LISTEN": f"127.0.0.1:{port}",
        "COLLECTOR_TOKENS_FILE": str(folder / "tokens.json"),
        "COLLECTOR_RATE_PER_INSTALL": "100000/s",
        "COLLECTOR_RATE_PER_IP": "100000/s",
    }
    log = (folder / "collector.log").open("wb")
    command = [sys.executable, "-m", "sidespool", "collector", "serve"]
    process = subprocess.Popen(command, env=clean_environment(env), stdout=log, stderr=log)
    try:
        wait_until(lambda: b"http" in (folder / "collector.log").read_bytes(), 60)
        yield process, port, token
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def arrived(folder: Path) -> list[str]:
    """The id of every event in the collector's store."""
    with contextlib.closing(sqlite3.connect(folder / "collector.db")) as db:
        return [_text(row[0]) for row in db.execute("select event_id from events")]


def _text(stored: Any) -> str:
    if isinstance(stored, bytes):
        return str(uuid.UUID(bytes=stored))
    return str(stored)


def settle(daemon: RunningDaemon) -> dict[str, Any]:
    """All is well: everything must leave. The status after it."""
    with daemon.client() as client:
        limit = time.monotonic() + SETTLE_S
        while client.ask("flush")["pending"] and time.monotonic() < limit:
            time.sleep(0.5)
    return daemon.status()


def judge(promises: Promises, stored: list[str], status: dict[str, Any]) -> dict[str, Any]:
    """What became of every promise; AssertionError where one was broken."""
    there = set(stored)
    assert len(there) == len(stored), "an event is stored twice"
    missing = promises.kept.keys() - there
    lost = [one for one in missing if not promises.withdrawn(one)]
    tally = status["tally"]
    counted = sum(tally["dropped"].values())
    assert status["upload"]["pending"] == 0, status["upload"]
    assert not lost, f"seed {SEED}: {len(lost)} lost, such as {lost[:3]}"
    assert len(missing) <= counted, f"seed {SEED}: {len(missing)} gone, {counted} counted"
    assert tally["accepted"] == tally["delivered"] + counted + tally["in_spool"], tally
    return {
        "acknowledged": len(promises.kept),
        "arrived": len(promises.kept.keys() & there),
        "withdrawn": len(missing),
        "lost": len(lost),
        "refused": promises.refused,
        "dropped": tally["dropped"],
    }


def main() -> int:
    """0 where every promise was kept and every curve is flat."""
    print(f"soak: {SECONDS:g} s, {RATE:g} events/s, seed {SEED}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="sidespool-soak-"))
    promises, curves = Promises(), (Curve("daemon"), Curve("collector", room_mib=32.0))
    with (
        running_collector(folder) as (collector, port, token),
        Weather(port) as weather,
        Faults(folder / "data") as faults,
    ):
        env = {
            "TELEMETRY_DATA_DIR": str(folder / "data"),
            "TELEMETRY_ENDPOINT": weather.url,
            "TELEMETRY_TOKEN": token,
            "TELEMETRY_FULL_CONTENT": "1",
            "TELEMETRY_LEVEL": "full",
            "TELEMETRY_FLUSH_INTERVAL_S": "2",
            **faults.env,
        }
        with start_daemon(env) as daemon:

            def look() -> None:
                curves[0].add(sample(daemon.process.pid))
                curves[1].add(sample(collector.pid))

            load = Load(daemon, promises, SEED, RATE)
            trouble = Trouble(daemon, weather, faults)
            trouble.run(time.monotonic() + SECONDS, promises, look)
            load.stop()
            status = settle(daemon)
            found = judge(promises, arrived(folder), status)
            attachments = status["attachments"]
    report(curves, found, trouble.counts, attachments, promises.broken)
    bent = [problem for curve in curves for problem in curve.bent()]
    for problem in bent:
        print(f"NOT FLAT: {problem}")
    return 1 if bent else 0


def report(
    curves: tuple[Curve, ...],
    found: dict[str, Any],
    troubles: dict[str, int],
    attachments: dict[str, Any],
    broken: list[str],
) -> None:
    """The table, the curves, and the samples as CSV."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"soak-{time.strftime('%Y%m%d-%H%M%S')}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["process", "second", "rss_kib", "fds", "threads", "cpu_s"])
        for curve in curves:
            writer.writerows([curve.name, *row] for row in curve.rows())
    print(json.dumps({**found, "attachments": attachments}, indent=1))
    print(json.dumps(dict(sorted(troubles.items())), indent=1))
    print(f"connections that broke: {len(broken)}", *sorted(set(broken))[:5], sep="\n  ")
    for curve in curves:
        print(f"{curve.name:>10} memory {sparkline(curve.rss)}  {curve.tell_memory()}")
        print(f"{curve.name:>10} files  {sparkline(curve.fds)}  {curve.tell_files()}")
    print(f"samples: {path}")


if __name__ == "__main__":
    sys.exit(main())
