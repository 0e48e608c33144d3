"""What is known of this machine and its user, and the forms in which it may stand in a text."""

import re
import unicodedata
from urllib.parse import quote, unquote

import msgspec

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words

# Account and host names that say nothing of anyone. Replacing the word "test" everywhere
# would cost every message that has it and protect nobody.
GENERIC_NAMES = words(
    """
    admin administrator root user users test tests guest default public node runner app dev
    ubuntu debian fedora centos vagrant docker jenkins build builder ci home system nobody
    daemon www-data git postgres mysql mongodb redis sa service local localhost localdomain
    server client host desktop laptop owner me none null undefined anonymous unknown codespace
    vscode gitpod ec2-user azureuser circleci travis gitlab-runner github macbook macbook-pro
    imac pc computer sudo adm wheel staff plugdev cdrom dip lpadmin lan internal domain
    workgroup linux windows macos darwin name username hostname
    """
)
# Too common in prose to be looked for everywhere, although a key may name them: "host=box".
_COMMON_WORDS = words(
    """
    main box vm worker master primary replica web api db proxy gateway sandbox container
    workspace machine
    """
)
_NAME_LENGTH_MIN = 3


class ScrubContext(msgspec.Struct, frozen=True):
    """Facts the runtime hands in; unknown ones are empty. Paths are absolute, in OS form."""

    username: str = ""
    full_name: str = ""
    hostname: str = ""
    home: str = ""
    project_roots: tuple[str, ...] = ()
    app_path: str = ""
    tmp: str = ""


class Names:
    """Pattern for the user's and the host's names as whole words, in any case and encoding.

    ``pattern`` is None when the context names nobody. ``gate`` holds RE2 sources for the same.
    """

    def __init__(self, context: ScrubContext) -> None:
        hosts = _host_forms(context.hostname)
        users = _user_forms(context)
        self.gate = [f"(?i){source}" for source in (*users, *hosts)]
        self._users = users
        self._hosts = hosts
        self._spaced = _spaced_forms(context)
        self._pattern: re.Pattern[str] | None = None
        self._spaced_pattern: re.Pattern[str] | None = None

    def replace_spaced(self, text: str) -> str:
        """Puts {USER} for names of several words, before a rule takes the first of them."""
        if not self._spaced:
            return text
        if self._spaced_pattern is None:
            self._spaced_pattern = _compile(self._spaced, [])
        return self._spaced_pattern.sub(_unless_in_a_path, text)

    def replace(self, text: str) -> str:
        """Puts {USER} and {HOST} for every known name that stands as a word of its own."""
        if not self.gate:
            return text
        if self._pattern is None:
            self._pattern = _compile(self._users, self._hosts)
        return self._pattern.sub(lambda m: ph.HOST if m["host"] is not None else ph.USER, text)


_DOMAIN_LEFT = Lazy(r"(?<![\\/:\w])[A-Z][A-Z0-9-]{1,14}\\{1,4}$")


def _unless_in_a_path(match: re.Match[str]) -> str:
    """The path pass knows homes by their whole name; ``DOMAIN\\name`` is no path."""
    text, start = match.string, match.start()
    if text[start - 1 : start] in ("\\", "/") and not _DOMAIN_LEFT.search(
        text, max(0, start - 20), start
    ):
        return match[0]
    return ph.USER


def _compile(users: list[str], hosts: list[str]) -> re.Pattern[str]:
    host = "|".join(sorted(hosts, key=len, reverse=True)) or r"(?!)"
    user = "|".join(sorted(users, key=len, reverse=True)) or r"(?!)"
    # An underscore or hyphen is a boundary: "alice_backup" names alice.
    escaped = r"(?<=\\[nrt])|(?<=%[0-9A-Fa-f][0-9A-Fa-f])"
    return re.compile(
        rf"(?:(?<![^\W_])|{escaped})(?:(?P<host>{host})|(?P<user>{user}))(?![^\W_])", re.IGNORECASE
    )


def _spellings(name: str) -> set[str]:
    """Regex sources of one name: composed, decomposed, percent-encoded, JSON-escaped."""
    composed = unicodedata.normalize("NFC", name)
    decomposed = unicodedata.normalize("NFD", name)
    forms = {composed, decomposed, quote(composed, safe=""), quote(decomposed, safe="")}
    forms.add(quote(composed.replace(" ", "+"), safe="+"))
    if not name.isascii():
        forms.add(msgspec.json.encode(composed).decode()[1:-1])
        forms.add("".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in composed))
    return {re.escape(form).replace(r"\ ", " ") for form in forms}


def _worthy(name: str) -> bool:
    return (
        len(name) >= (_NAME_LENGTH_MIN if name.isascii() else 2)
        and name.casefold() not in GENERIC_NAMES | _COMMON_WORDS
        and not name.isdigit()
    )


def _user_forms(context: ScrubContext) -> list[str]:
    names = {context.username, context.full_name, _last_part(context.home)}
    for name in tuple(names):
        if "\\" in name:  # DOMAIN\user
            names.update(name.split("\\", 1))
    forms: set[str] = set()
    for name in names:
        name = name.strip()
        if not _worthy(name):
            continue
        forms |= _spellings(name)
        words = re.split(r"[ ._-]+", name)
        if len(words) > 1 and all(len(word) > 1 for word in words):
            forms |= _joined(words)
    return sorted(forms)


def _spaced_forms(context: ScrubContext) -> list[str]:
    """Names with a blank in them, as they are written and decomposed."""
    forms: set[str] = set()
    for name in (context.username, context.full_name, _last_part(context.home)):
        words = name.split("\\")[-1].split()
        if len(words) > 1:
            for form in ("NFC", "NFD"):
                written = [re.escape(unicodedata.normalize(form, word)) for word in words]
                forms.add(r"[ \u00a0]{1,3}".join(written))
    return sorted(forms)


def _joined(words: list[str]) -> set[str]:
    """First and last name in either order, joined the ways accounts join them."""
    gap = r"(?:[ ._+-]|%20|, )?"
    escaped = [re.escape(word) for word in words]
    both = {gap.join(escaped)}
    if len(words) == 2:
        both.add(gap.join(reversed(escaped)))
    return both


def _host_forms(hostname: str) -> list[str]:
    hostname = hostname.strip().strip(".")
    first = hostname.split(".", 1)[0]
    suffix = r"(?:\.(?:local|lan|home|localdomain|internal|corp|fritz\.box|home\.arpa))?"
    forms: set[str] = set()
    if "." in hostname and _worthy(hostname):
        forms |= _spellings(hostname)
        domain = hostname.split(".", 1)[1]
        if "." in domain or _worthy(domain):
            forms |= _spellings(domain) if len(domain) >= 6 else set()
    if _worthy(first):
        forms |= {source + suffix for source in _spellings(first)}
    return sorted(forms)


def _last_part(path: str) -> str:
    parts = [part for part in re.split(r"[\\/]+", unquote(path)) if part]
    return parts[-1] if len(parts) > 1 else ""
