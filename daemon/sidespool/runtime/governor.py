"""Holds every input of the consent decision and makes its verdict come true, at once.

A lowering acts in this order: admission refuses from this instant on; the gate of the uploader
closes and a request in flight is cut; everything above the new level is deleted; only then the
gate opens again for what is left. A raise takes effect after any lowering before it has been
carried out, so that consent granted again revives nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sidespool.config import Config
from sidespool.core.consent import (
    AppSettings,
    ConsentBook,
    ConsentRecord,
    Inputs,
    Policy,
    Verdict,
    decide,
)
from sidespool.core.settings import LiveSettings, Overrides, merged
from sidespool.wire.level import Level

KEY_NOT_READ = "the key that encrypts full content has not been read yet"


class Effects(msgspec.Struct):
    """What a verdict moves; each is given by the app."""

    admit: Callable[[Level], None]
    close_gate: Callable[[], Awaitable[None]]
    open_gate: Callable[[], None]
    purge_above: Callable[[Level], Awaitable[int]]
    unlock: Callable[[], Awaitable[str]]
    on_settings: Callable[[LiveSettings], None]
    broadcast: Callable[[], None]


class Governor:
    """The effective level, who decided it, and the app's live settings."""

    def __init__(self, config: Config, book: ConsentBook, administrator: Policy) -> None:
        self.book = book
        self._start = LiveSettings(
            AppSettings(config.enabled, config.full_content, config.level),
            config.endpoint,
            config.user_id,
            usage=config.usage,
        )
        self.live = self._start
        self._overrides = Overrides()
        self._inputs = Inputs(
            app=self.live.app,
            administrator=administrator,
            do_not_track=config.do_not_track,
            feature=config.feature,
            model="opt_in" if config.consent_model == "opt_in" else "opt_out",
            record=book.current,
            policy_version=config.policy_version,
            vault_problem=KEY_NOT_READ,
        )
        self.verdict: Verdict = decide(self._inputs)
        self._applied = self._lowest = self.verdict.consented
        self._effects: Effects | None = None
        self._lock = asyncio.Lock()

    @property
    def level(self) -> Level:
        """The effective level."""
        return self.verdict.level

    def connect(self, effects: Effects) -> None:
        """Gives the governor its hands; the first verdict is applied by the caller."""
        self._effects = effects

    async def on_file(self, content: dict[str, Any]) -> None:
        """The settings file was read; only what changed in it speaks."""
        if content != self._overrides.file:
            await self._override(self._overrides.on_file(content))

    async def on_set(self, changes: dict[str, Any]) -> None:
        """A client changed settings; returns when the effect is complete."""
        await self._override(self._overrides.on_set(changes))

    async def _override(self, overrides: Overrides) -> None:
        self._overrides = overrides
        self.live = merged(self._start, overrides.effective)
        await self._apply(msgspec.structs.replace(self._inputs, app=self.live.app))
        if self._effects is not None:
            self._effects.on_settings(self.live)

    async def on_consent(self, record: ConsentRecord) -> None:
        """The user decided (the record is on disk already)."""
        self.book.records.append(record)
        await self._apply(msgspec.structs.replace(self._inputs, record=record))

    async def on_book(self, book: ConsentBook) -> None:
        """The whole consent book was written anew (by a reset)."""
        self.book = book
        await self._apply(msgspec.structs.replace(self._inputs, record=book.current))

    async def on_administrator(self, policy: Policy) -> None:
        """The policy file was read."""
        if policy != self._inputs.administrator:
            await self._apply(msgspec.structs.replace(self._inputs, administrator=policy))

    async def on_vault(self, problem: str) -> None:
        """Full content can be encrypted, or cannot and why."""
        if problem != self._inputs.vault_problem:
            inputs = msgspec.structs.replace(self._inputs, vault_problem=problem)
            await self._apply(inputs, look=False)

    async def _apply(self, inputs: Inputs, *, look: bool = True) -> None:
        """`look`: where only the key for full content is missing, it is looked for."""
        self._inputs = inputs
        self.verdict = decide(inputs)
        effects = self._effects
        if effects is None:
            return
        self._lowest = min(self._lowest, self.verdict.consented)
        effects.admit(min(self._lowest, self.verdict.level))
        async with self._lock:
            await self._carry_out(effects)
        if look and self._inputs.vault_problem and self.verdict.consented is Level.FULL:
            await self.on_vault(await effects.unlock())
        effects.broadcast()

    async def _carry_out(self, effects: Effects) -> None:
        """Every lowering that was asked for, though a raise may have followed it since.

        Where the disk refuses, the gate stays closed and the next change tries again.
        """
        while self._lowest < self._applied:
            lowest = self._lowest
            await effects.close_gate()
            await effects.purge_above(lowest)
            self._inputs = msgspec.structs.replace(self._inputs, vault_problem=KEY_NOT_READ)
            self._applied = lowest
        self._applied = self._lowest = self.verdict.consented
        effects.admit(self.verdict.level)
        effects.open_gate()

    def settings(self) -> dict[str, Any]:
        """What clients are told on every change."""
        app = self.live.app
        return {
            "enabled": self.verdict.level is not Level.OFF,
            "full_content": self.verdict.level is Level.FULL,
            "level": self.verdict.level.label,
            "app": {
                "enabled": app.enabled,
                "full_content": app.full_content,
                "level": app.level.label,
            },
            "consent": self.book.current.decision if self.book.current else None,
            "consent_model": self._inputs.model,
            "must_ask": self.verdict.must_ask,
            "decided_by": self.verdict.decided_by,
            "because": self.verdict.because,
            "policy_version": self._inputs.policy_version,
        }

    def layers(self) -> list[dict[str, str]]:
        """Every layer's say, for `status`."""
        return [
            {"layer": say.layer, "level": say.level.label, "because": say.because}
            for say in self.verdict.layers
        ]
