"""The scanner that finds lines: against tomllib on texts of every style, and on any text."""

import tomllib
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sidespool.wire.lint.position import Path, Positions

BARE = st.text("abz09_-", min_size=1, max_size=4)
QUOTED = st.sampled_from(['"a.b"', "'c]d'", '"e#f"', '"g=\\"h"', '"\\u0041x"', "''"])
KEYS = st.one_of(BARE, QUOTED)
VALUES = st.sampled_from(
    [
        "1", "true", '"text # no comment"', "'[not.a.header]'", "2026-01-02", "1.5",
        '["a", "b"]', "[\n  1, # one\n  2,\n]", '"""two\n[lines] = "quoted"\n"""',
        "'''raw\nkey = 1\n'''", '"""ends in quotes"""""', "{ x = 1, y = { z = [1, 2] } }",
        '"\\\\"', '"\\""', "[]", '[["""\n]"""], [[]]]', "''", '""',
    ]
)  # fmt: skip
NOISE = st.sampled_from(["", "\n", "# [comment] = 'x'\n", "   \n\t\n", "\r\n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Texts that are mostly TOML, in many styles; some have keys twice."""
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 8))):
        lines.append(draw(NOISE))
        dot = draw(st.sampled_from([".", " . "]))
        keys = dot.join(draw(st.lists(KEYS, min_size=1, max_size=3)))
        style = draw(st.sampled_from(["[{}]", "[ {} ] # why", "[[{}]]", "key"]))
        if style == "key":
            tail = draw(st.sampled_from(["\n", " # why\n", "\n\n"]))
            lines.append(f"{keys}{draw(st.sampled_from(['=', ' = ']))}{draw(VALUES)}{tail}")
        else:
            lines.append(style.format(keys) + "\n")
    return "".join(lines)


def paths_in(value: Any, path: Path = ()) -> set[Path]:
    """The paths of all tables and values; within arrays the scanner has no need to look."""
    found = {path} if path else set()
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= paths_in(inner, (*path, name))
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for one in value:
            found |= paths_in(one, path)
    return found


def spelled(line: str) -> str:
    """The line with the escapes of QUOTED resolved."""
    return line.replace("\\u0041", "A").replace('\\"', '"')


@given(documents())
def test_every_key_of_a_document_has_the_line_on_which_it_stands(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    positions = Positions(text)
    lines = text.split("\n")
    known = paths_in(document)
    for path, line in positions.paths().items():
        assert path in known
        assert path[-1] in spelled(lines[line - 1])
    missing = known - set(positions.paths())
    for path in missing:  # within inline tables, or a table that only its children name
        assert positions.line_of(path) <= len(lines)


@given(st.text(max_size=80) | st.text("[]{}\"'=.#\n \\a1", max_size=60) | documents())
@example('"' * 7)
@example("[[[[")
@example("a = [" * 50)
@example("=\n=\n=")
@example('a."b\n')
def test_any_text_is_scanned_to_its_end(text: str) -> None:
    positions = Positions(text)
    total = text.count("\n") + 1
    assert all(1 <= line <= total for line in positions.paths().values())
    assert positions.line_of(("no", "such", "key")) <= total
    assert 1 <= positions.last_line() <= total


def test_lines_are_those_an_editor_shows() -> None:
    text = (
        "version = 1\n"  # 1
        "# a comment\n"
        "[events.Chat]\n"  # 3
        'why = """\n'
        "[events.Not]\n"
        'a table"""\n'
        "fields.size.kind = 'size'\n"  # 7
        "fields.size.max = 1\n"
        '[events."Odd Name".fields]\n'  # 9
        'x = { kind = "id" }\n'  # 10
    )
    at = Positions(text).line_of
    assert at(("version",)) == 1
    assert at(("events", "Chat")) == 3
    assert at(("events", "Chat", "why")) == 4
    assert at(("events", "Chat", "fields", "size")) == 7
    assert at(("events", "Chat", "fields", "size", "max")) == 8
    assert at(("events", "Chat", "owner")) == 3
    assert at(("events", "Odd Name", "fields", "x", "kind")) == 10
    assert at(("nothing",)) == 1


def test_keys_and_tables_that_stand_twice_are_known_with_both_lines() -> None:
    text = "[a]\nb = 1\n[c]\nb = 1\n[a]\n[[d]]\n[[d]]\n"
    assert Positions(text).repeated == [(("a",), 5, 1)]
    assert Positions("x = 1\n\nx = 2\n").repeated == [(("x",), 3, 1)]
