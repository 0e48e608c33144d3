"""URLs: in a message the whole goes, in a stack frame the last part and the position stay.

Loopback origins stay, and so do the pseudo-URLs of bundlers that name project files. ``file:`` and
its kin are paths and left to the path pass.
"""

import re

from sidespool.core.scrub import path_known as known
from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.frame import looks_like_frame
from sidespool.core.scrub.lazy import Lazy, run_left
from sidespool.core.scrub.lexicon import words

_MARK = Lazy(r":(?:\\{0,4}/){2}")
_SCHEME_RUN = Lazy(r"[A-Za-z0-9+.-]*", re.ASCII)
_BODY = Lazy(
    r"(?:[^\s\"<>`|{}\\“”«»]|\\{1,4}/|\$?\{[^{}\s\"]{0,64}\}"
    r"|\\u0026|\\(?=[^\s\"nrt\\]))+"
)
_TRAILING = ".,;:!?'…*"
_BALANCE = {")": "(", "]": "[", "}": "{"}
PATH_SCHEMES = words(
    "file vscode-file vscode-remote vscode-local vscode-userdata local-file safe-file"
)
# Names of modules, not addresses.
_PROJECT_SCHEMES = frozenset(
    ["webpack", "webpack-internal", "turbopack", "rollup", "ng", "meteor", "rsc", "bun", "deno"]
)
_INNER = frozenset(["resource", "chrome", "devtools", "about", "node", "electron", "jar:resource"])
_POSITION = Lazy(r"(?:(?::\d{1,7}){1,2}|:wasm-function\[\d{1,7}\]:0x[0-9a-f]{1,16})$")
_LAST = Lazy(r"([^/?#\\]+)$")
_LOOPBACK = Lazy(
    r"(?:localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]"
    r"|\[::ffff:127\.\d+\.\d+\.\d+\])(?::(?:\d{1,5}|\*))?$",
    re.IGNORECASE,
)
_PLAIN_SEGMENT = Lazy(r"[\w.@-]{0,40}$")
_LOCATED = Lazy(r"\.[A-Za-z]{1,5}(?:\?[^\s:]{0,400})?(?::\d{1,7}){1,2}$")
_WWW = Lazy(
    r"(?<![\w.@/-])www\.[\w-]{1,63}\.[\w.-]{2,100}(?:[/?#:][^\s\"'<>`]{0,2000})?", re.IGNORECASE
)
_SCP = Lazy(
    r"(?<![\w.@/-])[\w.-]{1,64}@[\w.-]{1,100}:(?:[\w.~-]{1,100}/){1,8}[\w.-]{1,100}"
    r"(?:\.git)?(?![\w/])"
)
_DATA = Lazy(
    r"\b(?:data:(?:[\w.+-]{1,40}/[\w.+-]{1,60})?(?:;[\w=-]{1,40}){0,4},[^\s\"'<>)]{1,}"
    r"|mailto:[^\s\"'<>]{3,}|magnet:\?[^\s\"'<>]{3,}|otpauth:[^\s\"'<>]{3,}|tel:\+?[\d.()-]{6,}"
    r"|jdbc:[a-z]+:[^\s\"'<>]{4,})",
    re.IGNORECASE,
)


def scrub_urls(line: str) -> str:
    """The line with {URL} for every address; ``line`` itself when it holds none."""
    if "://" not in line and "\\/" not in line:
        return _without_scheme(line)
    pieces: list[str] = []
    done = 0
    place = 0
    in_frame: bool | None = None
    while match := _MARK.search(line, place):
        place = match.end()
        start, scheme = _scheme(line, match.start(), done)
        if not scheme:
            continue
        body = _BODY.match(line, match.end())
        end = _trim(line, match.end(), body.end(), start) if body else match.end()
        if scheme in PATH_SCHEMES or (end == match.end() and scheme not in ("http", "https")):
            continue
        if in_frame is None:
            in_frame = looks_like_frame(line) if len(line) < 2048 else False
        if end == match.end():
            continue
        url = line[start:end]
        shown = _show(scheme, url, url[match.end() - start :], in_frame)
        place = max(end, place)
        if shown != url:
            pieces += (line[done:start], shown)
            done = end
    if pieces:
        pieces.append(line[done:])
        line = "".join(pieces)
    return _without_scheme(line)


def _scheme(line: str, end: int, floor: int) -> tuple[int, str]:
    """Start and lower-case name of the scheme; an escape such as ``\\n`` in front is no part."""
    start = run_left(line, end, max(floor, end - 31), _SCHEME_RUN)
    while start < end and not line[start].isalpha():
        start += 1
    name = line[start:end]
    if len(name) > 1 and start and line[start - 1] == "\\" and name[0] in "nrt":
        start, name = start + 1, name[1:]
    return start, name.lower()


def _trim(line: str, body: int, end: int, start: int) -> int:
    """Leaves the sentence's punctuation and the enclosing brackets and quotes outside."""
    if start and line[start - 1] == "'":
        close = line.find("'", body, end)
        end = close if close > 0 else end
    for _ in range(16):
        char = line[end - 1] if end > body else "a"
        if char in _TRAILING or (
            char in _BALANCE and line.count(_BALANCE[char], body, end) < line.count(char, body, end)
        ):
            end -= 1
        else:
            break
    if parameter := _PARAMETER.search(line, body, end):
        end = parameter.start()
    for opener in ")],;":
        if (cut := line.find(opener + " ", body, end)) > 0:
            end = cut
    return _cut_bracket(line, body, end, start)


def _cut_bracket(line: str, body: int, end: int, start: int) -> int:
    """``(https://x/y:1:2), <anonymous>`` and ``[text](https://x)``: the opening bracket decides."""
    if start and line[start - 1] in "([{":
        closer = {"(": ")", "[": "]", "{": "}"}[line[start - 1]]
        depth = 0
        for index in range(body, min(end, body + 4096)):
            if line[index] == line[start - 1]:
                depth += 1
            elif line[index] == closer:
                if depth == 0:
                    return index
                depth -= 1
    return end


def _show(scheme: str, url: str, body: str, in_frame: bool) -> str:
    if scheme in _PROJECT_SCHEMES:
        return _project(url, body)
    if scheme in _INNER:
        return url
    located = in_frame or ("/" in body and _LOCATED.search(body) is not None)
    authority = _AUTHORITY_END.split(body, 1)[0] if "\\" not in body else body.split("\\", 1)[0]
    userinfo, at, host = authority.rpartition("@")
    if at and _LOOPBACK.match(host) and not ph.has_mark(userinfo):
        head = url[: len(url) - len(body)]
        return _loopback(head + body[len(userinfo) + 1 :], body[len(userinfo) + 1 :], host, located)
    if _LOOPBACK.match(authority):
        return _loopback(url, body, authority, located)
    if not located:
        return ph.URL
    position = _POSITION.search(body)
    place = position[0] if position else ""
    path = body[: len(body) - len(place)]
    path = _QUERY.split(path, 1)[0]
    if "/" not in path:
        return ph.URL + place
    last = _LAST.search(path)
    name = last[1] if last else ""
    if not name or ph.has_mark(name) or len(name) > 128 or not _NAME.match(name):
        return ph.URL + place
    return f"{ph.URL}/{name}{place}"


_PARAMETER = Lazy(r";[A-Za-z][A-Za-z ]{1,40}=")
_AUTHORITY_END = re.compile(r"[/?#]")
_QUERY = re.compile(r"[?#]")
_NAME = Lazy(r"[\w.$+@()\[\]~-]+$|<anonymous>$")
_ROUTE_WORDS = words("""
    api v1 v2 v3 v4 health healthz ready live status metrics graphql index.html users user events
    static assets login logout auth callback oauth sessions session items search docs swagger ws
    socket socket.io sockjs-node ng-cli-ws hmr json version list upload uploads download webhook
    webhooks info ping config settings admin dashboard test main.js polyfills.js vendor.js
    runtime.js styles.css styles.js favicon.ico manifest.json remoteentry.js chat completions
    models embeddings generate tags pull push v1beta messages
    """)


def _loopback(url: str, body: str, authority: str, located: bool) -> str:
    """The origin stays; of the path what is a route, or in a frame a project file."""
    rest = body[len(authority) :]
    place = ""
    if located and (position := _POSITION.search(rest)):
        place = position[0]
        rest = rest[: position.start()]
    path = _QUERY.split(rest, 1)[0]
    origin = url[: len(url) - len(body)] + authority
    if path in ("", "/") and path == rest:
        return origin + rest + place
    segments = [part for part in path.split("/") if part]
    if located and segments and all(_PLAIN_SEGMENT.match(part) for part in segments):
        if segments[0] not in ("@fs",) and not {"home", "Users"} & set(segments):
            first = segments[0].lower()
            if len(segments) == 1 or first in known.ROUTE_ROOTS or first in known.ANCHORS:
                return origin + path + place
        return f"{origin}/{ph.PATH}/{segments[-1]}{place}"
    if _is_route(segments):
        return origin + path + _plain_query(rest[len(path) :])
    if ph.PATH in rest:
        return url
    return f"{origin}/{ph.PATH}"


_PARAMETERS = Lazy(r"([?&;#][\w.\[\]-]{0,40}=)([^&;#]*)")
_PLAIN_VALUE = Lazy(rf"(?:\d{{1,9}}|[a-z_-]{{1,12}}|[{ph.MARKS}])?$")


def _plain_query(query: str) -> str:
    """A query with small numbers and short words; any other value is a string."""
    if query in ("", "?", "#"):
        return query
    return (
        _PARAMETERS.sub(lambda m: m[0] if _PLAIN_VALUE.match(m[2]) else m[1] + ph.STRING, query)
        if _PARAMETERS.match(query)
        else ph.PATH
    )


_ROUTE_PART = Lazy(r"@?[a-z][a-z_-]{0,23}(?:\d{1,4}[a-z]?)?(?:\.[a-z]{1,5}){0,3}$|\d{1,9}$")
_PERSON_ROUTES = words("""
    user users u account accounts profile profiles people person member members customer customers
    client clients tenant tenants org orgs team teams author authors owner owners home @fs files
    file reset verify invite confirm unsubscribe token tokens
    """)


def _is_route(segments: list[str]) -> bool:
    """Plain lower-case words and numbers, none of which stands where a person's name would."""
    before = ""
    for part in segments:
        known_part = part.lower() in _ROUTE_WORDS or part.isdigit()
        if not known_part and (before in _PERSON_ROUTES or not _ROUTE_PART.match(part)):
            return False
        before = part.lower()
    return len(segments) <= 8


def _project(url: str, body: str) -> str:
    """``webpack://name/./src/x.ts``: the module path stays, the package's name in front goes."""
    path = body.replace("\\", "")
    if path.startswith(("/", "./", "../", "(", "_N_E", "@", "[", ph.PROJECT_PATH)):
        return _absolute_module(url, body)
    name, slash, rest = path.partition("/")
    if not slash or name in ("webpack", "app", "src", "node_modules", "main", "renderer"):
        return url
    if rest.startswith(
        (".", "src", "node_modules", "webpack", "external", "app", "lib", "packages")
    ):
        return url[: len(url) - len(body)] + ph.PROJECT_PATH + "/" + rest
    return ph.URL + "/" + rest.rsplit("/", 1)[-1]


_HOME = Lazy(r"/(?:home|Users)/|[A-Za-z]:[\\/]")


def _absolute_module(url: str, body: str) -> str:
    if _HOME.search(body):
        return ph.URL + "/" + re.split(r"[\\/]", body)[-1]
    return url


def _without_scheme(line: str) -> str:
    """``www.x.org/y``, ``git@host:me/repo.git``, and the schemes that have no double slash."""
    if "www." in line or "WWW." in line:
        line = _WWW.sub(ph.URL, line)
    if "@" in line:
        line = _SCP.sub(ph.URL, line)
    if ":" in line:
        line = _DATA.sub(_schemeless, line)
    return line


def _schemeless(match: re.Match[str]) -> str:
    text = match[0]
    if text[:7].lower() == "mailto:":
        return "mailto:" + ph.EMAIL
    if text[:4].lower() == "tel:":
        return "tel:" + ph.PHONE
    if ph.has_mark(text):
        return text if not text.startswith("jdbc:") else ph.URL
    return ph.URL


_USERINFO = Lazy(
    r"(?P<lead>[A-Za-z][A-Za-z0-9+.-]{1,20}://)(?P<user>[^\s/@:\"'<>]{0,128}):(?P<secret>"
    r"[^\s/@\"'<>]{1,256})@"
)


def scrub_userinfo(line: str) -> str:
    """Credentials of URLs only: ``https://user:{SECRET}@host/…``."""
    return _USERINFO.sub(lambda m: f"{m['lead']}{m['user']}:{ph.SECRET}@", line)
