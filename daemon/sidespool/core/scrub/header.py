"""Secrets in HTTP headers: credentials of Authorization, values of cookies, bare bearer tokens."""

import base64
import binascii
import re

from sidespool.core.scrub import placeholder as ph
from sidespool.core.scrub.key_name import Kind
from sidespool.core.scrub.lazy import Lazy
from sidespool.core.scrub.lexicon import words
from sidespool.core.scrub.value import is_secret, read

Span = tuple[int, int, str]

_AFTER_NAME = Lazy(
    r"(?:\\{0,7}[\"'`\]]){0,2}[ \t]{0,4}(?:=>|[:=,]|->"
    r"|\s{0,4}>)[ \t]{0,4}(?=(?P<quote>[bru]?\\{0,7}[\"'`])?)"
    r"(?:[bru]?\\{0,7}[\"'`\[]){0,2}"
)
_SCHEME = Lazy(
    r"(?P<scheme>Bearer|Basic|Digest|Token|Api-?Key|AWS4-HMAC-SHA256|AWS|Negotiate|NTLM|OAuth|Hawk"
    r"|Signature|SharedKey(?:Lite)?|SharedAccessSignature|HMAC[\w-]*|DPoP|GoogleLogin|Bot"
    r"|Client-ID"
    r"|Key|JWT|PoP|MAC|Discogs|MediaBrowser|Splunk|GenieKey|Zoho-oauthtoken"
    r"|SAPISIDHASH)(?:[ \t:]|%20|\+)+",
    re.IGNORECASE,
)
_LISTS = frozenset(
    [
        "digest",
        "aws4-hmac-sha256",
        "oauth",
        "hawk",
        "signature",
        "mac",
        "mediabrowser",
        "googlelogin",
    ]
)
_WORD = Lazy(r"[^\s\"'`,;<>\\{}()\[\]]+")
_REST = Lazy(r"[^\r\n\"'`<>]*")
_LIST_REST = Lazy(r"(?:[^\r\n\"'\\]|\\{0,3}\"[^\"\r\n\\]*\\{0,3}\"(?=[\s,]|$|\\{0,3}[\"']))*")
_COOKIE_PAIR = Lazy(r"([^\s=;,\"'&]{1,128})\s{0,2}=\s{0,2}([^;\s\"'\\]*)")
_COOKIE_ATTRIBUTES = words(
    "path domain expires max-age samesite secure httponly priority partitioned version"
)


def header_span(text: str, end: int) -> list[Span]:
    """Credentials behind an Authorization header's name; the scheme stays."""
    opening = _AFTER_NAME.match(text, end)
    if opening is None:
        return []
    quoted = opening["quote"] is not None
    scheme = _SCHEME.match(text, opening.end())
    at = scheme.end() if scheme else opening.end()
    if scheme and scheme["scheme"].lower() in _LISTS:
        match = (_REST if not quoted else _LIST_REST).match(text, at)
        match = match if quoted else _LIST_REST.match(text, at)
    else:
        match = _WORD.match(text, at)
    if match is None or match.end() == at:
        return []
    stop = at + len(match[0].rstrip(" .,;\\"))
    kind = Kind.STRONG if scheme else Kind.TOKEN
    if ph.has_mark(text[at:stop]) and " " not in text[at:stop]:
        return []
    return (
        [(at, stop, ph.SECRET)]
        if is_secret(text[at:stop].split(" ", maxsplit=1)[0], kind, not scheme)
        else []
    )


def cookie_spans(text: str, end: int) -> list[Span]:
    """The value of every cookie of a Cookie or Set-Cookie header. Names and attributes stay."""
    opening = _AFTER_NAME.match(text, end)
    if opening is None:
        return []
    spans: list[Span] = []
    at = opening.end()
    for _ in range(256):
        pair = _COOKIE_PAIR.match(text, at)
        if pair is None:
            break
        value = pair[2].rstrip(",)]}") if not spans else pair[2].rstrip(")]}")
        attribute = pair[1].lower() in _COOKIE_ATTRIBUTES
        if value and not attribute and not ph.has_mark(value):
            spans.append((pair.start(2), pair.start(2) + len(value), ph.SECRET))
        following = _COOKIE_NEXT.match(text, pair.end())
        if following is None:
            break
        at = following.end()
    if not spans and not _COOKIE_PAIR.match(text, opening.end()):
        start, stop, quote = read(text, opening.end(), False)
        if is_secret(text[start:stop], Kind.TOKEN, not quote):
            spans.append((start, stop, ph.SECRET))
    return spans


_COOKIE_NEXT = Lazy(
    r"[;,]\s{0,4}(?:(?:HttpOnly|Secure|Partitioned)\s{0,2}(?:[;,]\s{0,4}|$))*", re.IGNORECASE
)

_BARE = Lazy(
    r"\b(?P<scheme>bearer|basic|token|apikey|negotiate|ntlm|geniekey)(?:[ \t]|%20|\+| token )+"
    r"(?P<value>[A-Za-z0-9._~+/=|-]{8,})",
    re.IGNORECASE,
)


_DIGEST_ANSWER = Lazy(
    r"(?P<lead>\b[Dd]igest\s[^\n]{0,600}?\b(?:response|cnonce)=\\{0,7}[\"']?)"
    r"[A-Za-z0-9+/=]{8,128}(?![\w+/=])"
)


def scrub_bare(text: str) -> str:
    """``Bearer x`` and ``Basic x`` without their header's name, answers of ``Digest``."""
    if "igest " in text:
        text = _DIGEST_ANSWER.sub(lambda m: m["lead"] + ph.SECRET, text)
    return _BARE.sub(_bare, text)


def _bare(match: re.Match[str]) -> str:
    value = match["value"]
    scheme = match["scheme"].lower()
    stripped = value.rstrip(".,")
    if scheme in ("basic", "negotiate", "ntlm"):
        secret = _is_basic(stripped) or (scheme != "basic" and len(stripped) > 24)
    else:
        secret = is_secret(stripped, Kind.TOKEN, True) and (
            len(stripped) > 15 or scheme == "bearer"
        )
    if not secret:
        return match[0]
    at = match.start("value") - match.start()
    return match[0][:at] + ph.SECRET + value[len(stripped) :]


def _is_basic(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
