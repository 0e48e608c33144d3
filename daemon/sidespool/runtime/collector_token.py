"""Holds the bearer token in memory and knows where a newer one may come from.

In this order: the secret handed over by the parent process, the setting TELEMETRY_TOKEN, the OS
keychain. Only the keychain can change unnoticed and is looked at again. The token is never
logged and is part of no `repr`.
"""

import asyncio
import re
from collections.abc import Callable

from sidespool.core.upload_policy import KEYCHAIN_DEADLINE_S
from sidespool.errors import SidespoolError
from sidespool.runtime.detached import detached

# RFC 6750 section 2.1, b64token; anything else could not be told from a header's structure.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/:]+=*")


class CollectorToken:
    """The token for the collector; `problem` is one sentence about why there is none."""

    def __init__(
        self,
        *,
        configured: str | None = None,
        read_keychain: Callable[[], str | None] | None = None,
        deadline_s: float = KEYCHAIN_DEADLINE_S,
    ) -> None:
        """`read_keychain` blocks and may raise SecretStoreError; it runs in a thread."""
        self._configured = configured
        self._handed: str | None = None
        self._found: str | None = None
        self._looked = False
        self._read_keychain = read_keychain
        self._deadline_s = deadline_s
        self._reading = False
        self._keychain_problem: str | None = None

    @property
    def current(self) -> str | None:
        """The token as far as it is known without asking anybody; None where unusable."""
        token = (self._handed or self._configured or self._found or "").strip()
        return token if _TOKEN.fullmatch(token) else None

    @property
    def may_change(self) -> bool:
        """Whether another look at the keychain could find another token."""
        return self._read_keychain is not None and not (self._configured or self._handed)

    @property
    def problem(self) -> str | None:
        """Why there is no token, or None."""
        if self.current is not None:
            return None
        if self._configured or self._handed or self._found:
            return "the token holds characters that cannot be sent"
        return self._keychain_problem or "no token is set"

    async def value(self) -> str | None:
        """The token, after a first look at the keychain where one is needed."""
        if self.may_change and not self._looked:
            await self.reread()
        return self.current

    async def reread(self) -> bool:
        """Looks at the keychain again; True where the token is another now."""
        if not self.may_change or self._read_keychain is None:
            return False
        before = self.current
        await self._look(self._read_keychain)
        return self.current != before

    async def _look(self, read_keychain: Callable[[], str | None]) -> None:
        if self._reading:  # the last look still hangs; a second thread would hang beside it
            return
        self._reading = True
        try:
            async with asyncio.timeout(self._deadline_s):
                self._found = await detached(self._read_once, read_keychain)
            self._keychain_problem = None
        except TimeoutError:
            self._keychain_problem = (
                "the keychain does not answer; it may be waiting to be unlocked"
            )
        except SidespoolError as error:
            self._keychain_problem = str(error)
        self._looked = True

    def _read_once(self, read_keychain: Callable[[], str | None]) -> str | None:
        try:
            return read_keychain()
        finally:
            self._reading = False

    def hand_over(self, token: str | None) -> bool:
        """Takes a token from the parent process; True where the token is another now."""
        before = self.current
        self._handed = token or None
        return self.current != before

    def __repr__(self) -> str:
        return f"CollectorToken({'set' if self.current else 'none'})"
