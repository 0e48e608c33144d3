"""Finds secrets by the name in front of them, in every notation that names a value.

Plain ``key=value`` and ``key: value``, JSON, JSON inside JSON, Python reprs, XML, query strings,
flags, headers, name/value pairs, netrc, SQL and prose ("the password is …"). The search starts at
a keyword and reads left and right from there in code, so no pattern begins with a repeated class.
"""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.header import cookie_spans, header_span
from sidespool.core.scrub.key_name import KEYWORDS, Kind, judge
from sidespool.core.scrub.lazy import Lazy, run_left
from sidespool.core.scrub.value import is_secret, looks_random, read

Span = tuple[int, int, str]

_NAME_RUN = Lazy(r"[\w.-]*")
_NAME_RIGHT = Lazy(r"[\w-]{0,32}(?:\[\w*\])?")
# The shell's working directory, not a password.
_FOLDER_NEXT = Lazy(rf"[\"']?\s?[:=]\s?[\"']?(?:[/~\\{ph.ROOT_MARKS}]|[A-Za-z]:[\\/])")
_TYPE = Lazy(
    r"!(?:str|vault|secret|env)\s{1,3}|string\(\d{1,6}\)\s{1,3}"
    r"|(?:str|string|String|bytes|text|Optional\[str\]|str \| None)\s{0,3}=\s{0,3}"
)
_SEPARATOR = Lazy(
    r"(?:\\{0,7}[\"'`\]»”’]|&quot;|&#3[49];"
    r"|\\{1,4}u0022){0,2}(?P<gap>[ \t]{0,12}(?:\.{2,60}[ \t]{0,4})?)"
    r"(?P<op>\\{1,4}u003[dDaA]|=>|:=|->|<-|={1,3}|::?(?!//)|\uff1a)(?P<after>(?:[ \t]"
    r"|\\[nt](?=\S)){0,12})"
)
_PAIR = Lazy(
    r"\\{0,7}[\"'][\s,;]{1,8}(?:\\{0,7}[\"'])?(?:value|val|content|v"
    r"|data)(?:\\{0,7}[\"'])?\s{0,4}[=:]\s{0,4}"
    r"(?=\\{0,7}[\"'])",
    re.IGNORECASE,
)
_ITEM = Lazy(r"\\{0,7}[\"']\s{0,4},\s{0,4}(?=[bru]?\\{0,7}[\"'])")
# <password value='x' />, {password, "x"}, (password . "x")
_PAIRED = Lazy(
    r"(?:\s{1,4}(?:value|val|content|text)\s?=\s?|,\s{0,4}"
    r"|\s\.\s)(?=<{0,2}\\{0,3}[\"'])",
    re.IGNORECASE,
)
_TAG = Lazy(r"[\"']?(?:\s[^<>]{0,80})?>(?=[^<>\s,.;:)\]'\"`]|<!\[CDATA)")
_VALUE_TAG = Lazy(r"[\"']?\s{0,4}/?>\s{0,4}(?:<value>)(?=[^<>\s])")
_FLAG = Lazy(r"[ \t]{1,4}(?:<<<[ \t]{0,3})?(?![-\s=|&<>])")
_CALL = Lazy(r"\(\s{0,4}(?=[bru]?[\"'])")
_VERB = Lazy(
    r"\s{1,3}(?:is|was|are|set to|equals|ist|lautet|est|es|reads?|of|value|changed to)"
    r"(?: (?:set to|now|still))?\s{0,2}[:=]?\s{1,3}"
    r"|\s{1,3}(?:provided|supplied|given|received|used|sent)\s{0,2}:\s{1,3}",
    re.IGNORECASE,
)
_BESIDE = Lazy(r"[ \t]{1,4}(?=[\"'])")
_WORD_BESIDE = Lazy(r"[ \t]{1,4}(?=[^\s\"'=:({\[<,;.)-])")
# A row of two cells: | DB_PASSWORD | hunter2 |
_CELL = Lazy(
    r"[ \t`*\"']{0,40}\|[ \t`*]{0,40}"
    r"(?=[^|\n]{1,400}(?:\||\\n|$|[\"'])[ \t|]{0,8}(?:$|\\|[\"']|[-–—,;.(]))"
)
_CELL_LEFT = Lazy(r"(?:^|\||\\n)[ \t`*\"']{0,15}$")
_NETRC_LEFT = Lazy(
    r"(?:\blogin\s{1,4}\S{1,64}\s{1,4}|\bidentified by\s{0,4}|\bmachine\b.{0,80})$", re.IGNORECASE
)


def scrub_named(text: str) -> str:
    """Replaces the value of every secret name. Names, quotes and separators stay."""
    pieces: list[str] = []
    done = 0
    place = 0
    while match := KEYWORDS.search(text, place):
        start, end = _name_around(text, match.start(), match.end(), done)
        place = max(end, match.end())
        for value_start, value_end, replacement in _spans(text, start, end):
            if value_start < done or value_end <= value_start:
                continue
            pieces += (text[done:value_start], replacement)
            done = value_end
        place = max(place, done)
    if not pieces:
        return text
    pieces.append(text[done:])
    return "".join(pieces)


def _name_around(text: str, start: int, end: int, done: int) -> tuple[int, int]:
    """The whole name of which the keyword is a part."""
    begin = run_left(text, start, max(done, start - 48), _NAME_RUN)
    while begin < start and text[begin] in ".-" and text[begin : begin + 2] != "--":
        begin += 1
    if text[begin - 1 : begin + 1] in ("\\n", "\\t", "\\r") and begin < start:
        begin += 1
    if text[begin - 1 : begin + 5] == "\\u0022":
        begin += 5
    right = _NAME_RIGHT.match(text, end)
    return begin, right.end() if right else end


def _spans(text: str, start: int, end: int) -> list[Span]:
    name = text[start:end].lstrip("-")
    kind = judge(name.rstrip("]").replace("[", "_"))
    if name.lower() == "passwd" and text[start - 1 : start] == "/":
        return []
    if kind is Kind.NONE or (name.upper() in ("PWD", "OLDPWD") and _FOLDER_NEXT.match(text, end)):
        return []
    if kind is Kind.HEADER:
        return header_span(text, end)
    if kind is Kind.COOKIE:
        return cookie_spans(text, end)
    return _value_after(text, start, end, kind)


def _value_after(text: str, start: int, end: int, kind: Kind) -> list[Span]:
    if match := _SEPARATOR.match(text, end):
        loose = ":" in match["op"] and bool(match["after"]) and text[match.end() - 1] == " "
        quoted_name = match.start("gap") > end
        return _take(text, match.end(), kind, loose and not quoted_name, match["op"] == "=")
    for pattern, sure in ((_PAIR, True), (_VALUE_TAG, True), (_ITEM, False)):
        if match := pattern.match(text, end):
            return _take(text, match.end(), kind if sure else _lesser(kind), not sure, False)
    inside = text[start - 1 : start] in ("{", "(", "<")
    if inside and (match := _PAIRED.match(text, end)):
        sure = text[start - 1] == "{" or match[0].strip() != ","
        return _take(text, match.end(), kind if sure else _lesser(kind), False, False)
    in_tag = text[start - 1 : start] in ("<", ":") or text[start - 2 : start] == '="'
    if in_tag and (match := _TAG.match(text, end)):
        return _take_tag(text, match.end(), kind)
    if (match := _CELL.match(text, end)) and _CELL_LEFT.search(text, max(0, start - 16), start):
        if _ALGORITHMS.match(text, match.end()):
            return []
        return _take(text, match.end(), _lesser(kind), True, False)
    is_flag = "-" in (text[start : start + 1], text[start - 1 : start])
    if is_flag and (match := _FLAG.match(text, end)):
        return _take_flag(text, match.end(), kind)
    if match := _CALL.match(text, end):
        return _take(text, match.end(), _lesser(kind), True, False)
    if match := _VERB.match(text, end):
        return _take(text, match.end(), _lesser(kind), True, False)
    return _beside(text, start, end, kind)


def _take_flag(text: str, at: int, kind: Kind) -> list[Span]:
    """The argument of a flag; between quotes it may be a sentence."""
    start, end, quote = read(text, at, kind is not Kind.WEAK)
    value = text[start:end]
    if quote and " " in value and kind in (Kind.STRONG, Kind.PHRASE) and not ph.has_mark(value):
        return [(start, end, ph.SECRET)]
    return _take(text, at, kind, False, True)


def _beside(text: str, start: int, end: int, kind: Kind) -> list[Span]:
    """``password 'x'``, ``login bob password x``, ``IDENTIFIED BY 'x'``, ``otp 123456``."""
    if kind in (Kind.STRONG, Kind.TOKEN) and (match := _WORD_BESIDE.match(text, end)):
        at, stop, _ = read(text, match.end(), False)
        if looks_random(text[at:stop], 16):
            return [(at, stop, ph.SECRET)]
        if kind is Kind.STRONG and _is_passwordlike(text[at:stop], text[start:end]):
            return [(at, stop, ph.SECRET)]
    if kind not in (Kind.STRONG, Kind.DIGITS, Kind.PHRASE):
        return []
    name = text[start:end].lower()
    # "Pass 'x' to …" names a parameter, "secret 'x' not found" a thing of a cluster
    verb = name == "pass"
    if not verb and (match := _BESIDE.match(text, end)):
        thing = name in ("secret", "secrets", "credential", "credentials")
        return _take(text, match.end(), Kind.WEAK if thing else kind, True, False)
    if match := _WORD_BESIDE.match(text, end):
        sure = _NETRC_LEFT.search(text, max(0, start - 160), start) is not None
        if sure or text[start:end].lower() in ("requirepass", "masterauth"):
            return _take(text, match.end(), kind, False, False)
        if kind is Kind.DIGITS:
            return _take(text, match.end(), kind, True, False)
    return []


_ALGORITHMS = re.compile(
    r"(?i)(?:sha|md|base|utf|aes|rsa|v|step|field|line|http|tls|ssl|x|oauth|p|ipv)-?\d"
)


def _is_passwordlike(value: str, name: str) -> bool:
    """``set password hunter2``: letters and digits, and no name of an algorithm."""
    if value.isdigit():
        return len(value) >= 4 and name.lower().endswith("code")
    if not name.lower().endswith(
        ("word", "wd", "passcode", "bindpw", "rootpw", "userpw")
    ) or _ALGORITHMS.match(value):
        return False
    digits = sum(c.isdigit() for c in value)
    return len(value) >= 6 and 0 < digits < len(value) and not set(value) & set("/\\:(")


def _lesser(kind: Kind) -> Kind:
    """What prose or a list makes of a name: the value itself must look like a secret."""
    return Kind.TOKEN if kind is Kind.STRONG else kind


def _take(text: str, at: int, kind: Kind, loose: bool, glued: bool) -> list[Span]:
    if match := _TYPE.match(text, at):
        at = match.end()
    if text[at : at + 1] == "[" and (inner := text[at + 1 : at + 2]) and inner in "\"'\\":
        return _take_list(text, at + 1, kind)
    if glued and kind is Kind.STRONG and (braced := _BRACED.match(text, at)):
        return [(*braced.span(1), ph.SECRET)]
    start, end, quote = read(text, at, glued and kind is not Kind.WEAK)
    if kind is Kind.PHRASE and not quote:
        end = _phrase_end(text, start)
    value = text[start:end]
    if quote == "" and kind is Kind.STRONG and (more := _SPACED_BASE32.match(text, start)):
        return [(start, more.end(), ph.SECRET)]
    if quote == "" and kind is Kind.DIGITS and (more := _SPACED_CODE.match(text, start)):
        end, value = more.end(), more[0]
    if kind is Kind.WEAK and quote and " " in value:
        return []
    if is_secret(value, kind, loose and not quote):
        spans = [(start, end, ph.SECRET)]
        if kind is Kind.STRONG and _PLURAL_LEFT.search(text, max(0, start - 16), start):
            while len(spans) < 64 and (more := _NEXT_VALUE.match(text, spans[-1][1])):
                spans.append((more.start(1), more.end(1), ph.SECRET))
        while (
            kind is Kind.DIGITS
            and len(spans) < 64
            and (more := _NEXT_CODE.match(text, spans[-1][1]))
        ):
            spans.append((more.start(1), more.end(1), ph.SECRET))
        return spans
    return []


# ODBC writes values with special characters in braces; "{0}" and "{name}" are slots of a format.
_BRACED = Lazy(r"\{(?=[^{}\n]{0,64}\d)(?=[^{}\n]{0,64}[^\d{}\n])([^{}\n]{8,128})\}(?=;|$|[\s\"'])")
_NEXT_CODE = Lazy(
    r",?[ ]((?:[A-Za-z0-9]{3,8}-){1,4}[A-Za-z0-9]{3,8}|\d{5,10}"
    r"|(?=(?:[a-z]{0,8}\d){2})[a-z0-9]{8,12})(?![\w-])"
)
_PLURAL_LEFT = Lazy(r"(?:words|wds|secrets|keys|phrases)\W{1,4}$", re.IGNORECASE)
_SPACED_BASE32 = Lazy(r"[A-Z2-7]{4}(?: [A-Z2-7]{4}){3,12}(?![\w])")
_NEXT_VALUE = Lazy(
    r"(?:,[ ]?|[ ](?:and|or|und)[ ])(?=[^\s,;]*\d)(?=[^\s,;]*[A-Za-z])([^\s,;\"'(){}=:]{5,64})"
)
_SPACED_CODE = Lazy(r"\d{3}[ -]\d{3}(?![\d-])")
_PHRASE_WORDS = Lazy(r"\S+(?: [A-Za-z][\w'-]*){0,30}")


def _phrase_end(text: str, start: int) -> int:
    match = _PHRASE_WORDS.match(text, start)
    return match.end() if match else start


def _take_list(text: str, at: int, kind: Kind) -> list[Span]:
    """Every item of ``["a", "b"]``."""
    spans: list[Span] = []
    for _ in range(64):
        start, end, quote = read(text, at, False)
        if not quote:
            break
        if is_secret(text[start:end], kind, False):
            spans.append((start, end, ph.SECRET))
        following = _LIST_COMMA.match(text, end)
        if following is None:
            break
        at = following.end()
    return spans


_LIST_COMMA = Lazy(r"\\{0,7}[\"']\s{0,4},\s{0,4}(?=\\{0,7}[\"'])")
_TAG_TEXT = Lazy(r"(?:<!\[CDATA\[)?([^<\]]{1,4096})")


def _take_tag(text: str, at: int, kind: Kind) -> list[Span]:
    match = _TAG_TEXT.match(text, at)
    if match and is_secret(match[1], kind, False):
        return [(match.start(1), match.start(1) + len(match[1].rstrip()), ph.SECRET)]
    return []


_PENDING = Lazy(
    r"([\w.-]{1,48})(?:\\{0,3}[\"'])?\]?[ \t]{0,8}(?:[:=]|=>)[ \t]{0,4}"
    r"(?:[|>][+-]?|\\)?[ \t\r]{0,4}$"
    r"|(?i:name|key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?([\w.-]{1,48})[\"']?,?[ \t\r]{0,4}$"
    r"|\bvariable\s+[\"']([\w.-]{1,48})[\"']\s{0,4}\{[ \t\r]{0,4}$"
)
_PENDING_ENDS = frozenset(":=>|\\+-{")
_ALONE = Lazy(
    r"[ \t]{0,64}(?:-[ \t]+)?(?:[\"']?(?i:\w{0,20}value|default)[\"']?\s{0,3}[=:]\s{0,3})?"
    r"(?:string\(\d{1,6}\)[ ])?[\"']?([^\s\"']{4,512})[\"']?,?[ \t\r]{0,8}$"
)


def awaits_value(line: str) -> Kind:
    """Kind of a name at the end of a line whose value must stand on the next, else NONE."""
    end = line[-4:].rstrip()[-1:]
    if end not in _PENDING_ENDS and "ame" not in line and "ey" not in line and "AME" not in line:
        return Kind.NONE
    match = _PENDING.search(line, max(0, len(line) - 160))
    if match is None:
        return Kind.NONE
    kind = judge(match[1] or match[2] or match[3])
    return kind if kind in (Kind.STRONG, Kind.TOKEN) else Kind.NONE


def scrub_awaited(line: str, kind: Kind) -> str:
    """The line that holds nothing but the awaited value."""
    match = _ALONE.match(ph.hide(line))
    if match is None or not is_secret(match[1], kind, True):
        return line
    return ph.reveal(line[: match.start(1)] + ph.SECRET + line[match.end(1) :])
