"""Reads the value behind a key, and tells a secret from a word, a variable and a placeholder."""

import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.key_name import Kind
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words

# What stands where a value would, and is none.
_WORDS = words("""
    null none nil undefined true false yes no on off nan void empty string str text number int
    integer bool boolean object array any unknown never bytes buffer char varchar optional required
    require missing invalid expired incorrect wrong bad mismatch failed failure failing error denied
    must cannot can could should would will does did do is isn't was were are be been has have had
    not and or but if then else the a an this that these your my our their its it for from to in of
    at by with without too also only please enter provide check see use used using set unset get got
    expected unexpected found valid verified refreshed revoked rejected accepted ok okay success
    successful succeeded present absent changed updated created deleted removed reset restored
    redacted filtered masked hidden removed omitted sensitive secret password token passwd apikey
    api_key placeholder example changeme value field input length min max type name id default
    default_value self this request response header headers body params param args arg env
    environment config settings process user username login account email key keys session cookie
    auth authentication authorization bearer basic digest oauth oauth2 jwt saml ldap kerberos
    negotiate ntlm httponly secure path domain function method class const let var return new async
    await import export end start begin identifier keyword operator punctuator punctuation eof
    whitespace comment newline indent dedent symbol regexp template name punc colon comma brace
    loading waiting pending ready done cancelled canceled aborted timeout timed closed open opened
    disabled enabled active inactive new old current previous next first last one two three more
    include same-origin omit here there when where which who why how what generated
    encrypted hashed plain plaintext weak
    strong short long same different reused support supported unsupported unavailable available
    rotation rotated cleared stored saved loaded retrieved fetched sent received read written
    """)
_NOT_A_VALUE = Lazy(
    r"/(?:[a-z][a-z._-]*/)+[a-z._-]*$|\$\{|\$\(|\$\d{1,2}$|:\d{1,2}$|\$[A-Za-z_][A-Za-z_]*$"
    r"|%[A-Za-z_]\w*%?$"
    r"|<[^<>\s]{0,60}[>]?$|\{\{"
    r"|\{[\w.\s-]*\}?$|#\{"
    r"|\[[A-Za-z _-]*\]?$|\*{2,}|[xX•●·]{3,}$|\.{2,}$|…|@\w+@$|\(|\[object|(?i:(?:your|my"
    r"|insert|change|enter|replace|add|put|some|the)[_-](?:[a-z_-]|$))"
    r"|[\w-]{0,12}(?:\.{3,}|…|\*{3,}|x{6,}|X{6,})[\w-]{0,4}$|__\w+__$|[\^~]\d|[<>]=?\s?\d+\."
    r"|(?i:[\w-]{0,12}your[_-])|(?i:changeme|example|placeholder|dummy)|--|-$|!!|&[a-z]+;"
    r"|\|$|>$"
)
_REFERENCE = Lazy(
    r"(?:process\.env|os\.environ|os\.getenv|getenv|env|import\.meta|secrets|vars|self|this|config"
    r"|settings|options|opts|args|params|props|req|request|res|ctx|context|data|event|state|user)"
    r"(?:\.|\[|->|\()|(?:[A-Za-z_$][\w$]*\.){0,6}[A-Za-z_$][\w$]*\((?:[^)]*\))?[;,)]*$"
    r"|[A-Za-z_$][A-Za-z_$]*(?:\.[A-Za-z_$][A-Za-z_$]*)+[;,)]*$"
    r"|[a-z_]+\.[a-z_]+\.[A-Z]\w+[;,)]*$"
    r"|[A-Za-z_$][\w$.]*\[[\w'\"]+\][;,)]*$"
)
_PROSE_INSIDE = Lazy(
    r"\b(?:is|are|was|be|must|should|cannot|can|not|the|your|you|a|an|please|required|at least|too"
    r"|enter|has|have|invalid|missing|and|or|for|with|to|of|does|do|will|doesn't|don't)\b",
    re.IGNORECASE,
)
_DIGIT = Lazy(r"\d")
_RANDOM_CLASS = Lazy(r"[A-Za-z0-9+/=_.~!@#$%^&*-]+$")
_CODE_DIGITS = Lazy(
    r"\d{3,10}$|\d{3,4}[ -]\d{3,4}$|[A-Z0-9]{4,10}$|(?=(?:[a-z]{0,8}\d){2})[a-z0-9]{8,12}$"
    r"|(?:[A-Za-z0-9]{4,8}-){1,5}[A-Za-z0-9]{4,8}$"
)
_UUID = Lazy(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")


def is_secret(value: str, kind: Kind, loose: bool) -> bool:
    """True when ``value`` under a name of this kind is worth hiding.

    ``loose``: the text is prose around it (a colon and a blank, "is"), so a mere word is no value.
    """
    value = value.strip()
    if not value or ph.has_mark(value) or _NOT_A_VALUE.match(value):
        return False
    bare = value.strip("\"'`.,;:!?()[]{}").lower()
    if bare in _WORDS or not bare:
        return False
    if kind is Kind.DIGITS:
        return _CODE_DIGITS.match(value) is not None and any(c.isdigit() for c in value)
    if _REFERENCE.match(value):
        return False
    if kind is Kind.TOKEN and _VERSION.match(value):
        return False
    if " " in value:
        return (
            (kind is not Kind.WEAK)
            and (kind is not Kind.TOKEN or bool(_DIGIT.search(value)))
            and not _is_prose(value)
        )
    if kind is Kind.STRONG or kind is Kind.PHRASE:
        return len(value) >= (2 if not loose else 3)
    if kind is Kind.TOKEN:
        return _looks_like_token(value, loose)
    return looks_random(value, 16)


_VERSION = Lazy(r"[v=]?\d{1,4}\.\d{1,4}\.\d{1,5}(?:[-+][\w.]{1,20})?$")


def _looks_like_token(value: str, loose: bool) -> bool:
    if _DIGIT.search(value) is None:
        mixed = value.lower() != value and value.upper() != value
        if mixed and len(value) >= 10 and value.isalpha() and not _pronounceable(value):
            return True
        return len(value) >= 20 and (mixed or ("_" not in value and "-" not in value))
    if value.isdigit():
        return len(value) >= 6
    return len(value) >= 6


def _is_prose(value: str) -> bool:
    """Two words of prose, or one and no character that a sentence lacks."""
    found = len(_PROSE_INSIDE.findall(value))
    return found > 1 or (found == 1 and not any(c in "0123456789;&=#%^*_+~|<>@$" for c in value))


_SYLLABLES = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}")
_VOWELS = frozenset("aeiouyAEIOUY")


def _pronounceable(value: str) -> bool:
    """``onTokenRefresh``: most of it lies in words of three letters or more, vowels among them."""
    spoken = [word for word in _SYLLABLES.findall(value) if len(word) > 2 and _VOWELS & set(word)]
    return 2 * sum(map(len, spoken)) >= len(value) or not value.isascii()


def looks_random(value: str, length_min: int) -> bool:
    """Letters and digits well mixed, as no word and no version is."""
    if len(value) < length_min or not _RANDOM_CLASS.match(value) or _UUID.match(value):
        return False
    if all(part.isalpha() or len(part) < 5 for part in _PARTS.split(value)):
        return False
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    return digits >= 2 and letters >= 2 and not value.startswith(("http", "/", "./", "v1.", "v2."))


_PARTS = re.compile(r"[-_.]")
_QUOTED = {quote: Lazy(rf"((?:\\(?!{quote})[\s\S]|[^\\{quote}])*)") for quote in ('"', "'", "`")}
_CLOSERS_MAX = 32
_OPEN = Lazy(r"(?:[bruf]{0,2}|@)?(\\{0,7})([\"'`“‘«])")
_ENTITY = Lazy(r"&quot;|&#3[49];|\\{1,4}u0022")
_UNQUOTED = Lazy(r"(?:[^\s\"'<>|`]|(?<=\w)'(?=\w))+")
_UNQUOTED_RUN = Lazy(r"[^\s]+")
# An escaped line break behind the value: at the end, or with the next name or line after it.
_ESCAPE_ENDS = Lazy(
    r"\\{1,8}[nrt](?=\\|$|[\s\"')}\]]|[A-Za-z_][\w.-]{0,40}\s?[=:]|[A-Z#-]|[a-z]{1,20}\s)"
)
_NEXT = Lazy(r"[;,&](?:\s|$|[\"']?[\w .-]{1,40}[\"']?\s{0,2}[=:])")


def read(text: str, start: int, glued: bool) -> tuple[int, int, str]:
    """Span of the value that begins at ``start`` without its quotes, and its opening quote.

    ``glued``: the value follows an equals sign, so quotes and brackets inside belong to it.
    """
    if match := _ENTITY.match(text, start):
        end = text.find(match[0], match.end())
        return match.end(), end if end > 0 else len(text), '"'
    if match := _OPEN.match(text, start):
        escape, quote = match[1], match[2]
        return (*_quoted(text, match.end(), escape, quote), quote)
    run = (_UNQUOTED_RUN if glued else _UNQUOTED).match(text, start)
    if run is None:
        return start, start, ""
    end = run.end()
    if "\\" in run[0] and (escape := _ESCAPE_ENDS.search(text, start + 1, end)):
        end = escape.start()
    cut = _NEXT.search(text, start, min(len(text), end + 2))
    if cut and cut.start() > start:
        end = min(end, cut.start())
    return start, _close(text, start, end, glued), ""


def _quoted(text: str, start: int, escape: str, quote: str) -> tuple[int, int]:
    """Inside of a quoted value; one without its closing quote goes to the end of the line."""
    closer = escape + {"“": "”", "‘": "’", "«": "»"}.get(quote, quote)
    if escape:
        end = text.find(closer, start)
        while end > start and text[end - 1] == "\\":  # a deeper escape: \\\" inside \"
            end = text.find(closer, end + len(closer))
    elif quote in _QUOTED:
        match = _QUOTED[quote].match(text, start)
        end = match.end() if match else -1
        while 0 <= end < len(text) and text[end] == "\\" and text[end + 1 : end + 2] == quote:
            again = _QUOTED[quote].match(text, end + 2)
            end = again.end() if again else -1
    else:
        end = text.find(closer, start)
    return start, end if 0 <= end <= len(text) else len(text)


def _close(text: str, start: int, end: int, glued: bool) -> int:
    """Leaves sentence marks, closing brackets and a foreign quote outside."""
    for _ in range(_CLOSERS_MAX):
        char = text[end - 1] if end > start else "a"
        if (
            char in ",;"
            or (char in ".:!?" and not glued)
            or (
                char in ")]}>"
                and {")": "(", "]": "[", "}": "{", ">": "<"}[char] not in text[start:end]
            )
            or (char in "\"'`\\" and text.count(char, start, end) % 2)
        ):
            end -= 1
        else:
            break
    return end
