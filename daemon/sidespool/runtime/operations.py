"""Carries out the operations of the local protocol that are not `emit`, for every door alike."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from sidespool.core.consent import ConsentRecord
from sidespool.core.settings import from_set, unknown_setting, valid_set
from sidespool.runtime.governor import Governor
from sidespool.runtime.ids import now_ms
from sidespool.wire import frame as wire
from sidespool.wire.event import format_time
from sidespool.wire.level import LEVEL_BY_LABEL
from sidespool.wire.outcome import LossReason

Reply = dict[str, Any]
LOST_EVENTS_MAX = 1_000_000  # of one reason in one frame; no client can hold that many


class Withdrawing(Protocol):
    """What a lowering does beside the governor's part; `last` is another object after each."""

    last: Reply | None

    async def ask_history(self) -> None: ...
    async def finish_history(self) -> None: ...


class Hands(msgspec.Struct):
    """What operations need from the rest of the daemon; given by the app."""

    status: Callable[[], Awaitable[Reply]]
    flush: Callable[[], Awaitable[Reply]]
    reset: Callable[[], Awaitable[Reply]]
    view: Callable[[], Reply]
    attach: Callable[[wire.Attach], Awaitable[Reply]]
    count_lost: Callable[[LossReason, int], None]
    report: Callable[[wire.Report], Awaitable[Reply]]
    list_reports: Callable[[], Awaitable[Reply]]
    withdrawal: Withdrawing
    save_consent: Callable[[ConsentRecord], Awaitable[None]]
    set_secret: Callable[[str, str | None], None]
    shutdown: Callable[[], None]


class Operations:
    """`answer(frame, door)` gives the reply to any frame but hello, emit and goodbye."""

    def __init__(self, governor: Governor, hands: Hands) -> None:
        self.governor = governor
        self._hands = hands

    async def answer(self, frame: wire.Question, door: str, *, trusted: bool = False) -> Reply:
        """The reply frame; `trusted` marks standard input, which may hand over secrets."""
        match frame:
            case wire.Set():
                return await self._withdrawing(frame, self._set(frame, trusted))
            case wire.UnknownSettings():
                return error(frame.id, "unknown_field", unknown_setting(frame.names))
            case wire.Consent():
                return await self._withdrawing(frame, self._consent(frame, door))
            case wire.View():
                return result(frame.id, self._hands.view())
            case wire.Attach():
                return await self._hands.attach(frame)
            case wire.Lost():
                return self._lost(frame)
            case wire.Report():
                return await self._hands.report(frame)
            case wire.Reports():
                return result(frame.id, await self._hands.list_reports())
            case wire.Status():
                return result(frame.id, await self._hands.status())
            case wire.Flush():
                return result(frame.id, await self._hands.flush())
            case wire.Reset():
                return result(frame.id, await self._hands.reset())
            case wire.Shutdown():
                # The answer goes out before the daemon begins to end.
                asyncio.get_running_loop().call_soon(self._hands.shutdown)
                return result(frame.id, {"stopping": True})
            case _:
                return error(getattr(frame, "id", None), "malformed", "not expected here")

    async def _withdrawing(self, frame: wire.Set | wire.Consent, answer: Awaitable[Reply]) -> Reply:
        """The answer, and what was withdrawn where the level was lowered by it."""
        withdrawal = self._hands.withdrawal
        before = withdrawal.last
        if frame.with_history:
            await withdrawal.ask_history()
        try:
            reply = await answer
        finally:
            await withdrawal.finish_history()
        if withdrawal.last is not before:
            reply = {**reply, "withdrawn": withdrawal.last}
        return reply

    async def _set(self, frame: wire.Set, trusted: bool) -> Reply:
        if frame.secrets and not trusted:
            detail = "secrets are taken on standard input only"
            return error(frame.id, "malformed", detail)
        problem = valid_set(frame.settings)
        if problem:
            return error(frame.id, "invalid_value", problem)
        for name, value in frame.secrets.items():
            self._hands.set_secret(name, value)
        changes = from_set(frame.settings)
        if changes:
            await self.governor.on_set(changes)
        return {"op": "settings", "id": frame.id, **self.governor.settings()}

    def _lost(self, frame: wire.Lost) -> Reply:
        problem = lost_problem(frame.counts)
        if problem:
            return error(frame.id, "invalid_value", problem)
        for reason, events in frame.counts.items():
            self._hands.count_lost(LossReason(reason), events)
        return {"op": "ack", "id": frame.id}

    async def _consent(self, frame: wire.Consent, door: str) -> Reply:
        problem = consent_problem(frame)
        if problem:
            return error(frame.id, "invalid_value", problem)
        record = ConsentRecord(
            decision="granted" if frame.decision == "granted" else "denied",
            at=format_time(now_ms()),
            level=(frame.level or "full") if frame.decision == "granted" else "off",
            policy_version=frame.policy_version,
            door=door,
        )
        await self._hands.save_consent(record)
        await self.governor.on_consent(record)
        return {"op": "ack", "id": frame.id, "level": self.governor.level.label}


def lost_problem(counts: dict[str, int]) -> str:
    """Why counts of lost events cannot be taken, or ""."""
    if not counts.keys() <= {*LossReason}:
        return f"a reason is not one of {', '.join(LossReason)}"
    if not all(0 < events <= LOST_EVENTS_MAX for events in counts.values()):
        return f"a count is not 1 to {LOST_EVENTS_MAX}"
    return ""


def consent_problem(frame: wire.Consent) -> str:
    """Why a consent frame cannot be carried out, or ""."""
    if frame.decision not in ("granted", "denied"):
        return "decision is neither granted nor denied"
    if frame.level is not None and frame.level not in LEVEL_BY_LABEL:
        return "level is not off, crash, error, usage or full"
    if len(frame.policy_version) > 64:
        return "policy_version is longer than 64 characters"
    return ""


def result(frame_id: int | str | None, content: Reply) -> Reply:
    """A result frame."""
    return {"op": "result", "id": frame_id, **content}


def error(frame_id: int | str | None, reason: str, detail: str = "") -> Reply:
    """An error frame."""
    return {"op": "error", "id": frame_id, "reason": reason, "detail": detail}
