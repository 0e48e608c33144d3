"""Tables and CSV: the head of a column says what stands below it.

Understood are columns between bars, tabs, commas, semicolons, or two blanks and more. A table ends
with the first line that has another number of cells.
"""

import re
from collections.abc import Callable

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.identity import names_nobody
from sidespool.core.scrub.key_name import Kind, judge
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words
from sidespool.core.scrub.value import is_secret

# For the gate: a head with one telling column, and a line below it.
GATE = (
    r"(?im)(?:^|[|,;\t\"]|  )[ \"]*(?:user(?:[_ ]?name)?|login|owner|account|host(?:[_ ]?name)?"
    r"|server"
    r"|computer|passw(?:or)?d|pwd|secret|token|pin|otp|(?:first|last|full|sur|given"
    r"|family)[_ ]?name"
    r"|[\w ]*[_ ](?:key|token|secret|password|hash)|api[_ ]?key|vorname|nachname|benutzer)"
    r"[ \"]*(?:[|,;\t\"]|  |\r?\n)[^\n]*\n"
)
_COLUMNS_MAX = 64
_DELIMITERS = (Lazy(r"\|"), Lazy(r"\t"), Lazy(r","), Lazy(r";"), Lazy(r" {2,}"))
_CELL = Lazy(r"[\w.#%/@()-]{1,32}(?: [\w.#%()-]{1,32}){0,2}$")
_TIGHT = Lazy(r"[\w.#-]{1,40}$")
_RULE = Lazy(r"[\s|+:=\u2500-\u257f-]+$")
_EDGE = " \t\r\"'`"

_PEOPLE = words("""
    user username user_name login account account_name owner full_name fullname first_name firstname
    last_name lastname surname given_name family_name display_name displayname vorname nachname
    benutzer benutzername utilisateur usuario customer contact employee author assignee
    """)
_COMPUTERS = words("host hostname host_name server server_name computer computer_name machine node")
_HEAD_ONLY = words("email e-mail mail phone telephone mobile password passwd pwd")

Cell = tuple[int, int]
Columns = dict[int, Callable[[str], str]]


def scrub_tables(lines: list[str]) -> bool:
    """Scrubs the cells below telling heads, in place. True when one was changed."""
    changed = False
    index = 0
    while index < len(lines) - 1:
        head = lines[index]
        index += 1
        for delimiter in _DELIMITERS:
            columns, count = _read_head(head, delimiter)
            if not columns:
                continue
            stop, hit = _scrub_rows(lines, index, delimiter, columns, count)
            changed = changed or hit
            if stop > index:
                index = stop
                break
    return changed


_INSERT = Lazy(
    r"\((?P<heads>[\w.`\"\[\] ,]{3,400})\)\s{0,4}VALUES?\s{0,4}\((?P<row>[^"
    r"()\n]{2,2000})\)",
    re.IGNORECASE,
)
_VALUE = Lazy(r"\s*(?:N?(['\"])((?:(?!\1)[^\n])*)\1|[^,]*)\s*(?:,|$)")


def scrub_inserts(line: str) -> str:
    """``INSERT INTO t (name, password) VALUES ('a', 'b')``: the column says what the value is."""
    return _INSERT.sub(_insert, line)


def _insert(match: re.Match[str]) -> str:
    heads = [head.strip(' `"[]').lower() for head in match["heads"].split(",")]
    pieces: list[str] = []
    row, place, done = match["row"], 0, 0
    for head in heads:
        value = _VALUE.match(row, place)
        if value is None:
            break
        place = value.end()
        work = _work_for(head)
        if work is not None and value[2]:
            pieces += (row[done : value.start(2)], work(value[2]))
            done = value.end(2)
    start = match.start("row") - match.start()
    return match[0][:start] + "".join(pieces) + row[done:] + match[0][start + len(row) :]


def _cells(line: str, delimiter: Lazy) -> list[Cell]:
    """Spans of the cells, without blanks and quotes; empty edges are dropped."""
    spans: list[Cell] = []
    start = 0
    ends = [*((m.start(), m.end()) for m in delimiter.finditer(line)), (len(line), len(line))]
    for end, following in ends[: _COLUMNS_MAX + 1]:
        cell = line[start:end]
        left = start + len(cell) - len(cell.lstrip(_EDGE))
        spans.append((left, max(left, start + len(cell.rstrip(_EDGE)))))
        start = following
    while spans and spans[0][0] == spans[0][1]:
        spans.pop(0)
    while spans and spans[-1][0] == spans[-1][1]:
        spans.pop()
    return spans


def _read_head(line: str, delimiter: Lazy) -> tuple[Columns, int]:
    if len(line) > 2000 or delimiter.search(line) is None:
        return {}, 0
    spans = _cells(line, delimiter)
    if not 2 <= len(spans) <= _COLUMNS_MAX:
        return {}, 0
    heads = [ph.hide(line[start:end]) for start, end in spans]
    shape = _TIGHT if delimiter.source in ",;" else _CELL
    if not all(shape.match(head) for head in heads):
        return {}, 0
    names = [head.lower().replace(" ", "_") for head in heads]
    columns: Columns = {}
    for place, name in enumerate(names):
        if work := _work_for(name):
            columns[place] = work
    if columns or not _HEAD_ONLY.isdisjoint(names):
        columns |= {n: _user for n, name in enumerate(names) if name in ("name", "nom", "nombre")}
    return columns, len(spans)


def _work_for(name: str) -> Callable[[str], str] | None:
    if name in _PEOPLE:
        return _user
    if name in _COMPUTERS:
        return _host
    kind = judge(name)
    if kind in (Kind.STRONG, Kind.TOKEN, Kind.PHRASE, Kind.DIGITS):
        return lambda value: ph.SECRET if is_secret(value, kind, False) else value
    return None


def _user(value: str) -> str:
    return value if names_nobody(value) else ph.USER


def _host(value: str) -> str:
    return value if names_nobody(value) or value.startswith("127.") else ph.HOST


def _scrub_rows(
    lines: list[str], index: int, delimiter: Lazy, columns: Columns, count: int
) -> tuple[int, bool]:
    """The rows from ``index`` on; where the table ends, and whether a cell was changed."""
    changed = False
    while index < len(lines):
        line = lines[index]
        if not _RULE.match(line):
            hidden = ph.hide(line)
            spans = _cells(hidden, delimiter)
            if len(spans) != count:
                break
            done = _row(hidden, spans, columns)
            changed = changed or done != hidden
            lines[index] = ph.reveal(done) if done != hidden else line
        index += 1
    return index, changed


def _row(line: str, spans: list[Cell], columns: Columns) -> str:
    pieces: list[str] = []
    done = 0
    for place, (start, end) in enumerate(spans):
        if place in columns:
            pieces += (line[done:start], columns[place](line[start:end]))
            done = end
    return "".join([*pieces, line[done:]])
