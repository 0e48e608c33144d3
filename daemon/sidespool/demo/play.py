"""The demo's play: its scenes in order, each on the real parts.

the past of other installs ─► collector
main process (pipe) ─┐
renderer (WebSocket) ─┼─► daemon ─► collector     then: off and on, a tunnel, kill -9, quit
backend (client)     ─┘
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sidespool.core.tally import decode_tally
from sidespool.demo.clients import Backend, Event, MainProcess, Renderer
from sidespool.demo.collector_host import CollectorHost
from sidespool.demo.ledger import Comparison, Ledger, Search, compare, search_files
from sidespool.demo.past import (
    APP_ID,
    DAY_MS,
    DAYS,
    VERSIONS,
    batches_of,
    invent_installs,
)
from sidespool.demo.person import invent_person, invent_secrets
from sidespool.demo.stage import Stage
from sidespool.demo.work import HOUR_MS, MINUTE_MS, Happening, Tally, Worker
from sidespool.errors import SidespoolError
from sidespool.runtime.ids import new_uuid, now_ms
from sidespool.runtime.lock import DirLock
from sidespool.runtime.paths import DataPaths
from sidespool.wire.event import format_time

_ENDING_S = 20.0  # how long a daemon without its app may take, at most


class Options(msgspec.Struct, frozen=True):
    """What the command line says; `installs` other people make up the past."""

    speed: float = 1.0
    seed: int = 7
    port: int = 0
    installs: int = 36


class Figures(msgspec.Struct, frozen=True):
    """How it ended."""

    emitted: int
    acknowledged: int
    uploaded: int
    rejected: dict[str, int]
    past: int
    resent: int
    comparison: Comparison
    search: Search
    url: str

    @property
    def well(self) -> bool:
        """Nothing lost, nothing doubled, nothing leaked."""
        found = self.comparison
        return not (found.lost or found.doubled or self.search.found)


class Play:
    """One performance in one temporary folder. Scenes are methods, played in order by `run`."""

    def __init__(self, folder: Path, options: Options, stage: Stage) -> None:
        self._options = options
        self._stage = stage
        self._dice = random.Random(options.seed)  # noqa: S311  # a play, not a secret
        self._ledger = Ledger()
        self._data = DataPaths(folder / "data")
        self._collector_dir = folder / "collector"
        self._collector_dir.mkdir(mode=0o700)
        self._settings_file = folder / "settings.json"
        self.collector = CollectorHost(self._collector_dir, options.port)
        self._person = invent_person(self._dice, "", _this_os())
        self._secrets = invent_secrets(self._dice, self._person)
        self._canaries = self._secrets.values()
        self._worker = Worker(self._dice, self._person, self._secrets, VERSIONS[-1])
        self._counts = Tally()
        self._main = MainProcess(self._ledger)
        self._renderer = Renderer(self._ledger)
        self._backend: Backend | None = None

    async def run(self) -> Figures:
        """All scenes; the collector goes on afterwards until `close`."""
        noon = now_ms() - 4 * HOUR_MS
        await self._open_collector()
        await self._tell_the_past()
        await self._start_app("The app starts")
        await self._morning(noon - 4 * HOUR_MS)
        await self._say_no_and_yes()
        await self._tunnel(noon)
        await self._back_online()
        await self._crash(noon + HOUR_MS)
        await self._start_app("The app starts again")
        await self._afternoon(noon + HOUR_MS + 10 * MINUTE_MS)
        await self._quit()
        return await self._count()

    async def close(self) -> None:
        """Ends whatever still runs."""
        await self._renderer.close()
        if self._backend is not None:
            await self._backend.close()
        await self._main.kill()
        await self._daemon_ended()
        await self.collector.stop()

    # -- before the day ------------------------------------------------------------------------

    async def _open_collector(self) -> None:
        self._stage.begin("The collector starts")
        await self.collector.start()
        self._stage.end(f"dashboard at {self.collector.url}")

    async def _tell_the_past(self) -> None:
        self._stage.begin(f"{DAYS} days of {self._options.installs} installs")
        today = now_ms()
        begin = today - today % DAY_MS - DAYS * DAY_MS
        batches = 0
        for install in invent_installs(self._dice, self._options.installs):
            made = await asyncio.to_thread(list, batches_of(install, self._dice, begin))
            self._canaries += install.secrets.values()
            for batch in made:
                answer = await self.collector.post(batch.batch_id, batch.body)
                self._ledger.past.update(batch.event_ids)
                self._ledger.past_answered += answer.accepted
                batches += 1
            who = install.person
            self._stage.say(who.os, f"{sum(len(b.event_ids) for b in made)} events of one install")
            self._stage.count(history=len(self._ledger.past))
        events = len(self._ledger.past)
        self._stage.end(f"{events:,} events in {batches} batches")

    async def _start_app(self, scene: str) -> None:
        self._stage.begin(scene)
        session = f"demo-{self._dice.getrandbits(40):010x}"
        if self._backend is None:
            self._settings_file.write_text("{}", encoding="utf-8")
            self._backend = Backend(self._ledger, self._data.root, session)
        started = time.monotonic()
        self._main = MainProcess(self._ledger)
        flags = ["--policy-file", str(self._data.root / "no-policy.json")]
        await self._main.start(self._environment(), flags, self.collector.ingest_token, session)
        took_ms = (time.monotonic() - started) * 1000
        self._renderer = Renderer(self._ledger)
        await self._renderer.open(self._main.ready, session)
        await self._backend.flush()
        self._stage.end(
            f"daemon ready in {took_ms:.0f} ms, 3 clients, level {self._renderer.level}"
        )

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TELEMETRY_") and name != "DO_NOT_TRACK"
        }
        return {
            **kept,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "TELEMETRY_APP_ID": APP_ID,
            "TELEMETRY_APP_VERSION": VERSIONS[-1],
            "TELEMETRY_DATA_DIR": str(self._data.root),
            "TELEMETRY_ENDPOINT": self.collector.url,
            "TELEMETRY_FLUSH_INTERVAL_S": "1",
            "TELEMETRY_SETTINGS_FILE": str(self._settings_file),
        }

    # -- the day -------------------------------------------------------------------------------

    async def _morning(self, start_ms: int) -> None:
        self._stage.begin("Morning: chats, tools, errors")
        before = len(self._ledger.acknowledged)
        work = [*self._worker.begin(start_ms)]
        work += self._worker.turns(start_ms + MINUTE_MS, 75, self._counts)
        work += [self._prompt(start_ms + n * HOUR_MS) for n in (1, 2, 3)]
        await self._work(work, 7.0)
        kept = len(self._ledger.acknowledged) - before
        refused = self._ledger.rejected["level_too_low"]
        self._stage.end(f"{kept} events on disk, {refused} prompt texts refused")

    def _prompt(self, at_ms: int) -> Happening:
        """What the level does not cover is refused at the door."""
        return Happening(at_ms, "renderer", "ChatTurnFull", {"prompt": self._secrets.prompt})

    async def _say_no_and_yes(self) -> None:
        """The Electron settings file is watched; off acts at once and keeps nothing."""
        self._stage.begin("The user says no, later yes")
        await self._renderer.ask("flush")
        self._stage.say("user", "telemetryEnabled: false")
        took_ms = await self._switch(False)
        await self._renderer.emit([_event(self._worker.chat(now_ms())) for _ in range(5)])
        waiting = (await self._renderer.ask("status"))["spool"]["events"]
        await asyncio.sleep(self._pause(1.5))
        self._stage.say("user", "telemetryEnabled: true")
        await self._switch(True)
        refused = self._ledger.rejected["consent_off"]
        self._stage.end(f"off in {took_ms:.0f} ms: {refused} events refused, {waiting} kept")

    async def _switch(self, enabled: bool) -> float:
        """Writes the settings as electron-store does; milliseconds until the daemon tells."""
        started = time.monotonic()
        fresh = self._settings_file.with_suffix(".tmp")
        fresh.write_text(json.dumps({"telemetryEnabled": enabled}), encoding="utf-8")
        fresh.replace(self._settings_file)
        await self._renderer.settings("usage" if enabled else "off")
        return (time.monotonic() - started) * 1000

    async def _tunnel(self, noon: int) -> None:
        self._stage.begin("Offline: the collector stops")
        await self.collector.stop()
        work = list(self._worker.turns(noon, 30, self._counts))
        await self._work(work, 4.0)
        waiting = (await self._renderer.ask("status"))["spool"]["events"]
        self._stage.end(f"{waiting} events wait on disk")

    async def _back_online(self) -> None:
        self._stage.begin("Online: the collector is back")
        await self.collector.start()
        said = await self._renderer.ask("flush")
        left = f", {said['pending']} left" if said["pending"] else ", none left"
        self._stage.end(f"{said['uploaded']} batches sent{left}")

    async def _crash(self, at_ms: int) -> None:
        """Acknowledged events are in the spool only when the app dies."""
        self._stage.begin("The app is killed (kill -9)")
        burst = [_event(self._worker.chat(at_ms + n * 1000)) for n in range(40)]
        calls = [_event(self._worker.tool_call(at_ms + n * 1000)) for n in range(20)]
        await asyncio.gather(self._renderer.emit(burst), self._main.emit(calls))
        await self._main.kill()
        await self._renderer.close()
        self._stage.say("main", "killed; the daemon's standard input ends")
        took = await self._daemon_ended()
        for n in range(10):  # nobody is there: the client keeps them until the app is back
            self._emit_backend(_event(self._worker.tool_call(at_ms + n * 1000)))
        self._stage.end(f"its daemon ended {took:.1f} s later, {self._left()}")

    def _left(self) -> str:
        left = len(list(self._data.spool.glob("*.v1.*")))
        return f"{left} batches wait" if left else "all sent"

    async def _daemon_ended(self) -> float:
        """Seconds until the daemon, now nobody's child, has given its lock back."""
        started = time.monotonic()
        lock = DirLock(self._data.lock_file)
        while self._data.root.exists() and not lock.take():
            if time.monotonic() - started > _ENDING_S:
                raise SidespoolError("the demo's daemon did not end by itself")
            await asyncio.sleep(0.02)
        lock.release()
        return time.monotonic() - started

    async def _afternoon(self, start_ms: int) -> None:
        self._stage.begin("Afternoon")
        before = len(self._ledger.acknowledged)
        work = [*self._worker.begin(start_ms)]
        work += self._worker.turns(start_ms + MINUTE_MS, 60, self._counts)
        await self._work(work, 6.0)
        self._stage.end(f"{len(self._ledger.acknowledged) - before} events on disk")

    async def _quit(self) -> None:
        self._stage.begin("The app quits")
        ended = self._worker.end(now_ms() - 3 * HOUR_MS, now_ms(), self._counts)
        await self._main.emit([_event(one) for one in ended])
        if self._backend is not None:
            await self._backend.flush()
        await self._renderer.close()
        code = await self._main.quit()
        self._stage.end(f"its daemon ended with code {code}, {self._left()}")

    # -- the end -------------------------------------------------------------------------------

    async def _count(self) -> Figures:
        self._stage.begin("Counting")
        ledger = self._ledger
        tally = decode_tally(self._data.tally_file.read_bytes())
        comparison = compare(ledger, await self.collector.stored_ids())
        folders = [self._collector_dir, self._data.root]
        search = await asyncio.to_thread(search_files, folders, self._canaries)
        self._stage.count(lost=len(comparison.lost))
        self._stage.end(
            f"{comparison.stored + comparison.stored_past:,} ids compared, "
            f"{search.size_bytes / 1e6:.1f} MB searched for secrets"
        )
        return Figures(
            emitted=ledger.emitted,
            acknowledged=len(ledger.acknowledged),
            uploaded=tally.all_time.delivered if tally else 0,
            rejected=dict(ledger.rejected),
            past=len(ledger.past),
            resent=ledger.resent,
            comparison=comparison,
            search=search,
            url=self.collector.url,
        )

    async def _work(self, happenings: Sequence[Happening], lasts_s: float) -> None:
        """Plays events at their pace, each through the door of the process that sees it."""
        ordered = sorted(happenings, key=lambda one: one.at_ms)
        first, span = ordered[0].at_ms, max(ordered[-1].at_ms - ordered[0].at_ms, 1)
        started, lasts = time.monotonic(), self._pause(lasts_s)
        for one in ordered:
            due = started + lasts * (one.at_ms - first) / span
            await asyncio.sleep(max(due - time.monotonic(), 0))
            await self._happen(one)
            self._stage.count(
                emitted=self._ledger.emitted,
                acknowledged=len(self._ledger.acknowledged),
                rejected=self._ledger.rejected.total(),
            )
        if self._backend is not None:
            await self._backend.flush()

    async def _happen(self, one: Happening) -> None:
        self._stage.say(one.who, f"{format_time(one.at_ms)[11:16]} {_short(one)}")
        event = _event(one)
        if one.who == "main":
            await self._main.emit([event])
        elif one.who == "renderer":
            await self._renderer.emit([event])
        else:
            self._emit_backend(event)

    def _emit_backend(self, event: Event) -> None:
        if self._backend is not None:
            self._backend.emit(event)

    def _pause(self, seconds: float) -> float:
        return seconds / self._options.speed


def _event(one: Happening) -> Event:
    """As a client sends it; nothing of today is later than now."""
    return {
        "event_type": one.event_type,
        "payload": one.payload,
        "event_id": new_uuid(),
        "timestamp": format_time(min(one.at_ms, now_ms())),
    }


def _short(one: Happening) -> str:
    """An event on one line; long values are cut."""
    values = "  ".join(
        f"{key}={str(value).splitlines()[0][:48] if value != '' else ''}"
        for key, value in one.payload.items()
        if key not in ("stack_trace", "context", "proposal_id")
    )
    return f"{one.event_type}  {values}"


def _this_os() -> str:
    from sidespool.app.machine import os_family

    return os_family()
