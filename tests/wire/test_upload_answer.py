"""Every row of the contract's table of answers, and that no bytes at all upset the reading."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire.upload import (
    RETRY_AFTER_S_MAX,
    Backoff,
    BackoffCause,
    Captive,
    Classification,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
    answer_bytes_max,
    classify,
    decode_answer,
)

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
TAKEN = b'{"accepted":2,"duplicates":1,"rejected":[{"event_id":"x","reason":"too_old"}]}'


def told(status: int | None, body: bytes = b"", events: int = 4, **headers: str) -> Classification:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(status, named, body, events, NOW)


@pytest.mark.parametrize("status", [200, 202])
def test_an_answer_whose_counts_add_up_is_a_delivery(status: int) -> None:
    answer = told(status, TAKEN)
    assert isinstance(answer, Delivered)
    assert [one.reason for one in answer.answer.rejected] == ["too_old"]


def test_an_answer_may_leave_out_an_empty_rejected_and_add_fields() -> None:
    body = b'{"accepted":4,"duplicates":0,"receipt":"r"}'
    assert isinstance(told(200, body), Delivered)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Please sign in</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"accepted":4}',
        b'{"accepted":3,"duplicates":0}',
        b'{"accepted":5,"duplicates":0}',
        b'{"accepted":5,"duplicates":-1}',
        b'{"accepted":"4","duplicates":0}',
        b'{"accepted":4.5,"duplicates":0}',
        b'{"accepted":true,"duplicates":3}',
        TAKEN[:-1],
    ],
)
def test_a_200_with_anything_else_is_somebody_else_answering(body: bytes) -> None:
    assert isinstance(told(200, body), Captive)


@pytest.mark.parametrize("status", [201, 203, 204, 206, 299, 300, 301, 302, 303, 307, 308, 511])
def test_other_2xx_redirects_and_511_are_somebody_else_answering(status: int) -> None:
    assert isinstance(told(status, TAKEN), Captive)


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 600, 999])
def test_a_status_that_http_does_not_know_is_somebody_else_answering(status: int) -> None:
    assert isinstance(told(status), Captive)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("86400", RETRY_AFTER_S_MAX),
        ("86401", RETRY_AFTER_S_MAX),
        ("9" * 5_000, RETRY_AFTER_S_MAX),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120.0),
        ("Tuesday, 14-Nov-23 22:15:20 GMT", 120.0),
        ("Tue Nov 14 22:15:20 2023", 120.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 14 Nov 2034 22:00:00 GMT", RETRY_AFTER_S_MAX),
    ],
)
def test_a_pause_is_as_long_as_asked_and_a_day_at_most(
    status: int, value: str, seconds: float
) -> None:
    answer = told(status, Retry_After=value)
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == seconds


def test_a_retry_date_is_read_against_the_collectors_own_clock() -> None:
    answer = told(
        429, Retry_After="Sat, 01 Jan 2000 00:01:00 GMT", Date="Sat, 01 Jan 2000 00:00:00 GMT"
    )
    assert isinstance(answer, RetryAfter)
    assert answer.seconds == 60.0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "²", "31 Feb", "1e3"])
def test_an_unreadable_pause_is_a_back_off(status: int, value: str) -> None:
    assert isinstance(told(status, Retry_After=value), Backoff)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 599])
def test_a_collector_in_trouble_is_a_back_off(status: int) -> None:
    answer = told(status)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.SERVER


def test_no_answer_is_a_back_off() -> None:
    answer = told(None)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.NETWORK


def test_a_proxy_that_wants_a_password_does_not_cost_the_batch() -> None:
    answer = told(407)
    assert isinstance(answer, Backoff)
    assert answer.cause is BackoffCause.PROXY_AUTH


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_accepted_pauses(status: int) -> None:
    assert isinstance(told(status), Unauthorized)


def test_413_is_too_large() -> None:
    assert isinstance(told(413), TooLarge)


@pytest.mark.parametrize("status", [400, 402, 404, 405, 409, 410, 415, 418, 422, 431, 451, 499])
def test_any_other_4xx_is_refused_with_the_reason(status: int) -> None:
    answer = told(status, b"no\r\nsuch\x00thing" + b"x" * 10_000)
    assert isinstance(answer, Refused)
    assert answer.detail.startswith(f"{status}: no such thing")
    assert answer.detail.isprintable()
    assert len(answer.detail) < 220


def test_a_batch_whose_every_event_is_rejected_has_room_for_its_answer() -> None:
    rejected = [{"event_id": "0" * 36, "reason": "a reason of sixty-four characters" + "." * 31}]
    body = json.dumps({"accepted": 0, "duplicates": 0, "rejected": rejected * 10_000}).encode()
    assert len(body) < answer_bytes_max(10_000)
    assert isinstance(told(200, body, 10_000), Delivered)


@given(st.binary(max_size=300) | st.text().map(lambda text: text.encode("utf-8", "ignore")))
def test_any_bytes_are_an_answer_or_none(body: bytes) -> None:
    answer = decode_answer(body)
    assert answer is None or answer.total >= 0


@given(st.integers(1, 20_000))
def test_deep_nesting_is_no_answer(depth: int) -> None:
    assert decode_answer(b'{"accepted":0,"duplicates":0,"x":' + b"[" * depth) is None


HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "RETRY-AFTER", "date", "Date", "Location"])
    | st.text(max_size=5),
    st.sampled_from(["0", "12", "Sun, 06 Nov 1994 08:49:37 GMT", "99999999999999999999"])
    | st.text(max_size=40),
    max_size=4,
)


@given(
    st.none() | st.integers(-10, 1_000),
    HEADERS,
    st.binary(max_size=200) | st.just(TAKEN),
    st.integers(0, 10_000),
    st.floats(0, 4e9),
)
def test_anything_at_all_is_classified(
    status: int | None, headers: dict[str, str], body: bytes, events: int, now: float
) -> None:
    answer = classify(status, headers, body, events, now)
    if isinstance(answer, Delivered):
        assert status in (200, 202)
        assert answer.answer.total == events
    if isinstance(answer, RetryAfter):
        assert 0.0 <= answer.seconds <= RETRY_AFTER_S_MAX
    if isinstance(answer, Refused | TooLarge):
        assert status is not None
        assert 400 <= status < 500
