"""Runs the alerts: measures, lets the machine decide, sends, and keeps it all over a restart.

What is to be sent is written to the store before it is sent and taken off after, so a notice is
sent at least once, whatever happens in between; a receiver knows a repeated one by its id. Of
several collectors on one store the one that holds the lease watches; another takes over when it
has run out. The lease is written and read again a moment later: of two that write at once, the
last one wins, and both see who that is.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from sidespool.errors import SidespoolError
from sidespool_collector.alert.machine import Notice, Sample, on_measured
from sidespool_collector.alert.measuring import check_metrics, measure
from sidespool_collector.alert.rule import AlertPlan, Destination, Rule, load_plan
from sidespool_collector.alert.send import SendError, send
from sidespool_collector.alert.silence import (
    DESK_KEY,
    LEASE,
    LEASE_KEY,
    Delivery,
    Desk,
    Lease,
    Waiting,
    load_desk,
    silences_of,
)  # fmt: skip
from sidespool_collector.store.contract import Store, StoreBusyError

REFRESH_S = 2.0
LEASE_TURNS = 3  # a collector that missed so many turns is gone
LEASE_SETTLES_S = 0.3
RETRY_MS = (5_000, 30_000, 120_000, 600_000)
KEPT_MS = 24 * 3_600_000  # a notice that could not be sent for a day says nothing any more
NOTHING_PAUSE_S = 60.0
log = logging.getLogger("sidespool_collector")
Send = Callable[[Notice, Destination, str], Awaitable[None]]


class AlertWatch:
    """One collector's watch. `plan` is None where no file is named; `problem` a bad edit's."""

    def __init__(
        self, store: Store, path: Path | None, event_types: set[str], dashboard: str,
        clock: Callable[[], int], sender: Send = send,
    ) -> None:  # fmt: skip
        self.plan: AlertPlan | None = None
        self.problem = ""
        self._store = store
        self._path = path
        self._event_types = event_types
        self._dashboard = dashboard
        self._clock = clock
        self._send = sender
        self._seen: tuple[int, int] | None = None
        self._owner = secrets.token_hex(8)
        self._kept = b""

    def load(self) -> None:
        """Reads the file where it changed; raises ConfigError and keeps the plan it had."""
        if self._path is None:
            return
        try:
            state = self._path.stat()
            seen = (state.st_mtime_ns, state.st_size)
        except OSError:
            seen = None
        if seen is not None and seen == self._seen:
            return
        self._seen = seen
        plan = load_plan(self._path)
        check_metrics(plan, self._event_types)
        self.plan = plan

    async def work(self) -> float:
        """One turn; how many seconds until the next."""
        try:
            self.load()
            self.problem = ""
        except SidespoolError as error:
            if self.problem != str(error):
                log.error("%s; the rules read before stay in force", error)
            self.problem = str(error)
        if self.plan is None:
            return NOTHING_PAUSE_S
        if await self._is_mine(self.plan):
            await self.turn(self.plan)
        return self.plan.every_ms / 1000

    async def turn(self, plan: AlertPlan) -> None:
        """Measures every rule once and sends what is due."""
        await self._store.refresh(REFRESH_S)
        desk = await load_desk(self._store)
        now = self._clock()
        samples = {rule.name: await self._measure(rule, now) for rule in plan.rules}
        silences = await silences_of(self._store, now)
        notices = on_measured(desk.book, plan, samples, silences, now)
        desk.outbox += [Waiting(notice, now) for notice in notices]
        await self._keep(desk)
        await self._deliver(desk, plan, now)
        await self._keep(desk)

    async def _measure(self, rule: Rule, now_ms: int) -> list[Sample] | None:
        try:
            return await measure(rule, self._store, now_ms)
        except StoreBusyError as error:
            log.warning("alerts: a rule could not be measured: %s", error)
            return None

    async def _deliver(self, desk: Desk, plan: AlertPlan, now_ms: int) -> None:
        desk.outbox = [
            waiting for waiting in desk.outbox
            if waiting.notice.destination in plan.destinations
            and now_ms - waiting.notice.at_ms < KEPT_MS
        ]  # fmt: skip
        due = [waiting for waiting in desk.outbox if waiting.next_ms <= now_ms]
        problems = await asyncio.gather(*(self._try(waiting.notice, plan) for waiting in due))
        for waiting, problem in zip(due, problems, strict=True):
            name = waiting.notice.destination
            desk.last[name] = Delivery(self._clock(), problem)
            if not problem:
                desk.outbox.remove(waiting)
                continue
            log.warning("alerts: %s did not take a notice: %s", name, problem)
            waiting.next_ms = self._clock() + RETRY_MS[min(waiting.attempts, len(RETRY_MS) - 1)]
            waiting.attempts += 1

    async def _try(self, notice: Notice, plan: AlertPlan) -> str:
        try:
            await self._send(notice, plan.destinations[notice.destination], self._dashboard)
        except SendError as error:
            return str(error)
        return ""

    async def _keep(self, desk: Desk) -> None:
        raw = msgspec.json.encode(desk)
        if raw != self._kept:
            await self._store.set_memo(DESK_KEY, raw)
            self._kept = raw

    async def _is_mine(self, plan: AlertPlan) -> bool:
        now = self._clock()
        held = await self._lease()
        if held is not None and held.owner != self._owner and now < held.until_ms:
            return False
        was_mine = held is not None and held.owner == self._owner
        mine = Lease(self._owner, now + LEASE_TURNS * plan.every_ms)
        await self._store.set_memo(LEASE_KEY, msgspec.json.encode(mine))
        if was_mine:
            return True
        self._kept = b""
        await asyncio.sleep(LEASE_SETTLES_S)
        held = await self._lease()
        return held is not None and held.owner == self._owner

    async def _lease(self) -> Lease | None:
        raw = await self._store.memo(LEASE_KEY)
        try:
            return LEASE.decode(raw) if raw else None
        except msgspec.MsgspecError:
            return None
