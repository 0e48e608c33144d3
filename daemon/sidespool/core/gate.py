"""Decides whether an HTTP request may pass: host, origin, token and form of its head.

A page on the internet can make a browser send requests to this port: by its own name bound to
127.0.0.1 (DNS rebinding), by a form, by a WebSocket from another origin. So nothing passes whose
head is not exactly what a local program or an allowed page sends:

- HTTP/1.1, a raw target that begins with `/`, no folded, repeated or malformed headers that
  parsers disagree on (RFC 9112 sections 3.2, 5 and 6.3);
- exactly one Host, byte for byte `127.0.0.1:PORT`, `localhost:PORT` or `[::1]:PORT`;
- an Origin on the allow-list, or none; without one, Sec-Fetch-Site absent, `none` or
  `same-origin`;
- the token, as `Authorization: Bearer` or, for an upgrade alone, in the WebSocket subprotocol
  pair, compared in constant time;
- an upgrade to nothing but a WebSocket of version 13 (RFC 6455), by a GET without a body.

Names of hosts and origins never come from a URL or a parser's idea of one, only from the bytes.
"""

import hmac

import msgspec

from sidespool.wire.frame import SUBPROTOCOL, TOKEN_SUBPROTOCOL

METHODS = (b"GET", b"POST", b"PUT", b"PATCH", b"OPTIONS")
VIEWER_LINK = b"/viewer/?key="  # the whole target up to the key; nothing else is opened by one
_TOKEN_CHARS = frozenset(
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


class Head(msgspec.Struct, frozen=True):
    """A request head as bytes; header names are lower case, values stripped."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def upgrades(self) -> bool:
        """Whether the connection is to become something else than HTTP."""
        return bool(self.all(b"upgrade"))


class Pass(msgspec.Struct, frozen=True):
    """The request may go on; `origin` is the allowed origin it came from, or None.

    `link` is the one-time key of the viewer it came by, to be used up.
    """

    origin: bytes | None
    preflight: bool = False
    link: bytes = b""


class Refuse(msgspec.Struct, frozen=True):
    """The request ends here with this status; `why` is for the count, not for the client."""

    status: int
    why: str


class GateRules(msgspec.Struct, frozen=True):
    """What is compared against."""

    port: int
    token: bytes
    origins: tuple[str, ...]

    @property
    def hosts(self) -> tuple[bytes, ...]:
        """The three names this daemon answers to."""
        tail = f":{self.port}".encode()
        return (b"127.0.0.1" + tail, b"localhost" + tail, b"[::1]" + tail)


def parse_head(raw: bytes) -> Head | None:
    """The head in `raw` (up to and with the empty line), or None where it is not a strict one."""
    lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    parts = lines[0].split(b" ")
    if len(parts) != 3 or parts[2] != b"HTTP/1.1" or parts[0] not in METHODS:
        return None
    if not parts[1].startswith(b"/") or any(byte <= 32 or byte >= 127 for byte in parts[1]):
        return None
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or not _TOKEN_CHARS.issuperset(name):
            return None
        if any((byte < 32 and byte != 9) or byte == 127 for byte in value):
            return None
        headers.append((name.lower(), value.strip(b" \t")))
    return Head(parts[0], parts[1], tuple(headers))


def hopeless(raw: bytes) -> bool:
    """Whether what has come of a head can no longer become one: no reason to wait for the rest."""
    bare_line_end = raw.count(b"\n") != raw.count(b"\r\n")
    return not raw[:1].isalpha() or b"\0" in raw or bare_line_end


def judge(head: Head, rules: GateRules, links: tuple[bytes, ...] = ()) -> Pass | Refuse:
    """Whether a request may pass. The order is: form, host, origin, token or one-time link."""
    problem = _form(head)
    if problem is not None:
        return problem
    hosts = head.all(b"host")
    if len(hosts) != 1:
        return Refuse(400, "host_count")
    if not _same_as_any(hosts[0], rules.hosts):
        return Refuse(421, "host")
    origins = head.all(b"origin")
    if len(origins) > 1:
        return Refuse(400, "origin_count")
    if origins and not origin_allowed(origins[0], rules.origins):
        return Refuse(403, "origin")
    if not origins and any(
        site not in (b"none", b"same-origin") for site in head.all(b"sec-fetch-site")
    ):
        return Refuse(403, "sec_fetch_site")
    origin = origins[0] if origins else None
    if head.method == b"OPTIONS" and origin and head.all(b"access-control-request-method"):
        return Pass(origin, preflight=True)
    link = head.target.removeprefix(VIEWER_LINK)
    if head.method == b"GET" and link != head.target and _same_as_any(link, links):
        return Pass(origin, link=link)
    if not hmac.compare_digest(_presented_token(head), rules.token):
        return Refuse(401, "token")
    return Pass(origin)


def _form(head: Head) -> Refuse | None:
    lengths, encodings = head.all(b"content-length"), head.all(b"transfer-encoding")
    if len(lengths) > 1 or len(encodings) > 1 or (lengths and encodings):
        return Refuse(400, "framing")
    if lengths and not (lengths[0].isdigit() and len(lengths[0]) <= 12):
        return Refuse(400, "framing")
    if encodings and encodings[0].lower() != b"chunked":
        return Refuse(400, "framing")
    if len(head.all(b"authorization")) > 1 or len(head.all(b"sec-websocket-protocol")) > 1:
        return Refuse(400, "repeated_credentials")
    return _upgrade_form(head) if head.upgrades else None


def _upgrade_form(head: Head) -> Refuse | None:
    if head.method != b"GET" or [one.lower() for one in head.all(b"upgrade")] != [b"websocket"]:
        return Refuse(400, "upgrade")
    if head.all(b"content-length") or head.all(b"transfer-encoding"):
        return Refuse(400, "upgrade")
    if head.all(b"sec-websocket-version") != [b"13"]:
        return Refuse(400, "websocket_version")
    return None


def _same_as_any(value: bytes, allowed: tuple[bytes, ...]) -> bool:
    """Compares with each, always all of them."""
    return any([hmac.compare_digest(value, one) for one in allowed])  # noqa: C419  # no early end: time tells nothing


def origin_allowed(origin: bytes, allowed: tuple[str, ...]) -> bool:
    """Whether an Origin is on the list; `null` never is.

    An entry ending in `://` allows that scheme's pages: browsers name them `scheme://` or
    `scheme://host`; every other entry is matched exactly.
    """
    if origin == b"null":
        return False
    for entry in allowed:
        plain = entry.encode()
        if plain.endswith(b"://"):
            if origin.startswith(plain) and not any(one in origin for one in b" ,\t"):
                return True
        elif origin == plain and plain:
            return True
    return False


def _presented_token(head: Head) -> bytes:
    """The token a request carries, or b"" (which equals no token)."""
    authorization = head.all(b"authorization")
    if authorization:
        scheme, _, value = authorization[0].partition(b" ")
        return value.strip() if scheme.lower() == b"bearer" else b""
    if not head.upgrades:
        return b""
    offered = [
        part.strip() for line in head.all(b"sec-websocket-protocol") for part in line.split(b",")
    ]
    tokens = [part for part in offered if part.startswith(TOKEN_SUBPROTOCOL.encode())]
    if SUBPROTOCOL.encode() in offered and len(tokens) == 1 and len(offered) == 2:
        return tokens[0].removeprefix(TOKEN_SUBPROTOCOL.encode())
    return b""
