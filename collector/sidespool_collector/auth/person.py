"""People who signed in at an OpenID provider: who they are, and what the operator lets them do.

A session cookie carries the identity, signed; what it may do is decided anew at every request, so
that a name taken off the lists is out when the collector starts again.
"""

import msgspec

from sidespool_collector.auth.session import sign, unsign
from sidespool_collector.auth.tokens import Role, Token

PERSON_MS = 8 * 3_600_000
PREFIX = "person:"
GROUPS_MAX = 100


class OidcError(Exception):
    """Nobody was signed in; the message is for the log, without secrets."""


class Person(msgspec.Struct, frozen=True):
    """`subject` is the provider's own id; `email` only where the provider has verified it."""

    subject: str
    email: str = ""
    groups: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How the audit log calls them."""
        return f"oidc:{self.email or self.subject}"

    def is_in(self, entries: tuple[str, ...]) -> bool:
        """Whether a list has them: `anna@x.org`, `@x.org`, `group:name`, `sub:id` or `*`."""
        email = self.email.lower()
        domain = email[email.rindex("@") :] if "@" in email else ""
        own = {email, domain, f"sub:{self.subject}", *(f"group:{name}" for name in self.groups)}
        own.discard("")
        return any(
            entry == "*" or (entry.lower() if "@" in entry else entry) in own for entry in entries
        )


class _Session(msgspec.Struct):
    person: Person
    ends_ms: int


_DECODER = msgspec.json.Decoder(_Session)


def person_of(claims: dict[str, object]) -> Person | None:
    """The person of checked claims, or None without a subject."""
    subject, email, groups = claims.get("sub"), claims.get("email"), claims.get("groups")
    if not isinstance(subject, str) or not subject:
        return None
    is_verified = claims.get("email_verified", True) is True
    known = groups if isinstance(groups, list) else []
    return Person(
        subject[:256],
        email[:256] if isinstance(email, str) and is_verified else "",
        tuple(name[:100] for name in known[:GROUPS_MAX] if isinstance(name, str)),
    )


def open_person(key: str, person: Person, now_ms: int) -> str:
    """A session cookie."""
    session = _Session(person, now_ms + PERSON_MS)
    return sign(key, PREFIX + msgspec.json.encode(session).decode())


def read_person(key: str, cookie: str, now_ms: int) -> Person | None:
    """Whose cookie this is, while it holds."""
    value = unsign(key, cookie)
    if value is None or not value.startswith(PREFIX):
        return None
    try:
        session = _DECODER.decode(value.removeprefix(PREFIX))
    except msgspec.MsgspecError:
        return None
    return session.person if now_ms < session.ends_ms else None


def token_of(person: Person, readers: tuple[str, ...], admins: tuple[str, ...]) -> Token | None:
    """What a person may do, in the form in which everything else asks; None for nothing."""
    if person.is_in(admins):
        return Token(person.name, Role.ADMIN, "", 0)
    return Token(person.name, Role.READ, "", 0) if person.is_in(readers) else None
