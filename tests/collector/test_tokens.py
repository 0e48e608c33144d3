"""Tokens are hashed, end at once, rotate without a gap; cookies cannot be made up."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.errors import ConfigError
from sidespool_collector.auth.session import (
    SESSION_MS,
    form_token,
    is_form_token,
    open_session,
    read_session,
    sign,
    token_ref,
    unsign,
)  # fmt: skip
from sidespool_collector.auth.tokens import Role, TokenFile, digest_of


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def test_a_secret_is_found_and_stands_nowhere_in_the_file(tokens: TokenFile) -> None:
    secret = tokens.create("desktop", Role.INGEST, 0)
    assert secret not in tokens.path.read_text()
    assert tokens.path.stat().st_mode & 0o077 == 0
    found = tokens.find(secret, 1)
    assert found is not None
    assert (found.name, found.role) == ("desktop", "ingest")
    assert tokens.find(secret + "x", 1) is None
    assert tokens.find("", 1) is None


def test_roles_allow_themselves_and_admin_allows_all(tokens: TokenFile) -> None:
    found = {role: tokens.find(tokens.create(role, role, 0), 1) for role in Role}
    for role in Role:
        token = found[role]
        assert token is not None
        assert {r for r in Role if token.may(r)} == ({*Role} if role is Role.ADMIN else {role})


def test_a_token_ends_when_it_expires_and_when_it_is_revoked(tokens: TokenFile) -> None:
    short = tokens.create("short", Role.READ, 0, expires_ms=100)
    assert tokens.find(short, 99) is not None
    assert tokens.find(short, 100) is None
    other = tokens.create("other", Role.READ, 0)
    assert tokens.revoke("other", 5) == 1
    assert tokens.find(other, 6) is None
    assert tokens.revoke("other", 7) == 0


def test_both_secrets_work_while_a_token_is_rotated(tokens: TokenFile) -> None:
    old = tokens.create("desktop", Role.INGEST, 0)
    new = tokens.rotate("desktop", now_ms=10, grace_ms=100)
    assert new is not None
    assert tokens.find(old, 50) is not None
    assert tokens.find(new, 50) is not None
    assert tokens.find(old, 110) is None
    assert tokens.find(new, 111) is not None
    assert tokens.rotate("unheard", 0, 0) is None


def test_a_change_by_another_process_is_seen(tokens: TokenFile) -> None:
    secret = tokens.create("a", Role.READ, 0)
    other = TokenFile(tokens.path)
    assert other.find(secret, 1) is not None
    tokens.revoke("a", 2)
    assert other.find(secret, 3) is None


def test_a_name_in_use_is_refused(tokens: TokenFile) -> None:
    tokens.create("a", Role.READ, 0)
    with pytest.raises(ConfigError, match="in use"):
        tokens.create("a", Role.READ, 0)


@pytest.mark.parametrize("content", [b"", b"{", b'{"tokens": []}', b"[]", b"\xff"])
def test_a_broken_file_is_named(tokens: TokenFile, content: bytes) -> None:
    tokens.path.write_bytes(content)
    with pytest.raises(ConfigError, match="COLLECTOR_TOKENS_FILE"):
        _ = tokens.book


def test_an_absent_file_says_how_to_make_one(tokens: TokenFile) -> None:
    with pytest.raises(ConfigError, match="token create"):
        _ = tokens.book


def test_a_session_names_its_token_until_it_ends() -> None:
    digest = digest_of("secret")
    cookie = open_session("key", digest, 1000)
    assert read_session("key", cookie, 1000) == token_ref(digest)
    assert read_session("key", cookie, 1000 + SESSION_MS) is None
    assert read_session("other", cookie, 1000) is None
    assert read_session("", cookie, 1000) is None


@given(st.text(max_size=80))
def test_a_made_up_cookie_opens_nothing(cookie: str) -> None:
    assert unsign("key", cookie) is None
    assert read_session("key", cookie, 0) is None


def test_an_altered_cookie_opens_nothing() -> None:
    cookie = sign("key", "value")
    for i in range(len(cookie)):
        other = "A" if cookie[i] != "A" else "B"
        assert unsign("key", cookie[:i] + other + cookie[i + 1 :]) in (None, "value")
    assert unsign("key", cookie) == "value"


def test_a_form_is_believed_only_with_its_own_cookie() -> None:
    form = form_token("key", "cookie")
    assert is_form_token("key", "cookie", form)
    assert not is_form_token("key", "other", form)
    assert not is_form_token("key", "", form_token("key", ""))
