"""Keeps the list of open conversations, whatever door they came through."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sidespool.core.policy import CONNECTIONS_MAX
from sidespool.runtime.conversation import Conversation
from sidespool.runtime.doors.viewer_link import ViewerLinks
from sidespool.runtime.intake import Intake
from sidespool.runtime.operations import Operations

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Reception:
    """What every door needs, and who is connected."""

    def __init__(self, intake: Intake, operations: Operations, spawn: Spawn) -> None:
        self.intake = intake
        self.operations = operations
        self.refused: dict[str, int] = {}
        self.links = ViewerLinks()
        self._spawn = spawn
        self._open: dict[Conversation, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether no further connection is taken."""
        return len(self._open) >= CONNECTIONS_MAX

    def enter(
        self,
        send: Callable[[bytes], None],
        *,
        door: str,
        token: str | None,
        trusted: bool = False,
    ) -> Conversation:
        """A new conversation; `leave` ends it."""
        conversation = Conversation(
            self.intake, self.operations, send, door=door, token=token, trusted=trusted
        )
        self._open[conversation] = self._spawn(conversation.run())
        return conversation

    def leave(self, conversation: Conversation) -> None:
        """The connection is gone; what its client has decided is still carried out."""
        task = self._open.pop(conversation, None)
        if task is not None:
            conversation.leave()
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def close(self) -> None:
        """Ends every conversation."""
        for task in (*self._open.values(), *self._leaving):
            task.cancel()
        self._open.clear()

    def refuse(self, why: str) -> None:
        """Counts a refused connection or request; the log is not flooded."""
        self.refused[why] = self.refused.get(why, 0) + 1

    def broadcast(self) -> None:
        """Tells every client the settings."""
        for conversation in tuple(self._open):
            conversation.tell_settings()

    def clients(self) -> list[str]:
        """Names of the connected clients."""
        return [conversation.client for conversation in self._open]
