"""Rewrites one delimited path so that only its public part survives."""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

from sidespool.core.scrub import path_known as known
from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.context import ScrubContext
from sidespool.core.scrub.lazy import Lazy

_SEGMENT = Lazy(r"[^\\/]+")
_POSITION = Lazy(
    r"(?::\d{1,7}(?:[:,]\d{1,7})?(?:-\d{1,7})?|\(\d{1,7}(?:[,:]\d{1,7})*\)"
    r"|:line \d{1,7}|\(\+0x[0-9a-fA-F]{1,16}\)|#L\d{1,7}(?:C\d{1,7})?(?:-L?\d{1,7})?"
    rf"|:\d{{1,7}}:in|::[A-Za-z_][\w:\[\]-]*|(?::(?:line )?{ph.NUMBER}){{1,2}})$"
)
_QUERY = Lazy(r"[?#][^\\/:]*$")
_EXTENSION = Lazy(r"\.([A-Za-z0-9+]{1,14}|code-workspace)$")
_SCHEME = Lazy(r"[A-Za-z][A-Za-z0-9+.-]{1,30}:[\\/]{2,8}", re.ASCII)
_DRIVE = Lazy(r"[A-Za-z][:|]$")
_PYTHON_HOME = Lazy(r"python[\d.]*t?$")
_VARIABLE = Lazy(r"(?:~[\w.-]*|\$(?:env:)?\{?\w+\}?|%\w+(?:\(\w+\))?%|\$\(\w+\))$")

Segments = list[tuple[str, int, int]]


def fold(segment: str) -> str:
    """The form in which two spellings of one folder are equal."""
    segment = segment.replace(ph.BLANK, " ")
    if "%" in segment:
        segment = unquote(segment)
    if not segment.isascii():
        segment = unicodedata.normalize("NFC", segment)
    return segment.casefold()


class Roots:
    """The context's own folders, longest first, each with the mark that stands for it."""

    def __init__(self, context: ScrubContext) -> None:
        pairs = [(root, ph.PROJECT_PATH) for root in context.project_roots]
        pairs += [(context.app_path, ph.APP_PATH), (context.home, ph.USER_HOME_PATH)]
        pairs.append((context.tmp, ph.PATH))
        found = [(canonical(split(path)), mark) for path, mark in pairs if path]
        self.known = sorted(
            ((parts, mark) for parts, mark in found if parts and parts != ["c:"]),
            key=lambda pair: (-len(pair[0]), pair[1] != ph.PROJECT_PATH),
        )
        self.firsts = frozenset(parts[0] for parts, _ in self.known)

    def find(self, parts: list[str]) -> tuple[int, str] | None:
        """How many leading parts are a known root, and its mark."""
        if not parts or parts[0] not in self.firsts:
            return None
        for root, mark in self.known:
            if parts[: len(root)] == root:
                return len(root), mark
        return None


def split(path: str) -> Segments:
    """Segments with their places, without a scheme and without the ``?`` of ``\\\\?\\``."""
    start = 0
    if match := _SCHEME.match(path):
        start = match.end()
        if path[:4].lower() != "file":
            start = _skip_authority(path, start)
    segments = [(fold(m[0]), m.start(), m.end()) for m in _SEGMENT.finditer(path, start)]
    while segments and segments[0][0] in ("?", ".", "??"):
        segments.pop(0)
    return segments


def _skip_authority(path: str, start: int) -> int:
    """vscode-file://vscode-app/c:/…: the authority is no folder, and of no interest."""
    if path[start - 1 : start] in "/\\" and path[max(0, start - 3) : start] in ("///", "\\\\\\"):
        return start
    match = _SEGMENT.match(path, start)
    return match.end() if match else start


def canonical(segments: Segments) -> list[str]:
    """Folded names with one spelling for drives: ``/mnt/c``, ``/c``, ``C|`` and ``C:`` are ``c:``.

    Keeps the count of segments: a dropped one becomes the empty string at the front.
    """
    parts = [name for name, _, _ in segments]
    if not parts:
        return parts
    if _DRIVE.match(parts[0]):
        parts[0] = parts[0][0] + ":"
    elif len(parts) > 1 and len(parts[1]) == 1 and parts[0] in ("mnt", "cygdrive", "host_mnt"):
        parts[:2] = ["", parts[1] + ":"]
    elif len(parts[0]) == 1 and len(parts) > 1 and parts[1] in known.HOME_PARENTS:
        parts[0] += ":"
    elif parts[0] in ("wsl$", "wsl.localhost") and len(parts) > 1:
        parts[:2] = ["", ""]
    return parts


def shorten(path: str, roots: Roots, in_frame: bool) -> str:
    """What may stay of ``path``, which may carry a position (``:12:3``) at its end."""
    position = ""
    if match := _POSITION.search(path):
        path, position = path[: match.start()], match[0]
        if again := _POSITION.search(path):
            path, position = path[: again.start()], again[0] + position
    if in_frame and (match := _QUERY.search(path)):
        path = path[: match.start()]
    return _shorten(path, roots, in_frame) + position


def _shorten(path: str, roots: Roots, in_frame: bool) -> str:
    if path[:1] in ph.ROOT_MARKS and path:
        return _after_mark(path, in_frame)
    segments = split(path)
    parts = canonical(segments)
    while parts and parts[0] == "":
        parts.pop(0)
        segments.pop(0)
    if not parts:
        return path
    if found := roots.find(parts):
        count, mark = found
        rest = segments[count:]
        if mark in (ph.PROJECT_PATH, ph.APP_PATH):
            return mark + (path[segments[count - 1][2] :] if rest else "")
        return _reduce(path, parts[count:], rest, mark, in_frame)
    count, mark = _classify(path, parts, in_frame)
    if mark == "":
        return path
    return _reduce(path, parts[count:], segments[count:], mark, in_frame)


def _after_mark(path: str, in_frame: bool) -> str:
    """A path behind a placeholder. Already scrubbed, unless somebody smuggles a folder there."""
    mark = path[0]
    segments = [(fold(m[0]), m.start(), m.end()) for m in _SEGMENT.finditer(path, 1)]
    parts = [name for name, _, _ in segments]
    if mark in (ph.PROJECT_PATH, ph.APP_PATH) and not _home_inside(parts):
        return path
    return _reduce(path, parts, segments, mark, in_frame)


def _home_inside(parts: list[str]) -> bool:
    return any(part in ("home", "users") for part in parts[:-1])


def _private_inside(parts: list[str]) -> bool:
    """A home or a build machine's workspace below a folder of the system."""
    return _home_inside(parts) or any(part in known.BUILD_FOLDERS for part in parts[1:-1])


def _classify(path: str, parts: list[str], in_frame: bool) -> tuple[int, str]:
    """How many leading parts the mark stands for, and the mark ("" for a path that may stay)."""
    first = parts[0]
    if _VARIABLE.match(first):
        return _variable(first, parts)
    if first.endswith(":") and len(first) == 2:
        return _drive(parts)
    if path.startswith("\\") and not path.startswith("\\/"):
        return _unc(path, parts)
    if first.startswith("."):
        return _relative(parts)
    if path.startswith("//"):
        return (2, ph.UNC_PATH)
    home = _home(parts)
    if home:
        return home, ph.USER_HOME_PATH
    if parts[:2] == ["var", "spool"] and parts[2:3] in (["cron"], ["mail"]):
        return 1, ph.PATH
    if first in known.SYSTEM_ROOTS or tuple(parts[:2]) in known.SYSTEM_PAIRS:
        if first == "run" and parts[1:2] == ["media"]:
            return min(3, len(parts)), ph.PATH
        return (0, "") if not _private_inside(parts) else (1, ph.PATH)
    if in_frame and first in known.ROUTE_ROOTS and not _home_inside(parts):
        return 0, ""  # rooted at the project or at the dev server
    if first in ("tmp", "var", "private") and len(parts) == 1:
        return 0, ""
    return 1, ph.PATH


def _home(parts: list[str]) -> int:
    """How many parts a home directory takes, 0 when this is none."""
    if parts[0] == "root":
        return 1
    start = 1 if parts[0] in ("var", "export", "private", "system", "mnt", "nfs", "data") else 0
    if len(parts) > start + 1 and parts[start] in known.HOME_PARENTS:
        return 0 if parts[start + 1] in known.NO_HOME else start + 2
    return 0


def _drive(parts: list[str]) -> tuple[int, str]:
    if len(parts) == 1:
        return 0, ""
    second = parts[1]
    if second in known.HOME_PARENTS or second in known.HOME_PARENTS_LOCAL:
        return (3, ph.USER_HOME_PATH) if len(parts) > 2 else (0, "")
    if second in known.WINDOWS_ROOTS or second.startswith("program files"):
        inside = _private_inside(parts) or parts[2:3] == ["temp"] or "serviceprofiles" in parts
        return (2, ph.PATH) if inside else (0, "")
    return 1, ph.PATH


def _unc(path: str, parts: list[str]) -> tuple[int, str]:
    body = path.lstrip("\\/")
    if body.startswith("."):  # \\.\pipe\x, \\.\COM3
        return 0, ""
    if parts[0] == "unc" and body.startswith("?"):
        return 3, ph.UNC_PATH
    if parts[0].startswith("volume{"):
        return 1, ph.PATH
    if body.startswith("?"):
        return 1, ph.PATH
    if home := _home(parts):  # \\wsl$\Ubuntu\home\x, and \Users\x on the current drive
        return home, ph.USER_HOME_PATH
    return 2, ph.UNC_PATH


def _variable(first: str, parts: list[str]) -> tuple[int, str]:
    """``~/x``, ``$HOME/x``, ``%APPDATA%\\x``: the variable says nothing, the folders below may."""
    rest = parts[1:]
    if first.startswith("~") and len(first) > 1 and first[1:] not in ("root", "+", "-"):
        return 1, ph.USER_HOME_PATH
    settings = rest and (rest[0].startswith(".") or "appdata" in first or "programdata" in first)
    if settings and keeps_name(rest[-1], in_frame=True):
        return 0, ""
    if not rest or all(_public_below_home(part) for part in rest):
        return 0, ""
    return 1, ph.USER_HOME_PATH


def _public_below_home(part: str) -> bool:
    return part.startswith(".") or part in known.PUBLIC_HOME_FOLDERS or part in known.PUBLIC_FILES


def _relative(parts: list[str]) -> tuple[int, str]:
    for index, part in enumerate(parts[:-1]):
        if part in ("home", "users"):
            return index + 2, ph.PATH
    return 0, ""


def _reduce(path: str, parts: list[str], segments: Segments, mark: str, in_frame: bool) -> str:
    """``mark`` and the public tail: from an anchor on, else the base name where it names code."""
    if not parts:
        return mark
    anchor = _anchor(parts)
    if anchor is not None:
        start = segments[anchor][1]
        return mark + _separator(path, start) + path[start:]
    if path[-1] in "\\/":
        return mark
    name = path[segments[-1][1] :]
    separator = _separator(path, segments[-1][1])
    if not keeps_name(name, in_frame):
        return mark + separator + ph.FILE_NAME
    tail = _tail(parts)
    if tail is not None:
        start = segments[tail][1]
        return mark + _separator(path, start) + path[start:]
    return mark + separator + name


def _tail(parts: list[str]) -> int | None:
    """Where a conventional project tail (``src/app/x.ts``) begins: all its folders are generic."""
    begin = None
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] not in known.TAIL_FOLDERS:
            break
        if parts[index] in known.TAIL_STARTS:
            begin = index
    return begin


def _separator(path: str, start: int) -> str:
    """The separator in front of ``start``, doubled where the text doubles it."""
    begin = start
    while begin > 0 and path[begin - 1] in "\\/":
        begin -= 1
    return path[begin:start] or "/"


def _anchor(parts: list[str]) -> int | None:
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if part in known.ANCHORS or part.endswith(".asar"):
            return index
        if index == last:
            return None
        after = parts[index + 1]
        if (part, after) in known.ANCHOR_PAIRS and index + 1 < last:
            return index
        if part.startswith(known.EDITORS) and after in known.EDITOR_TAILS:
            return index
        if (part, after) == ("go", "src") and parts[index + 2 : index + 3]:
            return index if parts[index + 2] in known.GO_STANDARD else None
        if part == "lib" and _PYTHON_HOME.match(after):
            return index
        if after == "lib" and _PYTHON_HOME.match(part) and index + 1 < last:
            return index
        if part.endswith((".app", ".framework")) and after in ("contents", "versions"):
            return index
        if part == "vendor" and index + 2 < last and parts[last].endswith((".php", ".go", ".rb")):
            return index
        if part == "jbr" or (part == "gems" and "-" in after):
            return index
    return None


@lru_cache(2048)
def keeps_name(name: str, in_frame: bool) -> bool:
    """True for base names of code, of public files, and in frames for anything but documents."""
    folded = fold(name)
    if folded in known.PUBLIC_FILES or name == ph.FILE_NAME:
        return True
    if any(c in name for c in ph.SECRET + ph.USER + ph.HOST + ph.EMAIL):
        return True
    match = _EXTENSION.search(folded)
    extension = match[1] if match else ""
    if extension in known.CODE_EXTENSIONS:
        return True
    if in_frame:
        return extension not in known.DOCUMENT_EXTENSIONS and " " not in name
    return False
