"""The common stack frame on a short cut: plain characters, one path, folders seen before.

Frames of one program share their folders, so what becomes of a folder is worked out once. A frame
that is not plain in every respect is left to the passes, and so is one whose result still holds
anything but a path.
"""

import re
from collections.abc import Callable

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.path_name import Roots, keeps_name, shorten

_PATH = (
    r"((?:file://)?/(?:[\w.@+~-]{1,200}/){1,40}"
    r"|(?:file:///)?[A-Za-z]:[\\/](?:[\w.@+~ -]{1,200}[\\/]){1,40})"
    r"([\w.@+~-]{1,200})"
)
_V8 = Lazy(r"(\s{1,40}at (?:[^()/\\\"'@:=%]{0,160} \()?)" + _PATH + r"((?::\d{1,7}){1,2}\)?)$")
# Between brackets a blank ends nothing.
_V8_BLANKS = Lazy(
    r"(\s{1,40}at [^()/\\\"'@:=%]{0,160} \()((?:file://)?/(?:[\w.@+~ -]{1,200}/){1,40})"
    r"([\w.@+~-]{1,200})((?::\d{1,7}){1,2}\))$"
)
_GO = Lazy(r"(\s{1,40})" + _PATH + r"(:\d{1,7}(?: \+0x[0-9a-f]{1,8})?)$")
_ADDRESS = Lazy(
    r"(\s{1,40}at (?:[^()/\\\"'@:=%]{0,160} \()?)https?://(?!localhost|127\.|0\.0\."
    r"|\[)[\w.:-]{1,120}/"
    r"(?:[\w.~-]{1,80}/){0,24}([\w.~-]{1,120})((?::\d{1,7}){1,2}\)?)$"
)
_PYTHON = Lazy(r"(\s{1,40}File \")" + _PATH + r"(\", line \d{1,7}, in [\w<>.]{1,120})$")
_DOTNET = Lazy(r"(\s{1,40}at [\w.<>`+\[\], (&*]{1,300}\) in )" + _PATH + r"(:line \d{1,7})$")
_FOLDERS_MAX = 1024
_SAMPLE = "x.js"


_INNER = Lazy(
    r"\s{1,40}at (?:[^()/\\\"'@:=%]{0,160} \()?(?:node:|internal/|webpack(?:-internal)?:///\.?/?)"
    r"[\w./@-]{1,400}(?::\d{1,7}){1,2}\)?$"
)
# Stands for the numbers of a position while a frame is learned: what seven digits leave as it is,
# fewer leave so too, and no rule reaches across the colon in front of them.
_NUMBER = "8765432"
_KNOWN_MAX = 4096
Work = Callable[[str], str]
Cut = tuple[str, str, str]
Key = tuple[str, str, int]


class FrameMemory:
    """Remembers what becomes of a frame whatever its line and column: frames of one program repeat.

    Holds frames as they came in; ``forget`` drops them.
    """

    def __init__(self) -> None:
        self._known: dict[Key, tuple[str, str]] = {}
        self._seen: set[Key] = set()

    def recall(self, cut: Cut) -> str | None:
        """The scrubbed frame when one that differs in its numbers only was learned."""
        found = self._known.get((cut[0], cut[2], cut[1].count(":")))
        return None if found is None else found[0] + cut[1] + found[1]

    def learn(self, cut: Cut, result: str) -> None:
        """Keeps the result of a plain frame, whose numbers stand where they stood."""
        before, numbers, after = cut
        head = result[: len(result) - len(numbers) - len(after)]
        self._store((before, after, numbers.count(":")), head, after)

    def learn_slowly(self, cut: Cut, line: str, settle: Work) -> None:
        """Learns any other frame when its like is met a second time: that costs all passes."""
        before, numbers, after = cut
        key = (before, after, numbers.count(":"))
        if key not in self._seen:
            if len(self._seen) >= _KNOWN_MAX:
                self._seen.clear()
            self._seen.add(key)
            return
        self._seen.discard(key)
        if any(shape.match(line) for shape in (_V8, _PYTHON, _DOTNET, _INNER)):
            widest = (":" + _NUMBER) * numbers.count(":") or _NUMBER
            result = settle(before + widest + after)
            if result.endswith(widest + after):
                self._store(key, result[: len(result) - len(widest) - len(after)], after)

    def _store(self, key: Key, head: str, after: str) -> None:
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[key] = (head, after)

    def forget(self) -> None:
        self._known.clear()
        self._seen.clear()


_AT_END = Lazy(
    r"((?:(?<=:line )\d{1,7}|(?::\d{1,7}){1,2}|:\d{1,7} \+0x[0-9a-f]{1,8}))(\)?)$", re.ASCII
)
_IN_THE_MIDDLE = Lazy(r"\", line (\d{1,7})(?=, in )", re.ASCII)
_LONGEST_END = 21
_CLOSING = frozenset(")0123456789abcdef")


def cut_position(line: str) -> Cut | None:
    """A frame in three: before its numbers, the numbers (``:12:5`` or ``12``), after them."""
    if 'File "' in line:
        found = _IN_THE_MIDDLE.search(line)
    elif line[-1:] in _CLOSING:
        found = _AT_END.search(line, max(0, len(line) - _LONGEST_END))
    else:
        return None
    if found is None:
        return None
    return line[: found.start(1)], found[1], line[found.end(1) :]


class FrameShortcut:
    """Rewrites plain frames of V8, Python and .NET for one set of roots."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._folders: dict[str, tuple[str, bool]] = {}

    def rewrite(self, line: str) -> str | None:
        """The frame with its path cut down, or None when this is no plain frame."""
        if line[:1] not in " \t":
            return None
        if 'File "' in line:
            match = _PYTHON.match(line)
        elif " at " in line or "\tat " in line:
            if "://" in line and (found := _ADDRESS.match(line)):
                return f"{found[1]}{{URL}}/{found[2]}{found[3]}"
            match = _V8.match(line) or (_DOTNET if ") in " in line else _V8_BLANKS).match(line)
        else:
            match = _GO.match(line)
        if match is None:
            return None
        head, folder, name, tail = match.groups()
        known = self._folders.get(folder) or self._learn(folder)
        if known[1] and not keeps_name(name, True):
            name = "{FILE_NAME}"
        return head + known[0] + name + tail

    def _learn(self, folder: str) -> tuple[str, bool]:
        """What ``folder`` becomes, and whether the name below it has to be judged."""
        if len(self._folders) >= _FOLDERS_MAX:
            self._folders.clear()
        shown = shorten(folder + _SAMPLE, self._roots, in_frame=True)[: -len(_SAMPLE)]
        judged = shown.rstrip("\\/") in (ph.PATH, ph.USER_HOME_PATH, ph.UNC_PATH)
        self._folders[folder] = known = (ph.reveal(shown), judged)
        return known
