"""The child of the SQL console: one task from standard input, one result to standard output.

It limits itself before it opens the file, so that no trick in a statement comes before the
limits. The authorizer allows reading the view `events`, and the tables below it only on the
view's behalf; no other table, no pragma, no attached file, no function that reaches outside.

SQLite names the view that asks, but a common table expression that a statement calls `events` has
that name too. So the view's definition is given a random name for the time of the statement, and
only under that name may tables be read; `events` is a view of it.

It imports little, because a person waits for its start.
"""

import secrets
import sqlite3
import sys
import time
from typing import Any

import msgspec

from sidespool_collector.store.console import ConsoleAnswer, ConsoleLimits

OPS_PER_LOOK = 5_000
VIEW = "events"
VIEWED = ("event", "event_type", "source", "batch")
TABLE_FUNCTIONS = ("json_each", "json_tree")
NO_FUNCTIONS = ("load_extension", "sqlite_compileoption_get", "sqlite_compileoption_used",
                "sqlite_log", "sqlite_source_id", "writefile", "readfile", "edit")  # fmt: skip
CELL_BYTES = 1_000_000


class Task(msgspec.Struct):
    """One statement for a file."""

    path: str
    sql: str
    limits: ConsoleLimits


class Result(msgspec.Struct):
    """An answer, or why there is none."""

    answer: ConsoleAnswer | None = None
    problem: str = ""


def main() -> None:
    """The child: one task from standard input, one result to standard output."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    _limit(task.limits)
    sys.stdout.buffer.write(msgspec.json.encode(result_of(task)))


def result_of(task: Task) -> Result:
    """Runs the statement, without the limits that only a process can have."""
    try:
        return Result(_run(task))
    except MemoryError:
        return Result(problem="the statement took too much memory: choose less")
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return Result(problem=_told(str(error), task.limits))


def _limit(limits: ConsoleLimits) -> None:
    try:
        import resource
    except ImportError:  # Windows: time and the parent's kill remain
        return
    seconds = int(limits.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.temporary_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _run(task: Task) -> ConsoleAnswer:
    uri = task.path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    db = sqlite3.connect(f"file:{uri}?mode=ro", uri=True, isolation_level=None, timeout=5)
    db.execute("PRAGMA temp_store = FILE")  # first: to change it drops temporary views
    inner = _inner_view(db)
    tables = [name.lower() for (name,) in db.execute("SELECT name FROM sqlite_master")]
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA cache_size = -8000")
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL_BYTES)
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    ends = time.monotonic() + task.limits.seconds
    db.set_progress_handler(lambda: time.monotonic() > ends, OPS_PER_LOOK)
    db.set_authorizer(_Authorizer(inner, tables))
    try:
        found = db.execute(task.sql)
        if found.description is None:
            raise ValueError("only a SELECT gives something to show")
        columns = [str(column[0]) for column in found.description]
        return _taken(columns, found, task.limits)
    finally:
        db.close()


def _taken(columns: list[str], found: sqlite3.Cursor, limits: ConsoleLimits) -> ConsoleAnswer:
    rows: list[list[Any]] = []
    size = 0
    for row in found:
        if len(rows) >= limits.rows:
            return ConsoleAnswer(columns, rows, is_cut=True)
        shown = [value.hex() if isinstance(value, bytes) else value for value in row]
        size += sum(len(value) if isinstance(value, str) else 8 for value in shown)
        if size > limits.answer_bytes:
            return ConsoleAnswer(columns, rows, is_cut=True)
        rows.append(shown)
    return ConsoleAnswer(columns, rows)


def _inner_view(db: sqlite3.Connection) -> str:
    """Gives the view's definition a name that no statement can know; returns it."""
    name = f"v{secrets.token_hex(16)}"
    (text,) = db.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?", (VIEW,)
    ).fetchone()
    definition = text[text.upper().index(" AS") + 3 :]
    db.execute(f"CREATE TEMP VIEW {name} AS {definition}")
    db.execute(f"CREATE TEMP VIEW {VIEW} AS SELECT * FROM {name}")  # noqa: S608  # names of ours
    return name


class _Authorizer:
    """Says what a statement may do; SQLite asks while it prepares it."""

    def __init__(self, inner: str, tables: list[str]) -> None:
        self._inner = inner
        self._open = (inner, VIEW, *TABLE_FUNCTIONS)
        self._closed = set(tables) - set(VIEWED)

    def __call__(
        self, action: int, one: str | None, two: str | None, _: str | None, view: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            is_known = (two or "").lower() not in NO_FUNCTIONS
            return sqlite3.SQLITE_OK if is_known else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ and one is not None:
            is_ours = view == self._inner or one in self._open
            is_ok = is_ours or (two == "" and self._may_count(one.lower()))
            return sqlite3.SQLITE_OK if is_ok else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_DENY

    def _may_count(self, name: str) -> bool:
        """Asked where no column is read, but rows: of a statement's own expressions, or for the
        view after SQLite has unfolded it, without saying so."""
        return name not in self._closed and not name.startswith(("sqlite_", "pragma_"))


def _told(problem: str, limits: ConsoleLimits) -> str:
    if "interrupted" in problem:
        return f"the statement took longer than {limits.seconds:g} s: choose less"
    if "prohibited" in problem or "not authorized" in problem:
        return f"only SELECT over the view {VIEW} is allowed ({problem})"
    return problem
