"""HTTP's three forms of a date are read, and nothing else is."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire.http_date import parse_http_date

EXAMPLE = 784_111_777.0  # RFC 9110 section 5.6.7


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "  sun, 06 nov 1994 08:49:37 gmt ",
    ],
)
def test_the_rfcs_own_examples_are_one_moment(text: str) -> None:
    assert parse_http_date(text) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sun, 06 Nov 1994 08:49:37 +0100",
        "Sun, 06 Nov 1994 08:49:37",
        "1994-11-06T08:49:37Z",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
    ],
)
def test_what_is_no_http_date_is_none(text: str) -> None:
    assert parse_http_date(text) is None


def test_a_leap_second_is_the_second_before() -> None:
    leap = parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT")
    assert leap == parse_http_date("Sat, 31 Dec 2016 23:59:59 GMT")


@given(st.integers(0, 253_370_764_800))  # to the end of the year 9998
def test_every_moment_reads_back(unix_s: int) -> None:
    assert parse_http_date(formatdate(unix_s, usegmt=True)) == unix_s


@given(st.text())
def test_any_text_is_a_moment_or_none(text: str) -> None:
    parse_http_date(text)
