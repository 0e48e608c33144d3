"""Recognises stack frames and finds the location inside one, whose ends the grammar gives away.

Inside a known frame blanks, accents and brackets in a path are no problem: V8, Firefox, Safari,
Python, .NET, Go, Rust, PHP, Ruby, gdb, sanitizers and compilers each say where a path ends.
"""

from functools import cache

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy

_START = (
    r"(?:/(?![/*\s])|[A-Za-z]:\\{0,4}[\\/]|\\\\|file:|vscode-file:|~[\\/]"
    r"|[a-z][a-z0-9+.-]{1,20}://"
    rf"|[{ph.ROOT_MARKS}][\\/])"
)
_SOURCES = (
    # at fn (LOC:1:2), also nested in "eval at"
    r" \((?=START)(?P<a>[^()]{1,800}?(?:\([^()]{0,80}\)[^()]{0,400}?){0,3}?:\d{1,7}"
    r"(?::\d{1,7})?)\)",
    # at LOC:1:2 / at async LOC:1:2
    r"^\s{0,40}at (?:async )?(?=START)(?P<b>.{1,1000}?:\d{1,7}(?::\d{1,7})?)\)?\s{0,4}$",
    # in LOC:line 12 (.NET, with Mono's plain :12)
    r" in (?=START)(?P<c>[^\"']{1,1000}?:(?:line )?\d{1,7})\s{0,4}$",
    # File "LOC", line 12
    r"\bFile \\{0,3}[\"'](?P<d>.{1,1000}?)\\{0,3}[\"'], line \d",
    # fn@LOC:1:2
    r"^[^\s@]{0,200}@(?=START)(?P<e>.{1,1000}?:\d{1,7}(?::\d{1,7})?)\s{0,4}$",
    # Go and gdb: indented LOC:12 +0x1d
    r"^\s{1,40}(?=START)(?P<f>.{1,1000}?:\d{1,7}(?::\d{1,7})?)(?: \+0x[0-9a-f]+)?\s{0,4}$",
    # #3 0x… in fn (…) at LOC:12
    r" (?:at|in) (?=START)(?P<g>[^\"'(]{1,1000}?:\d{1,7}(?::\d{1,7})?)\s{0,4}$",
    # LOC:12:5: error / LOC(12,5): error / LOC:12:in `fn'
    r"^(?:\s{0,8}from )?(?=START)(?P<h>[^\"']{1,800}?(?::\d{1,7}(?::\d{1,7})?"
    r"|\(\d{1,7}(?:,\d{1,7})?\)))"
    r"(?=:? - | ?: ?(?:[a-z]|[A-Z])|:in )",
    # PHP: #0 LOC(12): and "in LOC on line 12"; PowerShell: At LOC:12 char:5
    r"^#\d{1,4} (?=START)(?P<i>.{1,800}?\(\d{1,7}\)):",
    r" in (?=START)(?P<j>[^\"']{1,800}?) on line \d",
    r"^(?:At|at) (?=START)(?P<k>.{1,800}?:\d{1,7}) char:\d",
    # bash, perl: LOC: line 12: … and "at LOC line 12."
    r"^(?=START)(?P<l>[^\"'()]{1,800}?): line \d{1,7}: ",
    r" at (?=START)(?P<m>[^\"'()]{1,800}?) line \d{1,7}[.,]",
)


@cache
def _patterns() -> list[Lazy]:
    return [Lazy(source.replace("START", _START)) for source in _SOURCES]


@cache
def _looks() -> Lazy:
    return Lazy(
        r"\s{0,40}at (?:.{1,300}\(|async |new |<|[\w$.<>\[\]]+[ (]).{0,1000}:\d{1,7}\)?\s*$"
        r"|[^\s@]{0,200}@.{1,1000}:\d{1,7}:\d{1,7}\s*$|\s*File \\?\"|#\d{1,4} "
        r"|.{0,1000}\.[A-Za-z]{1,5}(?:\?[^\s:]{0,300})?:\d{1,7}:\d{1,7}\)?\s*$"
    )


def looks_like_frame(line: str) -> bool:
    return _looks().match(line) is not None


def find_location(line: str) -> tuple[int, int] | None:
    """Span of the location in a frame, its position included. None when the line is no frame."""
    for pattern in _candidates(line):
        if match := pattern.search(line):
            name = match.lastgroup
            if name is not None:
                return match.span(name)
    return None


def _candidates(line: str) -> list[Lazy]:
    """Cheap look first: which grammars can apply at all."""
    patterns = _patterns()
    body = line.lstrip()
    if body.startswith("at "):
        chosen = [patterns[0], patterns[1], patterns[2]] if " (" in body else patterns[1:3]
        return [*chosen, patterns[6]]
    if body.startswith("File "):
        return [patterns[3]]
    chosen = []
    if "@" in body:
        chosen.append(patterns[4])
    if body is not line and line[:1].isspace():
        chosen.append(patterns[5])
    if body.startswith("#"):
        chosen += [patterns[8], patterns[6]]
    if " in " in body or " at " in body:
        chosen += [patterns[2], patterns[6], patterns[9], patterns[12], patterns[3]]
    if body[:1] in "/~\\Affromat" or body[1:2] == ":":
        chosen += [patterns[7], patterns[10], patterns[11]]
    if 'File "' in body or "File \\" in body:
        chosen.append(patterns[3])
    if " (" in body:
        chosen.append(patterns[0])
    return chosen
