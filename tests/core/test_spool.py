"""The book: limits, quota, age, order."""

from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.policy import (
    EVICTION_ORDER,
    SEGMENT_BYTES_MAX,
    SEGMENT_EVENTS_MAX,
    SEGMENT_RAW_BYTES_MAX,
)
from sidespool.core.record import batch_id_bits
from sidespool.core.spool import DAY_MS, Evict, Full, Segment, SpoolBook
from sidespool.wire.event import uuid7
from sidespool.wire.level import Level

NOW_MS = 1_760_000_000_000


def batch_id(level: Level, made_ms: int = NOW_MS, dice: int = 0) -> str:
    return uuid7(made_ms, *batch_id_bits(level, dice))


def book_of(*segments: tuple[Level, int, int], bytes_max: int = 1_000) -> SpoolBook:
    """Sealed segments of (level, minutes of age, size)."""
    book = SpoolBook(bytes_max, age_days_max=14)
    for level, minutes, size in segments:
        one = batch_id(level, NOW_MS - minutes * 60_000)
        book.on_opened(Segment(one, level, size, size * 4, 1, True))
    return book


def levels(book: SpoolBook, room: Evict | Full) -> list[Level]:
    assert isinstance(room, Evict)
    return [book.segments[one].level for one in room.batch_ids]


def test_nothing_is_evicted_while_there_is_room() -> None:
    assert book_of((Level.FULL, 1, 900)).make_room(Level.CRASH, 100) == Evict(())


def test_the_least_important_goes_first_and_of_it_the_oldest() -> None:
    book = book_of(
        (Level.CRASH, 90, 200), (Level.USAGE, 5, 200), (Level.USAGE, 60, 200), (Level.FULL, 1, 200)
    )
    room = book.make_room(Level.CRASH, 500)
    assert levels(book, room) == [Level.FULL, Level.USAGE]
    assert isinstance(room, Evict)
    assert room.batch_ids[1] == batch_id(Level.USAGE, NOW_MS - 60 * 60_000)


def test_a_less_important_newcomer_is_refused_rather_than_a_crash_lost() -> None:
    book = book_of((Level.CRASH, 1, 500), (Level.ERROR, 1, 500))
    assert book.make_room(Level.USAGE, 1) == Full()
    assert levels(book, book.make_room(Level.ERROR, 1)) == [Level.ERROR]


def test_what_would_never_fit_evicts_nothing() -> None:
    assert book_of((Level.FULL, 1, 10)).make_room(Level.CRASH, 2_000) == Full()


def test_a_segment_with_an_unsynced_commit_never_goes() -> None:
    book = book_of((Level.USAGE, 5, 500), (Level.USAGE, 1, 500))
    oldest, newest = sorted(book.segments)
    assert book.make_room(Level.ERROR, 100, [oldest]) == Evict((newest,))
    assert book.make_room(Level.ERROR, 100, [oldest, newest]) == Full()


def test_age_counts_from_the_batch_id_and_errors_live_longer() -> None:
    minutes = 20 * 24 * 60
    book = book_of((Level.USAGE, minutes, 1), (Level.ERROR, minutes, 1), (Level.USAGE, 1, 1))
    assert [one[15] for one in book.expired(NOW_MS)] == ["3"]
    assert len(book.expired(NOW_MS + 11 * DAY_MS)) == 2


def test_a_clock_set_back_expires_nothing() -> None:
    assert book_of((Level.USAGE, 0, 1)).expired(0) == []


def test_each_limit_seals() -> None:
    book = SpoolBook(10 * SEGMENT_RAW_BYTES_MAX, 14)
    for growth in [(SEGMENT_BYTES_MAX, 0, 0), (0, SEGMENT_RAW_BYTES_MAX, 0), (0, 0, 10_000)]:
        one = batch_id(Level.USAGE, dice=len(book.segments) + 1)
        book.on_opened(Segment(one, Level.USAGE))
        assert not book.must_seal(one)
        book.on_grown(one, *growth)
        assert book.must_seal(one)
    assert SEGMENT_EVENTS_MAX == 10_000


def test_the_most_important_is_uploaded_first_and_of_it_the_oldest() -> None:
    book = book_of(
        (Level.USAGE, 9, 1), (Level.CRASH, 1, 1), (Level.CRASH, 5, 1), (Level.FULL, 99, 1)
    )
    assert [one.level for one in book.sealed()] == [
        Level.CRASH,
        Level.CRASH,
        Level.USAGE,
        Level.FULL,
    ]
    assert book.sealed()[0].batch_id < book.sealed()[1].batch_id


@given(
    st.lists(
        st.tuples(st.sampled_from(EVICTION_ORDER), st.integers(0, 999), st.integers(1, 400)),
        max_size=12,
    ),
    st.sampled_from(EVICTION_ORDER),
    st.integers(1, 1_500),
)
def test_eviction_makes_room_with_the_least_important_and_never_more_than_needed(
    segments: list[tuple[Level, int, int]], level: Level, incoming: int
) -> None:
    book = book_of(*segments)
    room = book.make_room(level, incoming)
    if isinstance(room, Full):
        mine = [one for one in book.segments.values() if one.level >= level]
        assert book.total_bytes - sum(one.size_bytes for one in mine) + incoming > book.bytes_max
        return
    gone = [book.segments[one] for one in room.batch_ids]
    assert all(one.level >= level for one in gone)
    for one in gone:
        book.on_gone(one.batch_id)
    assert book.total_bytes + incoming <= book.bytes_max
    assert book.total_bytes == sum(one.size_bytes for one in book.segments.values())
    if gone:
        assert book.total_bytes + incoming + gone[-1].size_bytes > book.bytes_max
        rank = EVICTION_ORDER.index
        order = [(rank(one.level), one.batch_id) for one in gone]
        assert order == sorted(order)
        left = [(rank(one.level), one.batch_id) for one in book.segments.values()]
        assert not left or min(left) > max(order)


def test_a_segment_found_twice_is_counted_once() -> None:
    book = book_of((Level.USAGE, 1, 300))
    one = next(iter(book.segments.values()))
    book.on_opened(one)
    assert book.total_bytes == 300
    assert book.on_gone(one.batch_id) is one
    assert book.total_bytes == 0
    assert book.on_gone(one.batch_id) is None
