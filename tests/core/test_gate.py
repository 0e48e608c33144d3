"""What passes the gate and what does not, on heads as bytes."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.gate import (
    GateRules,
    Head,
    Pass,
    Refuse,
    hopeless,
    judge,
    origin_allowed,
    parse_head,
)

TOKEN = b"A1b2C3d4E5f6A1b2C3d4E5f6A1b2C3d4E5f6A1b2C3d"
RULES = GateRules(8123, TOKEN, ("file://", "app://", "http://localhost:4200"))
HOST = (b"host", b"127.0.0.1:8123")
BEARER = (b"authorization", b"Bearer " + TOKEN)
UPGRADE = (
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-version", b"13"),
)
PAIR = (b"sec-websocket-protocol", b"sidespool.v1, token." + TOKEN)


def head(*fields: tuple[bytes, bytes], method: bytes = b"GET") -> Head:
    return Head(method, b"/v1/socket", fields)


def test_a_local_program_with_the_token_passes() -> None:
    assert judge(head(HOST, BEARER), RULES) == Pass(None)
    assert judge(head(HOST, (b"authorization", b"bearer  " + TOKEN)), RULES) == Pass(None)


def test_an_allowed_page_passes_and_its_origin_is_told() -> None:
    assert judge(head(HOST, BEARER, (b"origin", b"app://x")), RULES) == Pass(b"app://x")


def test_the_subprotocol_pair_opens_a_socket_and_nothing_else() -> None:
    assert judge(head(HOST, PAIR, *UPGRADE), RULES) == Pass(None)
    turned = (b"sec-websocket-protocol", b"token." + TOKEN + b",sidespool.v1")
    assert judge(head(HOST, turned, *UPGRADE), RULES) == Pass(None)
    assert judge(head(HOST, PAIR), RULES) == Refuse(401, "token")


def test_an_authorization_is_not_replaced_by_the_pair() -> None:
    wrong = (b"authorization", b"Bearer wrong")
    assert judge(head(HOST, wrong, PAIR, *UPGRADE), RULES) == Refuse(401, "token")


def test_host_is_judged_before_the_token_and_origin_before_it() -> None:
    assert judge(head((b"host", b"evil"), BEARER), RULES) == Refuse(421, "host")
    evil = (b"origin", b"https://evil.example")
    assert judge(head(HOST, evil), RULES) == Refuse(403, "origin")


def test_a_preflight_passes_without_a_token_but_never_a_page_that_is_not_allowed() -> None:
    asks = (b"access-control-request-method", b"POST")
    page = head(HOST, (b"origin", b"app://x"), asks, method=b"OPTIONS")
    assert judge(page, RULES) == Pass(b"app://x", preflight=True)
    stranger = head(HOST, (b"origin", b"https://evil"), asks, method=b"OPTIONS")
    assert judge(stranger, RULES) == Refuse(403, "origin")
    assert judge(head(HOST, asks, method=b"OPTIONS"), RULES) == Refuse(401, "token")
    no_preflight = head(HOST, (b"origin", b"app://x"), method=b"OPTIONS")
    assert judge(no_preflight, RULES) == Refuse(401, "token")


@pytest.mark.parametrize(
    ("origin", "entries", "allowed"),
    [
        (b"null", ("null", "file://", ""), False),
        (b"", ("", "file://"), False),
        (b"file://", ("file://",), True),
        (b"file:///", ("file://",), True),
        (b"app://desktop", ("app://",), True),
        (b"app://a/b", ("app://",), True),
        (b"app://a, https://evil", ("app://",), False),
        (b"application://x", ("app://",), False),
        (b"http://localhost:4200", ("http://localhost:4200",), True),
        (b"http://localhost:4200.evil", ("http://localhost:4200",), False),
        (b"http://localhost:42001", ("http://localhost:4200",), False),
        (b"https://x", ("*",), False),
        (b"*", ("*",), True),
        (b"app://\xc3\xa9", ("app://",), True),
    ],
)
def test_origins_are_matched_exactly_or_by_their_scheme(
    origin: bytes, entries: tuple[str, ...], allowed: bool
) -> None:
    assert origin_allowed(origin, entries) is allowed


# -- properties ----------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        b"host", b"origin", b"authorization", b"sec-websocket-protocol", b"sec-fetch-site",
        b"upgrade", b"sec-websocket-version", b"content-length", b"transfer-encoding",
        b"access-control-request-method", b"connection", b"x-anything",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        HOST[1], b"localhost:8123", b"[::1]:8123", b"evil.example", b"app://x", b"file://",
        b"null", b"https://evil.example", b"Bearer " + TOKEN[:-1], b"Bearer " + TOKEN + b"x",
        b"Bearer", b"sidespool.v1, token." + TOKEN[1:], b"sidespool.v1", b"websocket", b"13",
        b"8", b"none", b"cross-site", b"5", b"chunked", b"POST", b"",
    ]
)  # fmt: skip
FIELDS = st.lists(st.tuples(NAMES, WORDS | st.binary(max_size=60)), max_size=10)
METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"OPTIONS"])


@given(METHODS, FIELDS)
def test_nothing_passes_without_the_token_but_the_preflight_of_an_allowed_page(
    method: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    without = tuple((name, value) for name, value in fields if TOKEN not in value)
    verdict = judge(Head(method, b"/", without), RULES)
    if isinstance(verdict, Pass):
        assert verdict.preflight
        assert method == b"OPTIONS"
        assert verdict.origin is not None
        assert origin_allowed(verdict.origin, RULES.origins)


@given(METHODS, FIELDS)
def test_whatever_passes_names_this_host_once_and_no_strange_page(
    method: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    verdict = judge(Head(method, b"/", (BEARER, *fields)), RULES)
    if isinstance(verdict, Refuse):
        assert verdict.status in (400, 401, 403, 421)
        return
    given_head = Head(method, b"/", tuple(fields))
    assert len(given_head.all(b"host")) == 1
    assert given_head.all(b"host")[0] in RULES.hosts
    assert all(origin_allowed(one, RULES.origins) for one in given_head.all(b"origin"))
    assert len(given_head.all(b"origin")) <= 1
    assert not given_head.all(b"authorization")
    assert len(given_head.all(b"content-length")) + len(given_head.all(b"transfer-encoding")) <= 1


@given(st.binary(max_size=300))
def test_any_bytes_are_a_strict_head_or_none(raw: bytes) -> None:
    found = parse_head(raw + b"\r\n\r\n")
    if found is not None:
        assert found.target.startswith(b"/")
        assert all(b"\n" not in value and b"\r" not in value for _, value in found.headers)


TOKENS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=10)
VALUES = st.text(string.printable.strip() + " ", max_size=20)


@given(METHODS, st.text(string.ascii_letters + "/?=&%.", max_size=20), st.lists(
    st.tuples(TOKENS, VALUES), max_size=5))  # fmt: skip
def test_a_well_formed_head_is_read_as_it_was_written(
    method: bytes, path: str, fields: list[tuple[str, str]]
) -> None:
    lines = [method + b" /" + path.encode() + b" HTTP/1.1"]
    lines += [f"{name}:  {value}".encode() for name, value in fields]
    found = parse_head(b"\r\n".join(lines) + b"\r\n\r\n")
    assert found == Head(
        method,
        b"/" + path.encode(),
        tuple((name.lower().encode(), value.strip().encode()) for name, value in fields),
    )


@given(st.binary(max_size=100), st.integers(0, 100))
def test_what_is_hopeless_stays_no_head_whatever_follows(raw: bytes, cut: int) -> None:
    whole = raw + b"\r\n\r\n"
    part = whole[: min(cut, len(whole))]
    # A line feed at the very cut may still have its return before it: never judged too early.
    if part and hopeless(part):
        assert parse_head(whole) is None
