"""The SQL console of the SQLite store: each statement in a child process that cannot do harm.

The child is store/sqlite/console_child.py; it is killed when it is late.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from sidespool_collector.store.console import ConsoleAnswer, ConsoleError, ConsoleLimits
from sidespool_collector.store.contract import StoreBusyError
from sidespool_collector.store.sqlite import console_child
from sidespool_collector.store.sqlite.console_child import Result, Task

AT_ONCE = 2
WAIT_S = 10.0
START_S = 20.0  # a child's start on a busy machine


class SqliteConsole:
    """Runs at most `AT_ONCE` children."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def run(self, sql: str, limits: ConsoleLimits) -> ConsoleAnswer:
        """See Console."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise StoreBusyError("too many statements at once") from None
        try:
            result = await self._in_child(Task(str(self._path), sql, limits))
        finally:
            self._turn.release()
        if result.answer is None:
            raise ConsoleError(result.problem)
        return result.answer

    async def _in_child(self, task: Task) -> Result:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", f"from {console_child.__name__} import main; main()",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(task.limits.seconds + START_S):
                output, _ = await child.communicate(msgspec.json.encode(task))
            return msgspec.json.decode(output, type=Result)
        except (TimeoutError, msgspec.MsgspecError):
            text = "the statement took too much time or memory: choose less"
            return Result(problem=text)
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
