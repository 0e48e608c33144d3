"""Answers prompts from a script, in place of a language model: the same prompt, the same answer.

It looks at the workspace with tools, as a real assistant would, and proposes one change. Nothing
is written before the user approves; what is written stays within the workspace.
"""

import difflib
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

FILES_MAX = 200
SKIPPED = frozenset({".git", "node_modules", ".venv", "__pycache__", "dist"})
MODEL = "scripted-1"


@dataclass(frozen=True)
class ToolUse:
    """One call of a tool; `error_type` is empty where it succeeded."""

    name: str
    duration_ms: float
    error_type: str = ""


@dataclass(frozen=True)
class Change:
    """One file of a proposal; `before` is empty for a new file."""

    path: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        old, new = self.before.splitlines(), self.after.splitlines()
        name = self.path
        return "\n".join(difflib.unified_diff(old, new, name, name, lineterm=""))

    @property
    def lines_changed(self) -> int:
        """Lines added and removed together."""
        body = self.diff.splitlines()[2:]
        return sum(line[:1] in ("+", "-") for line in body)


@dataclass(frozen=True)
class Proposal:
    """What the assistant would like to change."""

    title: str
    operation: str
    changes: tuple[Change, ...]
    proposal_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Turn:
    """One exchange: what was said, the tools on the way, and perhaps a proposal."""

    reply: str = ""
    tools: list[ToolUse] = field(default_factory=list)
    proposal: Proposal | None = None

    @contextmanager
    def tool(self, name: str) -> Iterator[None]:
        """Notes the call of a tool, and how it ended; its error ends here."""
        started = time.perf_counter()
        error_type = ""
        try:
            yield
        except (OSError, AssertionError, UnicodeDecodeError) as error:
            error_type = type(error).__name__
        taken_ms = round((time.perf_counter() - started) * 1000, 2)
        self.tools.append(ToolUse(name, taken_ms, error_type))


def answer(prompt: str, root: Path) -> Turn:
    """The assistant's turn on a prompt in a workspace."""
    words = prompt.lower()
    for keys, scene in SCENES:
        if any(key in words for key in keys):
            return scene(root)
    return introduce(root)


def introduce(root: Path) -> Turn:
    """Offers what the script knows."""
    turn = Turn()
    files: list[str] = []
    with turn.tool("list_files"):
        files = list_files(root)
    turn.reply = (
        f"I had a look around: {len(files)} files. I can improve the README, add a first test, "
        "or tidy up the editor settings. What would you like?"
    )
    return turn


def improve_readme(root: Path) -> Turn:
    """Proposes a section for the README."""
    turn = Turn()
    before = ""
    with turn.tool("list_files"):
        list_files(root)
    with turn.tool("read_file"):
        before = read(root / "README.md")
    section = "\n## Getting started\n\n1. Clone this repository.\n2. Run `make test`.\n"
    after = (before or f"# {root.name}\n") + section
    turn.proposal = Proposal(
        "Add a getting-started section", "edit", (changed(root, "README.md", before, after),)
    )
    turn.reply = "Newcomers have nothing to start from. I would add a short section to the README."
    return turn


def add_test(root: Path) -> Turn:
    """Runs the tests, which fail, and proposes a first one."""
    turn = Turn()
    with turn.tool("search"):
        list_files(root)
    with turn.tool("run_tests"):
        raise AssertionError("no tests were found")
    body = '"""Checks that it is alive."""\n\n\ndef test_alive() -> None:\n    assert True\n'
    settings = "[pytest]\ntestpaths = tests\n"
    turn.proposal = Proposal(
        "Add a first test",
        "create",
        (
            changed(root, "tests/test_alive.py", "", body),
            changed(root, "pytest.ini", "", settings),
        ),
    )
    turn.reply = (
        "There are no tests yet, so the run failed. I would begin with one and a place for more."
    )
    return turn


def tidy_up(root: Path) -> Turn:
    """Proposes editor settings."""
    turn = Turn()
    before = ""
    with turn.tool("read_file"):
        before = read(root / ".editorconfig")
    after = "root = true\n\n[*]\ncharset = utf-8\nend_of_line = lf\ninsert_final_newline = true\n"
    turn.proposal = Proposal(
        "Agree on editor settings", "create", (changed(root, ".editorconfig", before, after),)
    )
    turn.reply = "Files end in different ways here. An .editorconfig settles that for every editor."
    return turn


Scene = Callable[[Path], Turn]
SCENES: tuple[tuple[tuple[str, ...], Scene], ...] = (
    (("readme", "document", "explain"), improve_readme),
    (("test", "check"), add_test),
    (("tidy", "format", "editor", "clean"), tidy_up),
)


def list_files(root: Path) -> list[str]:
    """Paths within the workspace, at most FILES_MAX."""
    found: list[str] = []
    for path in root.rglob("*"):
        if len(found) == FILES_MAX:
            break
        if path.is_file() and not SKIPPED.intersection(path.relative_to(root).parts):
            found.append(path.relative_to(root).as_posix())
    return found


def read(path: Path) -> str:
    """A text file's content; raises OSError where there is none."""
    return path.read_text(encoding="utf-8")


def changed(root: Path, name: str, before: str, after: str) -> Change:
    """A change of one file, whose place is checked."""
    if not (root / name).resolve().is_relative_to(root.resolve()):
        raise ValueError("a proposal stays within the workspace")
    return Change(name, before, after)


def apply(proposal: Proposal, root: Path) -> None:
    """Writes what the user approved."""
    for change in proposal.changes:
        target = root / change.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(change.after, encoding="utf-8")
