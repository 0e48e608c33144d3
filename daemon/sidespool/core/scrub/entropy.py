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
    r"|checkout)[\w-]{0,8}[\"'\\)\]]{0,8}\s{0,2}[:=#@-]?\s{0,2}[\"'\\(\[]{0,8}$",
    re.IGNORECASE,
)
_SUSPICIOUS_LEFT = Lazy(r"(?:=|:\s?|[\"'])$")
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
    head = re.match(r"(?:sha\d+|md5|commit|build|id|req|trace)[-_]", value)
    if head or not _is_random(value.rstrip("=")):
        return value
    return ph.SECRET


def _is_random(value: str) -> bool:
    has_digit = any(c.isdigit() for c in value)
    has_lower = any("a" <= c <= "z" for c in value)
    has_upper = any("A" <= c <= "Z" for c in value)
    if not (has_lower and has_upper and (has_digit or len(value) >= 40)):
        return False
    if len(value) < 32 and ("/" in value or "_" in value or "-" in value):
        return False
    if _turns(value) < _TURNS_MIN or _wordy(value):
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


def _turns(value: str) -> float:
    """Share of neighbours of different kind: near 0.6 in random strings, 0.2 in CamelCase."""
    kinds = [0 if c.isdigit() else 1 if c.islower() else 2 if c.isupper() else 3 for c in value]
    return sum(a != b for a, b in pairwise(kinds)) / (len(kinds) - 1)
