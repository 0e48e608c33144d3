"""Times, ids and cuts: the small forms every event is made of."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidespool.wire.event import (
    CUT_MARKER,
    TIME_SHAPE,
    canonical_time,
    cut_text,
    format_time,
    parse_time,
    uuid7,
    uuid7_prefix,
)

MARKER_BYTES = len(CUT_MARKER.encode())
YEAR_1 = -62_135_596_800_000
YEAR_9999 = 253_402_300_799_999
MILLIS = st.integers(YEAR_1, YEAR_9999)


@given(MILLIS)
@example(YEAR_1)
@example(YEAR_9999)
@example(-1)
def test_a_formatted_time_reads_back_as_the_same_millisecond(unix_ms: int) -> None:
    text = format_time(unix_ms)
    assert TIME_SHAPE.fullmatch(text)
    assert len(text) == len("2026-01-02T03:04:05.678Z")
    assert parse_time(text) == unix_ms
    assert canonical_time(text) == text


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_an_offset_is_turned_into_utc(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = aware.astimezone(UTC)
    expected = expected.replace(microsecond=expected.microsecond // 1000 * 1000)
    text = canonical_time(aware.isoformat())
    assert text is not None
    assert datetime.fromisoformat(text) == expected


@given(st.text(max_size=40) | st.from_regex(TIME_SHAPE, fullmatch=True))
@example("2026-02-30T00:00:00Z")
@example("2026-01-01T25:00:00Z")
@example("2016-12-31T23:59:60Z")
@example("0000-01-01T00:00:00Z")
@example("0001-01-01T00:00:00+05:00")
@example("9999-12-31T23:59:59-05:00")
@example("2026-01-01T00:00:00+99:99")
@example("2026-01-01T00:00:00Z\n")
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = canonical_time(text)
    assert found is None or TIME_SHAPE.fullmatch(found)
    assert (parse_time(text) is None) == (found is None)


@given(MILLIS, st.integers(0, 23), st.characters())
@example(0, 20, "²")
@example(0, 20, "٣")
@example(0, 11, "9")
def test_a_time_that_is_nearly_canonical_is_judged_as_the_slow_way_judges(
    unix_ms: int, place: int, other: str
) -> None:
    text = format_time(unix_ms)
    assert canonical_time(text) == text  # now its second is remembered
    near = text[:place] + other + text[place + 1 :]
    slow = parse_time(near)
    assert canonical_time(near) == (None if slow is None else format_time(slow))


def test_digits_below_a_millisecond_are_dropped_not_rounded() -> None:
    assert canonical_time("2026-01-02T03:04:05.999999999Z") == "2026-01-02T03:04:05.999Z"
    assert canonical_time("1969-12-31T23:59:59.9999Z") == "1969-12-31T23:59:59.999Z"


def test_a_time_without_a_zone_is_none() -> None:
    assert parse_time("2026-01-02T03:04:05") is None


@given(st.integers(0, 2**48 - 1), st.integers(0), st.integers(0))
def test_ids_are_uuids_of_version_7_with_the_time_in_front(ms: int, a: int, b: int) -> None:
    text = uuid7(ms, a, b)
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == ms


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**42 - 1), st.lists(st.integers(0, 2**32 - 1)))
def test_a_run_of_ids_shares_its_prefix_and_counts_up(
    ms: int, rand: int, counts: list[int]
) -> None:
    prefix = uuid7_prefix(ms, rand)
    ids = [f"{prefix}{count:08x}" for count in counts]
    assert all(uuid.UUID(one).version == 7 for one in ids)
    assert all(uuid.UUID(one).variant == uuid.RFC_4122 for one in ids)
    assert sorted(ids) == [f"{prefix}{count:08x}" for count in sorted(counts)]


@given(st.integers(0, 2**48 - 1), st.sets(st.integers(0, 2**42 - 1), min_size=2, max_size=9))
def test_runs_with_other_dice_have_other_prefixes(ms: int, dice: set[int]) -> None:
    assert len({uuid7_prefix(ms, rand) for rand in dice}) == len(dice)


@given(st.text(max_size=200), st.integers(MARKER_BYTES, 300))
def test_a_cut_text_fits_is_unicode_and_says_that_it_was_cut(text: str, limit: int) -> None:
    out = cut_text(text, limit)
    raw = out.encode("utf-8", "surrogatepass")
    assert len(raw) <= limit
    if len(text.encode("utf-8", "surrogatepass")) <= limit:
        assert out == text
    else:
        assert out.endswith(CUT_MARKER)
        assert text.startswith(out.removesuffix(CUT_MARKER))
    assert cut_text(out, limit) == out


@pytest.mark.parametrize("text", ["é" * 40, "日本語" * 20, "👩‍👩‍👧‍👦" * 10])
def test_a_cut_never_leaves_half_a_character(text: str) -> None:
    for limit in range(MARKER_BYTES, 60):
        kept = cut_text(text, limit).removesuffix(CUT_MARKER)
        assert text.startswith(kept)
