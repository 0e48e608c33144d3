"""Finds every path in a line and leaves of it only what is public.

The search goes from separator to separator and looks left for what makes it the start of a path:
a drive, a scheme, a tilde, a variable, a blank or an opening mark. What is no start (``and/or``,
``src/app/x.ts``, ``text/html``) is passed over in one step.
"""

import re

from sidespool.core.scrub import path_known as known
from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.frame import find_location
from sidespool.core.scrub.lazy import Lazy, run_left
from sidespool.core.scrub.path_end import OPENERS, find_end
from sidespool.core.scrub.path_name import Roots, fold, keeps_name, shorten

_SEPARATOR = Lazy(r"[\\/]")
# A relative path, or a word with a slash in it, is skipped whole.
_SKIP = Lazy(r"[\\/]+(?:[\w.@+$%~-]{0,255}[\\/]{1,4}){0,64}[\w.@+$-]*")
_HOME_INSIDE = Lazy(r"[\\/]{1,4}(?:users|home)[\\/]{1,4}[^\\/\s\"']", re.IGNORECASE)
_BEFORE = frozenset(" \t\r\n\"'`([{<=:,;|>@!“‘«‹「„\u00a0#&+*?^") | {
    "\u2028",
    "\u202f",
    "\ufeff",
    "→",
}
_FILE_SCHEME = Lazy(
    r"(?:file|vscode-file|vscode-remote|vscode-local|vscode-userdata|atom|resource-file|local-file"
    r"|safe-file|filesystem:file|media|asset|app-file|fs)$",
    re.IGNORECASE,
)
_ANY_SCHEME = Lazy(r"([A-Za-z][A-Za-z0-9+.-]{1,30}):\\?/\\?/")
_SCHEME_RUN = Lazy(r"[A-Za-z0-9+.-]*")
_WORD_RUN = Lazy(r"[\w.-]*")
_VARIABLE_LEFT = Lazy(
    r"(?:~[\w.-]{0,64}|\$(?:env:)?\{?[A-Za-z_]\w{0,40}\}?|%[A-Za-z_]\w{0,40}(?:\(x86\))?%"
    r"|\$\([A-Za-z_]\w{0,40}\))$"
)
_VARIABLES = Lazy(
    r"~|HOME|USERPROFILE|APPDATA|HOMEPATH|HOMEDRIVE|TEMP|TMP|PUBLIC|ONEDRIVE"
    r"|PROFILE",
    re.IGNORECASE,
)
_NETWORK = Lazy(
    rf"//(?:[^\s/@\"'<>]{{1,128}}@)?[\w.${ph.MARKS}-]{{2,64}}/{{1,2}}[\w$.~%-]"
    rf"|//[^\s/@\"'<>]{{1,128}}@{ph.HOST}/[\w$.~%-]"
)
_ESCAPED_SLASHES = Lazy(r"\\{1,4}/\\{0,4}/")
_DRIVE_IN_URL = Lazy(r"[\\/]{2,8}(?:[\w+.-]{1,64}[\\/]+)?[A-Za-z](?::|%3A)")
_FILE_LEFT = Lazy(r"file$", re.IGNORECASE)
_LONG_LEFT = Lazy(r"(?:\\{2,8}[?.]\\{1,4}|[\\/]{1,4})$")
_ESCAPED_SLASH = Lazy(r"\\{1,4}/[^\s/*]")
_UNC = Lazy(r"\\{2,8}[\w.$?@-]{2,64}\\{1,4}[^\s\\/\"]")
_DEVICE = Lazy(r"\\{2,8}[?.]\\{1,4}(?:[A-Za-z]:(?=[\\/])|\w)")
_ROOTED_HOME = Lazy(r"\\{1,4}(?:Users|home)\\{1,4}\w", re.IGNORECASE)
_EXTENSION = Lazy(r"\.([A-Za-z0-9]{1,8})$")
_FLAG_LEFT = Lazy(r"(?:^|[\s\"'])-[A-Za-z]$")
_FRAME_LENGTH_MAX = 2048


def scrub_paths(line: str, roots: Roots) -> str:
    """The line with each absolute or home-bound path cut down to its public part."""
    if "gvfs/" in line:
        line = _MOUNTED.sub(_mounted, line)
    located = find_location(line) if len(line) <= _FRAME_LENGTH_MAX else None
    pieces: list[str] = []
    done = 0
    in_frame = located is not None
    if located and (scheme := _ANY_SCHEME.match(line, located[0])):
        located = located if _FILE_SCHEME.match(scheme[1]) else None
    place = 0
    while match := _SEPARATOR.search(line, place):
        at = match.start()
        found = _start(line, at, done)
        if found is None:
            place = _skip(line, at)
            inner = _relative_home(line, at, place, done)
            if inner is None:
                continue
            start = inner
            end = find_end(line, start, place)
        else:
            start, body = found
            if located is not None and located[0] <= start < located[1]:
                start, end = located
            else:
                end = find_end(line, start, body)
        place = max(end, at + 1)
        path = line[start:end]
        if not path or not _is_file(path, line, start, end, in_frame, roots):
            place = max(_skip(line, at), at + 1)
            continue
        pieces.append(line[done:start])
        pieces.append(shorten(path, roots, (start, end) == located or looks_located(path)))
        done = end
    if pieces:
        pieces.append(line[done:])
        line = "".join(pieces)
    if "\\\\" in line:
        line = _LONE_SERVER.sub(lambda m: m["lead"] + ph.UNC_PATH, line)
    line = _DOCUMENT.sub(_document, line)
    if "Users" in line or "home" in line:
        line = _SPLIT_PATH.sub(lambda m: m["lead"] + ph.USER_HOME_PATH + m["q"], line)
    return line


# A computer without a share: "Cannot connect to \\\\fs01"
_LONE_SERVER = Lazy(
    r"(?P<lead>\b(?:to|on|at|of|from|server|host|reach|find) [\"'“]?)"
    r"\\{2,4}[A-Za-z][\w.-]{1,62}(?![\w\\/])"
)
# A document named without its folder: "The file “Kündigung.pages” couldn’t be opened".
_OFFICE = r"(?:docx?|docm|odt|rtf|pdf|xlsx?|xlsm|ods|pptx?|odp|pages|numbers|eml|msg|pst|kdbx|vcf)"
_DOCUMENT = Lazy(
    rf"(?P<q>[“„«‘\"'`]\s?)(?P<name>[^“”„«»‘’\"'`\\/\n{{}}<>|]{{1,120}}\.{_OFFICE})"
    rf"(?=\s?[”“»’\"'`])"
    rf"|(?<![\w\\/.@-])(?P<bare>[\w()+-]{{2,80}}\.(?:docx?|docm|odt|xlsx?|xlsm|ods|pptx?|odp"
    rf"|kdbx))(?![\w(/\\.-])"
    r"|(?P<lead>(?i:\b(?:file|datei|fichier|archivo|document|dokument|image|photo|foto|bild"
    r"|item|folder))\s[“„«\"'‘]\s?)"
    r"(?P<any>[^“”„«»\"'’\\/\n{}<>|]{1,120}\.[A-Za-z0-9]{2,8})(?=\s?[”“»\"'’])",
    re.IGNORECASE,
)


def _document(match: re.Match[str]) -> str:
    if match["bare"]:
        return ph.FILE_NAME
    if match["any"]:
        return match["lead"] + (match["any"] if keeps_name(match["any"], False) else ph.FILE_NAME)
    return match["q"] + (match["name"] if ph.has_mark(match["name"]) else ph.FILE_NAME)


# A share mounted by GNOME: …/gvfs/smb-share:server=nas,share=data/x.docx
_MOUNTED = Lazy(
    r"(?:/run/user/\d{1,10}/gvfs|(?:/home/[^/\s]{1,64}|~)/\.gvfs)/"
    r"(?:[^\s\"'<>|:;()]|:(?=\w{1,20}=)|(?<=\\)[ ]){1,1000}"
)


def _mounted(match: re.Match[str]) -> str:
    name = match[0].rstrip(".,").rsplit("/", 1)[-1]
    kept = match[0][len(match[0].rstrip(".,")) :]
    shown = name if "=" not in name and keeps_name(name, False) else ph.FILE_NAME
    return f"{ph.UNC_PATH}/{shown}{kept}"


# A path taken to pieces: ('', 'Users', 'karen', 'Music').
_SPLIT_PATH = Lazy(
    r"(?P<lead>(?P<q>['\"])(?:Users|home)(?P=q),\s{0,4}(?P=q))(?!(?P=q))[^'\"\n]{1,200}(?P=q)"
    r"(?:,\s{0,4}(?P=q)[^'\"\n]{0,200}(?P=q)){0,64}"
)
_LOCATED = Lazy(r"\.[A-Za-z0-9]{1,8}(?::\d{1,7}(?::\d{1,7})?|\(\d{1,7},\d{1,7}\))$")


def looks_located(path: str) -> bool:
    return _LOCATED.search(path) is not None


def _skip(line: str, at: int) -> int:
    match = _SKIP.match(line, at)
    return match.end() if match else at + 1


def _start(line: str, at: int, done: int) -> tuple[int, int] | None:
    """Where the path begins to which the separator at ``at`` belongs, and where its body begins."""
    before = line[at - 1] if at > done else ""
    after = line[at + 1 : at + 2]
    if before == ":" or (before == "|" and at > 1 and line[at - 2 : at - 1].isalpha()):
        return _after_colon(line, at, done)
    if before in ph.ROOT_MARKS and before:
        return at - 1, at + 1
    if line[at] == "\\":
        return _backslash(line, at, before, after)
    if before == "~" or before in "}%)" or before.isalnum() or before in "_.-":
        return _variable(line, at, done) if before else _absolute(line, at, after)
    if before in _BEFORE or not before:
        return _absolute(line, at, after)
    return None


def _absolute(line: str, at: int, after: str) -> tuple[int, int] | None:
    if after == "/":  # //server/share
        match = _NETWORK.match(line, at)
        return (at, at + 2) if match else None
    if not after or after.isspace() or after in "*>=\"'`,;:)]}|&?<!(":
        return None
    return at, at + 1


def _after_colon(line: str, at: int, done: int) -> tuple[int, int] | None:
    letter = at - 2
    if letter >= done and line[letter].isascii() and line[letter].isalpha():
        left = line[letter - 1] if letter > done else ""
        if (not left.isalnum() and left != "_") or (
            left == "n" and line[letter - 2 : letter] == "\\n"
        ):
            start = letter
            if left in "\\/" and left:
                start = _long_prefix(line, letter, done)
                if left == "\\" and start == letter - 1:
                    return None  # an escape: "\\h:\\w"
            return start, at + 1
    if line[at : at + 2] == "//" or _ESCAPED_SLASHES.match(line, at):
        start = run_left(line, at - 1, max(done, at - 32), _SCHEME_RUN)
        if _FILE_SCHEME.match(line[start : at - 1]):
            drive = _DRIVE_IN_URL.match(line, at)
            return start, drive.end() if drive else at + 3
        return None
    if line[at] == "/":
        if match := _FILE_LEFT.search(line, max(done, at - 5), at - 1):
            return match.start(), at + 1
        return _absolute(line, at, line[at + 1 : at + 2])
    return _backslash(line, at, ":", line[at + 1 : at + 2])


def _long_prefix(line: str, letter: int, done: int) -> int:
    """``\\\\?\\C:\\…``, ``/C:/…`` and a doubled form: the prefix belongs to the path."""
    match = _LONG_LEFT.search(line, max(done, letter - 16), letter)
    return match.start() if match else letter


def _backslash(line: str, at: int, before: str, after: str) -> tuple[int, int] | None:
    escaped_slash = _ESCAPED_SLASH.match(line, at)
    if escaped_slash and (before in _BEFORE or not before):
        return at, escaped_slash.end() - 1
    if before in "}%)" and before:
        return _variable(line, at, 0)
    if before == "~":
        return at - 1, at + 1
    if before and before not in _BEFORE:
        return _variable(line, at, 0) if before.isalnum() else None
    if match := _UNC.match(line, at):
        return at, match.end() - 1
    if match := _DEVICE.match(line, at):
        return at, match.end()
    if match := _ROOTED_HOME.match(line, at):
        return at, match.end()
    return None


def _variable(line: str, at: int, done: int) -> tuple[int, int] | None:
    if line[at] == "/" and _FLAG_LEFT.search(line, max(done, at - 4), at):
        return _absolute(line, at, line[at + 1 : at + 2])
    window = line[max(done, at - 66) : at]
    if "~" not in window and "$" not in window and "%" not in window:
        return None
    match = _VARIABLE_LEFT.search(line, max(done, at - 66), at)
    if match is None or not _VARIABLES.search(match[0]):
        return None
    left = line[match.start() - 1] if match.start() > done else ""
    if left.isalnum() or left == "/":
        return None
    return match.start(), at + 1


def _relative_home(line: str, at: int, end: int, done: int) -> int | None:
    """``../../home/alice/x``: a relative path that passes through somebody's home."""
    if not _HOME_INSIDE.search(line, at, min(len(line), end + 2)):
        return None
    start = run_left(line, at, max(done, at - 64), _WORD_RUN)
    word = line[start:at]
    return start if word.startswith(".") or word in ("a", "b") else None


_METHOD_LEFT = Lazy(r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|route)[ ]$")


def _is_file(path: str, line: str, start: int, end: int, in_frame: bool, roots: Roots) -> bool:
    """Tells a file path from a web route, a regex, a command and a ratio."""
    if path[0] != "/" or in_frame:
        return True
    if path.startswith("//"):
        bare = line[start - 1 : start] in ("", " ") and "@" not in path
        return not bare or path.count("/") > 3 or "." not in path
    segments = [part for part in re.split(r"[\\/]+", path[:300]) if part]
    if not segments:
        return False
    first = fold(segments[0])
    if first == "users" and segments[1:2] and segments[1].isdigit():
        return False  # a route: accounts are no numbers
    if _METHOD_LEFT.search(line, max(0, start - 9), start):
        return False
    if first in known.DATA_ROOTS or first in roots.firsts:
        return len(segments) > 1 or first in ("root",)
    if first == "run" and fold(segments[min(1, len(segments) - 1)]) == "media":
        return True
    if len(first) == 1 and len(segments) > 2 and fold(segments[1]) in known.HOME_PARENTS:
        return True  # /c/Users/…
    if first in known.ROUTE_ROOTS or first in known.SYSTEM_ROOTS:
        built = first in known.SYSTEM_ROOTS and not known.BUILD_FOLDERS.isdisjoint(segments[1:-1])
        return built or _through_home(segments)
    if _LOCATED.search(path):
        return True
    if len(segments) == 1:
        return False
    extension = _EXTENSION.search(segments[-1])
    return bool(extension) and extension[1].lower() in known.EXTENSIONS if extension else False


def _through_home(segments: list[str]) -> bool:
    """Case matters: "/api/users/3/edit" is a route, "/x/Users/jane/a.ts" somebody's home."""
    return any(part in ("home", "Users") for part in segments[1:-2])


_ROOTED = Lazy(rf"[A-Za-z]:|[\\/~$%{ph.ROOT_MARKS}]|[a-z][a-z0-9+.-]{{1,20}}:[\\/]", re.IGNORECASE)


def scrub_path_field(path: str, roots: Roots) -> str:
    """A field that is one path: only a scrubbed tail survives, whatever it looks like."""
    if not _SEPARATOR.search(path):
        return path
    start = 0 if path[0] not in OPENERS else 1
    if not _ROOTED.match(path, start) and not _HOME_INSIDE.search(path):
        return path
    return path[:start] + shorten(path[start:], roots, in_frame=False)
