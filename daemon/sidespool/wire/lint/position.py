"""Finds the line on which each key of a TOML text stands.

tomllib gives values without positions, so a small scanner reads the same text a second time and
looks only at headers, keys and the ends of values. It accepts any text: where the TOML is broken
it skips to the next line. Keys inside an inline table have the line of the table.
"""

import re
import tomllib
from bisect import bisect_right

Path = tuple[str, ...]

_DEPTH_MAX = 12  # deeper than any catalog; a key of thousands of parts costs no more

_BLANK = re.compile(r"[ \t\r\n]*(?:#[^\n]*)?")
_KEY_PART = re.compile(r'[ \t]*("(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)[ \t]*')
_VALUE_PIECE = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"{3,5}'
    r"|'''[\s\S]*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[^\"'#\[\]{}\n]+|[\s\S]"
)


class Positions:
    """Lines by path, counted from 1, and the keys and tables that occur twice."""

    def __init__(self, text: str) -> None:
        self.repeated: list[tuple[Path, int, int]] = []  # path, its line, the first one's line
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lines: dict[Path, int] = {}
        self._headers: dict[Path, int] = {}
        self._keys: dict[Path, int] = {}
        self._scan()

    def line_of(self, path: Path) -> int:
        """The line of the path, or of the nearest table around it; 1 where there is none."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1

    def paths(self) -> dict[Path, int]:
        """Every header and key found, with the line where it first stands."""
        return dict(self._lines)

    def last_line(self) -> int:
        """The number of the last line that holds anything."""
        return self._text.rstrip().count("\n") + 1

    def _line_at(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def _scan(self) -> None:
        table: Path = ()
        at = 0
        while at < len(self._text):
            blank = _BLANK.match(self._text, at)
            if blank is not None and blank.end() > at:
                at = blank.end()
            elif self._text[at] == "[":
                table, at = self._header(at)
            else:
                at = self._key_and_value(table, at)

    def _header(self, at: int) -> tuple[Path, int]:
        many = self._text.startswith("[[", at)
        path, end = self._dotted(at + (2 if many else 1))
        if path:
            self._note(path, at, None if many else self._headers)
        return path, self._end_of_line(end)

    def _key_and_value(self, table: Path, at: int) -> int:
        path, end = self._dotted(at)
        if not path or not self._text.startswith("=", end):
            return self._end_of_line(max(end, at + 1))
        for length in range(1, min(len(path), _DEPTH_MAX)):
            self._lines.setdefault((*table, *path[:length]), self._line_at(at))
        self._note((*table, *path), at, self._keys)
        return self._end_of_value(end + 1)

    def _note(self, path: Path, at: int, once: dict[Path, int] | None) -> None:
        line = self._line_at(at)
        if once is not None:
            if path in once:
                self.repeated.append((path, line, once[path]))
            once.setdefault(path, line)
        self._lines.setdefault(path, line)

    def _dotted(self, at: int) -> tuple[Path, int]:
        parts: list[str] = []
        while (part := _KEY_PART.match(self._text, at)) is not None:
            parts.append(_bare(part[1]))
            at = part.end()
            if not self._text.startswith(".", at):
                break
            at += 1
        return tuple(parts), at

    def _end_of_line(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end

    def _end_of_value(self, at: int) -> int:
        depth = 0
        while (piece := _VALUE_PIECE.match(self._text, at)) is not None:
            if piece[0] == "\n" and depth <= 0:
                break
            depth += (piece[0] in ("[", "{")) - (piece[0] in ("]", "}"))
            at = piece.end()
        return at


def _bare(part: str) -> str:
    """A key part without its quotes."""
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    try:
        value = tomllib.loads(f"key = {part}")["key"]
    except ValueError:
        return part[1:-1]
    return str(value)
