"""Dashboard sessions as signed cookies: nothing is kept on the server, several can share a key.

A cookie names the token it was opened with, so that revoking the token ends the session at once.
Form tokens are bound to the session (or, before there is one, to a random cookie), so that
another site cannot send a form here.
"""

import base64
import binascii
import hmac
import secrets

SESSION_MS = 12 * 3_600_000
TOKEN_REF_LENGTH = 32


def token_ref(digest: str) -> str:
    """What a cookie carries of a token: enough to find it, of no use by itself."""
    return digest[:TOKEN_REF_LENGTH]


def sign(key: str, value: str) -> str:
    """`value` with its signature, as one cookie value."""
    raw = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    return f"{raw}.{_mac(key, raw)}"


def unsign(key: str, cookie: str) -> str | None:
    """The value, or None for anything this key did not sign."""
    raw, _, mac = cookie.partition(".")
    if not key or not hmac.compare_digest(mac.encode(), _mac(key, raw).encode()):
        return None
    try:
        return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def open_session(key: str, digest: str, now_ms: int) -> str:
    """A cookie for a token's holder."""
    return sign(key, f"{token_ref(digest)}:{now_ms + SESSION_MS}:{secrets.token_hex(8)}")


def read_session(key: str, cookie: str, now_ms: int) -> str | None:
    """The token reference of a session that is still open, or None."""
    value = unsign(key, cookie)
    if value is None:
        return None
    reference, _, rest = value.partition(":")
    ends = rest.partition(":")[0]
    return reference if ends.isdecimal() and now_ms < int(ends) else None


def form_token(key: str, cookie: str) -> str:
    """What a form must carry to be believed, given the cookie it comes with."""
    return _mac(key, f"form:{cookie}")


def is_form_token(key: str, cookie: str, given: str) -> bool:
    """Whether a form was made for this cookie."""
    expected = form_token(key, cookie)
    return bool(cookie) and hmac.compare_digest(expected.encode(), given.encode())


def _mac(key: str, text: str) -> str:
    raw = hmac.digest(key.encode(), text.encode("utf-8", "surrogateescape"), "sha256")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
