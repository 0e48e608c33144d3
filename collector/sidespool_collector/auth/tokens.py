"""Tokens and their roles, kept hashed in one small file that is read again when it changes.

A token is 256 random bits, so one SHA-256 is as good as a slow hash and does not cost a request
anything. The file is replaced whole, never edited in place; whoever reads sees old or new.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec

from sidespool.errors import ConfigError, DataDirError

PREFIX = "ss_"
ACTS_MAX = 1000


class Role(StrEnum):
    """What a token may do: daemons `ingest`, people `read`, operators `admin` (everything)."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token as kept; the secret itself is nowhere."""

    name: str
    role: str
    digest: str
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def is_valid(self, now_ms: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def may(self, role: Role) -> bool:
        """Whether this token does for something that asks for `role`."""
        return self.role in (role, Role.ADMIN)


class TokenAct(msgspec.Struct, frozen=True):
    """One change of the file, for the audit log."""

    at_ms: int
    act: str
    name: str


class TokenBook(msgspec.Struct, frozen=True):
    """The file's content. `session_key` signs dashboard cookies (hex); `acts` are the latest."""

    session_key: str
    tokens: list[Token] = []
    version: int = 1
    acts: list[TokenAct] = []

    def after(self, tokens: list[Token], at_ms: int, act: str, name: str) -> "TokenBook":
        """The book with other tokens, and the line that says so."""
        acts = [*self.acts, TokenAct(at_ms, act, name)][-ACTS_MAX:]
        return msgspec.structs.replace(self, tokens=tokens, acts=acts)


_BOOK = msgspec.json.Decoder(TokenBook)


def digest_of(secret: str) -> str:
    """The hash kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class TokenFile:
    """Reads and replaces the file; `book` is always what the file holds now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._book = TokenBook(session_key="")

    @property
    def book(self) -> TokenBook:
        """The content, read again where the file changed; raises ConfigError if unreadable."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            raise ConfigError(
                "COLLECTOR_TOKENS_FILE",
                f"{self.path} does not exist",
                hint="Make one: sidespool collector token create --role ingest --name desktop",
            ) from None
        except OSError as error:
            raise ConfigError("COLLECTOR_TOKENS_FILE", f"{self.path}: {error.strerror}") from None
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen != self._seen:
            self._book = self._read()
            self._seen = seen
        return self._book

    def _read(self) -> TokenBook:
        try:
            return _BOOK.decode(self.path.read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(
                "COLLECTOR_TOKENS_FILE", f"{self.path} is not a tokens file: {error}"
            ) from None

    def find(self, secret: str, now_ms: int) -> Token | None:
        """The valid token of this secret. Every entry is compared, each in constant time."""
        digest = digest_of(secret)
        found = None
        for token in self.book.tokens:
            if hmac.compare_digest(token.digest, digest) and token.is_valid(now_ms):
                found = token
        return found

    def by_digest(self, digest: str, now_ms: int) -> Token | None:
        """The valid token a session was opened with."""
        for token in self.book.tokens:
            if token.digest == digest and token.is_valid(now_ms):
                return token
        return None

    def create(self, name: str, role: Role, now_ms: int, expires_ms: int | None = None) -> str:
        """Adds a token; the secret is returned this once. Raises ConfigError on a name in use."""
        book = self.book if self.path.exists() else TokenBook(secrets.token_hex(32))
        if any(t.name == name and t.revoked_ms is None for t in book.tokens):
            raise ConfigError(
                "--name", f"{name!r} is in use", hint="Rotate or revoke it, or choose another name"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        token = Token(name, role, digest_of(secret), now_ms, expires_ms)
        act = f"token created, {role}"
        self._write(book.after([*book.tokens, token], now_ms, act, name))
        return secret

    def revoke(self, name: str, now_ms: int) -> int:
        """Ends every token of a name at once; how many there were."""
        return self._end(
            name, lambda t: msgspec.structs.replace(t, revoked_ms=now_ms), now_ms, "token revoked"
        )

    def rotate(self, name: str, now_ms: int, grace_ms: int) -> str | None:
        """A new secret for a name; the old one works `grace_ms` longer. None: no such token."""
        role = next(
            (t.role for t in self.book.tokens if t.name == name and t.is_valid(now_ms)), None
        )
        if role is None:
            return None
        ends = now_ms + grace_ms
        self._end(
            name,
            lambda t: msgspec.structs.replace(
                t, expires_ms=min(ends, t.expires_ms) if t.expires_ms else ends
            ),
            now_ms,
            "token rotated",
        )
        book = self.book
        secret = PREFIX + secrets.token_urlsafe(32)
        token = Token(name, role, digest_of(secret), now_ms)
        self._write(msgspec.structs.replace(book, tokens=[*book.tokens, token]))
        return secret

    def _end(self, name: str, change: Callable[[Token], Token], now_ms: int, act: str) -> int:
        book = self.book
        ended = [t.name == name and t.revoked_ms is None for t in book.tokens]
        if any(ended):
            tokens = [change(t) if end else t for t, end in zip(book.tokens, ended, strict=True)]
            self._write(book.after(tokens, now_ms, act, name))
        return sum(ended)

    def _write(self, book: TokenBook) -> None:
        try:
            self._replace(book)
        except OSError as error:
            raise DataDirError(
                f"the tokens file {self.path} cannot be written: {error.strerror or error}",
                hint="Make its directory writable, or name another in COLLECTOR_TOKENS_FILE",
            ) from None

    def _replace(self, book: TokenBook) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        raw = msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n"
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".tokens-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(raw)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
