"""What is left at the end: long strings with the disorder of a random generator."""

import math
import re
from itertools import pairwise

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy

_CANDIDATE = Lazy(r"(?<![A-Za-z0-9+/_@.-])[A-Za-z0-9+/_-]{24,4096}={0,2}(?![A-Za-z0-9+/_=])")
_DECLARED = Lazy(
    r"(?:commit|sha\d*|digest|hash|checksum|integrity|etag|md5|rev(?:ision)?|tree|parent"
    r"|blob|build|id|ids|trace|span|uuid|guid"
    r"|fingerprint|nonce|cid|tag|version|ref|object|branch|merge|head|cherry-pick|revert"
    r"|checkout|boundary)[\w-]{0,8}[\"'\\)\]]{0,8}\s{0,2}[:=#@-]?\s{0,2}[\"'\\(\[]{0,8}$",
    re.IGNORECASE,
)
_NORMALISED_MIN = 0.78
_TURNS_MIN = 0.38


def scrub_entropy(text: str) -> str:
    """{SECRET} for random-looking strings of 24 and more; labelled digests and ids stay."""
    return _CANDIDATE.sub(_judge, text)


def _judge(match: re.Match[str]) -> str:
    value = match[0]
    before = match.string[max(0, match.start() - 48) : match.start()]
    if _DECLARED.search(before):
        return value
    if _ONE_CASE.fullmatch(value):
        return value if _is_declared_digest(match) else ph.SECRET
    head = re.match(r"(?:sha\d+|md5|commit|build|id|req|trace)[-_]", value)
    if head or not _is_random(value.rstrip("=")):
        return value
    return ph.SECRET


# Keys in hexadecimal and base 32 have one case only. A bare 40 of hexadecimal is a commit.
_ONE_CASE = re.compile(
    r"(?:0x)?(?:[0-9a-f]{64}|[0-9A-F]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
    r"|(?=(?:[a-z]{0,16}\d){6})(?=[0-9a-f]{0,39}[g-z])[a-z0-9]{40,90}"
    r"|(?=(?:[A-Z]{0,16}\d){4})(?=[0-9A-F]{0,39}[G-Z])[A-Z0-9]{40,90}"
)
_DIGEST_WORD = re.compile(
    r"(?:sha|md5|digest|hash|checksum|integrity|etag|commit|rev|tree|blob|container|image|layer"
    r"|manifest|snapshot|fingerprint|object|block|tx|transaction|cid|expected|actual|computed"
    r"|chunk|artifact|cache|build|thumbprint|docker|\bid\b|_id\b|Id\b)",
    re.IGNORECASE,
)


_FILE_BEHIND = Lazy(r"  \S| \*\S|\.[a-z]")


def _is_declared_digest(match: re.Match[str]) -> bool:
    """A digest's word stands in the sentence before it, or a file's name behind (sha256sum)."""
    text, start, end = match.string, match.start(), match.end()
    if _DIGEST_WORD.search(text, max(0, start - 120), start):
        return True
    return _FILE_BEHIND.match(text, end) is not None


def _is_random(value: str) -> bool:
    has_digit = any(c.isdigit() for c in value)
    has_lower = any("a" <= c <= "z" for c in value)
    has_upper = any("A" <= c <= "Z" for c in value)
    if not (has_lower and has_upper and (has_digit or len(value) >= 40)):
        return False
    if len(value) < 32 and ("/" in value or "_" in value or "-" in value):
        return False
    core = max(_PARTS.split(value), key=len)
    core = core if len(core) >= 20 else value
    many_digits = len(_DIGITS.findall(value)) > 3 and not _SYMBOL.match(value)
    if _turns(core) < (_TURNS_MIN - 0.1 * many_digits) or _wordy(value):
        return False
    if not many_digits and _camel(core):
        return False
    counts: dict[str, int] = {}
    for char in value:
        counts[char] = counts.get(char, 0) + 1
    size = len(value)
    entropy = -sum(n / size * math.log2(n / size) for n in counts.values())
    return entropy / math.log2(min(size, 64)) >= _NORMALISED_MIN


_PARTS = re.compile(r"[-_/+]")
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}")


def _wordy(value: str) -> bool:
    """``mistralai/Mixtral-8x7B-Instruct``: short parts, half of them or more plain words."""
    parts = [part for part in _PARTS.split(value) if part]
    if len(parts) < 3 or max(map(len, parts)) > 16:
        return False
    return 2 * sum(len(part) for part in parts if _WORD.fullmatch(part)) >= len(value)


_VOWELS = frozenset("aeiouy")
# Mangled names count the letters of each part.
_SYMBOL = re.compile(r"_{1,3}Z|_R[A-Z]|.*[a-z]{9}")
_DIGITS = re.compile(r"\d+")
_CAMEL = re.compile(r"[A-Z]?[a-z]{2,}")


def _camel(value: str) -> bool:
    """``getElementsByClassNameOrTagName2``: words of three letters and more make up most of it."""
    words = sum(
        len(word) for word in _CAMEL.findall(value) if len(word) > 2 and _VOWELS & set(word.lower())
    )
    return words >= 0.6 * len(value)


def _turns(value: str) -> float:
    """Share of neighbours of different kind: near 0.6 in random strings, 0.2 in CamelCase."""
    kinds = [0 if c.isdigit() else 1 if c.islower() else 2 if c.isupper() else 3 for c in value]
    return sum(a != b for a, b in pairwise(kinds)) / (len(kinds) - 1)
