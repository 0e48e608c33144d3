"""Read-only SQL for people: what a console promises, and which one a store has.

A console runs one statement over the view `events` and nothing else, under limits of its own, on
means of its own, so that no statement can slow ingest down, read a secret or change a row:

- SQLite: a child process with limits of memory, file size and processor time, a read-only
  connection, and an authorizer that knows one view (store/sqlite/console.py).
- PostgreSQL: a role that may select from the view and nothing else (COLLECTOR_SQL_STORE), in a
  read-only transaction with a statement timeout (store/postgres/console.py).
- A store without one must give the same: a user limited by the engine itself to the view
  `events`, read only, with the engine's limits of time, rows and memory.
"""

import re
from typing import Any, Protocol

import msgspec

SINCE_UNTIL = re.compile(r"(?<![:\w]):(since|until)\b")


class ConsoleLimits(msgspec.Struct, frozen=True):
    """How much one statement may take."""

    seconds: float = 10.0
    rows: int = 1000
    answer_bytes: int = 4 * 1024 * 1024
    memory_bytes: int = 512 * 1024 * 1024
    temporary_bytes: int = 512 * 1024 * 1024


class ConsoleAnswer(msgspec.Struct, frozen=True):
    """What a statement gave; `is_cut` where there was more than the limits allow."""

    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool = False


class ConsoleError(Exception):
    """The statement was refused or failed; the message is for the person who wrote it."""


class ConsoleOffError(Exception):
    """This store has no console as it is set up; the message says what is missing."""


class Console(Protocol):
    """Runs statements; see the module's promises."""

    async def run(self, sql: str, limits: ConsoleLimits) -> ConsoleAnswer:
        """Raises ConsoleError, ConsoleOffError or StoreBusyError."""


def with_moments(sql: str, since_ms: int, until_ms: int) -> str:
    """A chart's statement with its `:since` and `:until` filled in, both Unix ms."""
    values = {"since": str(since_ms), "until": str(until_ms)}
    return SINCE_UNTIL.sub(lambda match: values[match[1]], sql)


def without_values(sql: str) -> str:
    """A statement as the audit log may keep it: without the texts that stood in it."""
    return re.sub(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", "'…'", " ".join(sql.split()), flags=re.S)
