"""The house's own rules: sizes, names, and what may not be used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
BANNED_NAMES = re.compile(r"(^|_)(utils?|common|helpers?|base|misc)(_|\.|$)")
BANNED_CLASSES = re.compile(r"(Manager|Handler|Helper|Util)$")
# Names that a framework gives to what we subclass or hand over.
ALLOWED_CLASSES = {"SidespoolErrorHandler"}
GENERATED = {"builtin.py"}


def sources() -> list[Path]:
    found = [*ROOT.glob("daemon/**/*.py"), *ROOT.glob("collector/**/*.py")]
    return [path for path in found if "node_modules" not in path.parts]


def everything() -> list[Path]:
    return [*sources(), *ROOT.glob("tests/**/*.py")]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            end = node.end_lineno or node.lineno
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", end - node.lineno + 1


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in everything()
        if path.name not in GENERATED
        and (count := len(path.read_text().splitlines())) > MODULE_LINES_MAX
    }
    assert long == {}


def test_no_function_is_longer_than_fifty_lines() -> None:
    long = {
        name: lines
        for path in sources()
        for name, lines in functions(path)
        if lines > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_module_or_class_has_a_name_that_says_nothing() -> None:
    vague = [str(path.relative_to(ROOT)) for path in sources() if BANNED_NAMES.search(path.stem)]
    vague += [
        f"{path.name}: {node.name}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and BANNED_CLASSES.search(node.name)
        and node.name not in ALLOWED_CLASSES
    ]
    assert vague == []


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX:"])
def test_nothing_is_left_for_later_in_the_sources(word: str) -> None:
    left = [str(path.relative_to(ROOT)) for path in sources() if word in path.read_text()]
    assert left == []
