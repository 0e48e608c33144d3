"""Finds where a path in free text ends, blanks in its folder names included.

Three grounds, in order of trust: the closing mark of what opened before it, a separator that
follows within a few plausible words, an extension that follows within a few plausible words.
Every look ahead is bounded, so the cost is linear in the text.
"""

import re
from functools import lru_cache

from sidespool.core.scrub import path_known as known
from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words

_CLOSERS = {
    '"': '"',
    "'": "'",
    "`": "`",
    "(": ")",
    "[": "]",
    "{": "}",
    "<": ">",
    "“": "”",
    "‘": "’",
    "«": "»",
    "‹": "›",
    "「": "」",
    "„": "“",
}
OPENERS = frozenset(_CLOSERS)
_REACH = 1024  # characters a quoted path may have
_RUN = Lazy(r"[^\s\"<>|`*?“”«»\x00-\x1f]+")
_WORDS_TO_SEPARATOR = Lazy(
    r"(?:[ \u00a0\u202f](?:[^\s\\/:\"<>|*?`]{1,60})){1,6}(?=[\\/])", re.UNICODE
)
_WORDS_TO_EXTENSION = Lazy(r"(?:[ \u00a0\u202f](?:[^\s\\/:\"<>|*?`]{1,60})){1,7}", re.UNICODE)
_EXTENSION = Lazy(r"\.([A-Za-z0-9]{1,14})[)\]}'\",;.!?]*$")
_NAME_END = Lazy(r"\.([A-Za-z0-9]{1,8})$")
_POSITION = Lazy(
    r":\d{1,7}(?:[:,]\d{1,7})?(?:-\d{1,7})?(?![\d.])|:line \d{1,7}|::[A-Za-z_]\w*(?:::\w+)*"
)
_NEXT_PARAMETER = Lazy(r"&[\w.-]{1,40}=")
_BRACKETED = Lazy(r"\(\d{1,7}(?:,\d{1,7})?\)")
_LIST_ITEM = Lazy(r"[\"']?(?:/|~|[A-Za-z]:[\\/]|\\\\|[\w-]+[=:])")
_LIST_INSIDE = Lazy(r"[:;,] ?(?:/|[A-Za-z]:[\\/]|~/|[A-Za-z_]+\b(?![\\/:]))")
_URL_HEAD = Lazy(r"[a-z][a-z+-]{2,20}:/{1,4}(?:[A-Za-z]:[\\/])?")
_NO_FOLDER = Lazy(r"[=$@]|%\w+%|^~")
_TRAILING = ".,;:!?'\"…"
_BALANCE = {")": "(", "]": "[", "}": "{"}
_NEW_PATH = Lazy(r"[\s=,;]\(?[\"']?(?:/|[A-Za-z]:[\\/]|~/|\\\\|--?[A-Za-z])| (?:&&|\|\||->|=>) ")
_PROSE_TAIL = Lazy(r"[\s,;:]")

# Words that end a path when they follow it: folders are rarely called like this.
_PROSE = words("""
    a an and any are as at be because been before but by can cannot could did does doesn't didn't
    do don't due during exists existing expected failed fails failing for from found got had has
    have if in instead into is isn't it its line loading loaded contains must need needs no not on
    onto or out over read reading required requires returned returns see should since so than that
    the then there these this through to too try trying until unless use used using via was wasn't
    were when where which while will with without would write writing you your please open opened
    opening could couldn't can't won't missing invalid denied permission error errors exception
    warning info debug char column col und oder nicht ist wurde konnte von nach für mit et ou est
    pas dans pour vers avec non introuvable y o no se en para con al line: after again
    """)
_JOINING = frozenset(["and", "und", "et", "y", "e", "en", "och", "og", "of", "van", "de", "or"])
_NO_SURNAME = words("""
    Error Exception Failed Cannot Could Is Not No The This That At In On Does Did Has Was Were
    Please Access Permission File Directory Path And Or Exists Line Reason Code Errno Details
    """)


def find_end(text: str, start: int, body: int) -> int:
    """End (exclusive) of the path that starts at ``start``; ``body`` is past scheme or drive."""
    opener = text[start - 1] if start else ""
    if opener in _CLOSERS:
        close = _closing(text, start, opener)
        if close > 0 and not _more_than_path(text[start:close]):
            return close
        limit = close if close > 0 else len(text)
    else:
        limit = len(text)
    return _bare_end(text, start, body, limit)


def _closing(text: str, start: int, opener: str) -> int:
    """Place of the mark that closes ``opener``, or -1."""
    closer = _CLOSERS[opener]
    stop = min(len(text), start + _REACH)
    if closer in ")]}":
        depth = 1
        for index in range(start, stop):
            char = text[index]
            depth += (char == opener) - (char == closer)
            if depth == 0:
                return index
        return -1
    index = start
    while (index := text.find(closer, index, stop)) >= 0:
        after = text[index + 1 : index + 2]
        if closer != "'" or not after.isalnum():
            break
        index += 1
    if index <= start:
        return -1
    while text[index - 1] == "\\" and text[start - 2 : start - 1] == "\\":
        index -= 1  # \"…\" : the backslash belongs to the quote
    return index


def _more_than_path(content: str) -> bool:
    """True when a quoted text begins with a path but says more than it."""
    if len(content) < 240 and " " not in content and "," not in content and ";" not in content:
        return "," in content or (":" in content[3:] and _has_list(content))
    if _NEW_PATH.search(content, 1):
        return True
    if _has_list(content):
        return True
    words = content.split(" ")
    return any(word.lower().rstrip(",.:;") in _PROSE for word in words[1:]) and not _is_named(words)


def _has_list(content: str) -> bool:
    """A PATH list or the like: a colon or semicolon with another root behind it."""
    head = _URL_HEAD.match(content)
    return _LIST_INSIDE.search(content, head.end() if head else 2) is not None


def _is_named(words: list[str]) -> bool:
    """Prose words inside folder names ("Documents and Settings", "My Docs for Tax.docx")."""
    joined = " ".join(words)
    tail = re.split(r"[\\/]", joined)[-1]
    if " " not in tail:
        return True
    match = _EXTENSION.search(tail)
    return match is not None and match[1].lower() in known.EXTENSIONS


def _bare_end(text: str, start: int, body: int, limit: int) -> int:
    windows = "\\" in text[start : start + 4] or text[start + 1 : start + 2] == ":"
    windows = windows or text[body - 1 : body] == "\\"
    position = min(body, limit)
    while True:
        run = _RUN.match(text, position, limit)
        if run is None:
            return _trim(text, start, position)
        end, closed = _run_end(text, position, run.end(), windows)
        if closed or end >= limit:
            return _trim(text, start, end)
        following = _extend(text, start, end, limit)
        if following <= end:
            return _trim(text, start, end)
        position = following
        if position >= limit or text[position] not in "\\/":
            return _trim(text, start, position)


def _run_end(text: str, start: int, end: int, windows: bool) -> tuple[int, bool]:
    """End of the path inside one run without blanks; True when something in the run closed it."""
    index = start
    while index < end:
        char = text[index]
        if char == ":":
            if match := _POSITION.match(text, index, end):
                return match.end(), True
            if text[index : index + 6] == ":line " or text[index : index + 6] == ":line":
                match = _POSITION.match(text, index)
                return (match.end() if match else index), True
            drive = 0 < index - start < 3 and text[index - 1].isalpha()
            if drive and text[index + 1 : index + 2] in ("\\", "/"):
                index += 1
                continue
            return index, True
        if char in ",;" and _list_follows(text, index + 1, end):
            return index, True
        if char == "'" and not text[index + 1 : index + 2].isalnum():
            return index, True
        if char == "\\" and not windows and _escape_ends(text, index):
            return index, True
        if char == "&" and _NEXT_PARAMETER.match(text, index):
            return index, True
        if char == "(" and (match := _BRACKETED.match(text, index)):
            return match.end(), True
        if char in ")]}" and _BALANCE[char] not in text[start:index]:
            return index, True
        index += 1
    return end, False


def _escape_ends(text: str, index: int) -> bool:
    """In a POSIX path a backslash is an escaped blank or slash, or it is no part of the path."""
    return text[index + 1 : index + 2] not in ("/", " ", "\\", "(", ")", "'", "u", "x")


def _list_follows(text: str, index: int, end: int) -> bool:
    if index >= end:
        return True
    return _LIST_ITEM.match(text, index) is not None


def _extend(text: str, start: int, end: int, limit: int) -> int:
    """Carries the path over a blank when a separator or an extension shows that it goes on."""
    if end >= limit or text[end] not in " \u00a0\u202f":
        return end
    if text[end - 1] == "\\" and text[end] == " ":  # escaped blank of a shell
        return end + 1
    segment = _last_segment(text, start, end)
    if _has_extension(segment) or ph.FILE_NAME in segment:
        return end
    if match := _WORDS_TO_SEPARATOR.match(text, end, limit):
        separator = text[match.end()]
        ends_well = separator in text[start:end] and not match[0].endswith((":", "'"))
        if ends_well and (
            _plausible(match[0], separator) or _account_goes_on(text, start, end, match[0])
        ):
            return match.end()
    if match := _WORDS_TO_EXTENSION.match(text, end, limit):
        stop = _extension_end(match[0])
        if stop:
            return end + stop
    if (stop := _name_goes_on(text, end, limit)) > end:
        return stop
    if match := _LAST_WORD.match(text, end, limit):
        word = match[0].strip(" \u00a0").lower()
        if _account_goes_on(text, start, end, match[0]) and word not in _PROSE:
            return match.end()
    return _surname_end(text, start, end, limit)


def _last_segment(text: str, start: int, end: int) -> str:
    begin = max(text.rfind("/", start, end), text.rfind("\\", start, end)) + 1
    return text[max(begin, start) : end]


@lru_cache(1024)
def _has_extension(segment: str) -> bool:
    match = _EXTENSION.search(segment)
    return match is not None and match[1].lower() in known.EXTENSIONS


def _plausible(words: str, separator: str) -> bool:
    """No word of prose among words that would lie inside a folder name."""
    parts = words.split()
    if parts[-1] in _JOINING or words.count("(") != words.count(")"):
        return False
    for index, part in enumerate(parts):
        bare = part.strip("(),.;!?'\"[]")
        if part[-1] in ",;" and index < len(parts) - 1 and part[0].islower():
            return False
        joins = bare in _JOINING and (index or separator == "\\") and parts[-1][0].isupper()
        if bare in _PROSE and not joins:
            return False
        if bare and _has_extension(bare):
            return False
        if (
            _NO_FOLDER.search(part)
            or (part.startswith("-") and part != "-")
            or part in ("=>", "->", "&&")
        ):
            return False
    return True


def _account_goes_on(text: str, start: int, end: int, words: str) -> bool:
    """One more word of any kind in an account's folder: ``C:\\Users\\Ana y\\…``."""
    begin = max(text.rfind("/", start, end), text.rfind("\\", start, end)) + 1
    one_word = words.count(" ") == 1 and text[begin - 1] == "\\"
    return one_word and _USER_PARENT.search(text[max(start, begin - 40) : begin]) is not None


def _extension_end(words: str) -> int:
    """Length up to the first word with a known extension, 0 when prose comes first."""
    place = 0
    for word in re.split(r"(?<=[^ \u00a0\u202f])(?=[ \u00a0\u202f])", words):
        place += len(word)
        bare = word.strip("( ,;!?'\"[]\u00a0\u202f)")
        match = _EXTENSION.search(bare)
        if match and match[1].lower() in known.EXTENSIONS and not bare.startswith("."):
            return place - (len(word) - len(word.rstrip(".,;!?'\")]")))
        if not bare or bare.lower() in _PROSE or word[-1] in ",;" or "=" in bare:
            return 0
    return 0


# "…/Contoso Pharma:" and "…/Müller & Söhne" at the end of a line: more words of a name.
_NAME_WORDS = Lazy(
    r"(?:[ \u00a0](?:[^\W_a-z][\w'’.-]{1,40}|&|\+|-|\d{1,4}|(?:und|and|of|the|de|la|von|y"
    r"|et)(?= [^\W_a-z]))){1,4}"
    r"(?=$|[\x1b\\\"'”»)\]}>]| [❯➜λ»] |[$#%] |: |:$|:/|; | \(| && | \|\| | \| )"
)
_LAST_NAME_WORD = Lazy(
    r"[ \u00a0][^\W\d_A-Z][^\W\d_]{3,24}"
    r"(?=$|>| [❯➜λ»] |[$#%] |:/|: [a-zA-Z]| && |\x1b|\"\}|\\?\"[,}])"
)


def _name_goes_on(text: str, end: int, limit: int) -> int:
    """Past the words of a name that closes the sentence: capitalised, or one last word."""
    if match := _NAME_WORDS.match(text, end, limit):
        words = match[0].split()
        if words[-1] not in "&+-" and not any(_is_prose(word) for word in words):
            return match.end()
    match = _LAST_NAME_WORD.match(text, end, limit)
    return match.end() if match and not _is_prose(match[0].strip()) else end


_CODE = Lazy(r"E[A-Z]{3,}\d*$|[A-Z]+_[A-Z_]+$|SIG[A-Z]{3,}$")


def _is_prose(word: str) -> bool:
    bare = word.strip(".,'’-")
    if bare in _JOINING or bare == "the":
        return False
    if bare.endswith(("Error", "Exception", "Warning", "Fault")) or _CODE.match(bare):
        return True
    return bare.lower() in _PROSE or bare in _NO_SURNAME or bare.lower() in _CLOSING_WORDS


_CLOSING_WORDS = words("""
    again today now later soon twice once only instead anyway already completely successfully ok
    done here there yet too manually automatically directly properly correctly recursively locally
    remotely
    started stopped finished loaded saved written created deleted removed updated changed skipped
    ignored ready missing locked busy open closed full empty corrupt corrupted broken unreadable
    readable writable failed failure success succeeded complete completed aborted cancelled canceled
    build test install start stop dev lint watch serve clean deploy publish init status push pull
    commit clone fetch merge bytes files folders items lines entries times seconds minutes
    gefunden gespeichert geladen geöffnet gelöscht fehlt fehlgeschlagen existiert werden wurde
    introuvable trouvé existe échoué encontrado existe fallido
    """)
_USER_PARENT = Lazy(
    r"(?:[\\/](?:Users|home|Benutzer|Utilisateurs|Documents and Settings)[\\/]{1,4})$",
    re.IGNORECASE,
)
_LAST_WORD = Lazy(r"[ \u00a0][^\W\d_][\w'’-]{1,40}(?= &&| \|\| | -|;)")
_SURNAME = Lazy(r"[ \u00a0][^\W\d_a-z][\w'’.-]{1,40}(?=$|[\s\"',;:)\]}.!?])")


def _surname_end(text: str, start: int, end: int, limit: int) -> int:
    """``C:\\Users\\Jane Doe`` at the end of a path: capitalised words after the account's first."""
    begin = max(text.rfind("/", start, end), text.rfind("\\", start, end)) + 1
    if begin <= start or not _USER_PARENT.search(text[max(start, begin - 40) : begin]):
        return end
    place = end
    for _ in range(2):
        match = _SURNAME.match(text, place, limit)
        if match is None or match[0].strip(" \u00a0.") in _NO_SURNAME:
            break
        place = match.end()
        if text[place : place + 1] == ":" and place == match.end():
            break
    return place


def _trim(text: str, start: int, end: int) -> int:
    """Drops punctuation that belongs to the sentence."""
    while end > start + 1:
        char = text[end - 1]
        if (
            char in _TRAILING
            or (char in _BALANCE and _BALANCE[char] not in text[start : end - 1])
            or char in "([{"
        ):
            end -= 1
        else:
            break
    return end
