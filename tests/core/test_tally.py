"""Every loss is counted once and told once."""

from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.tally import Tally, decode_tally, encode_tally, report_payload
from sidespool.wire.outcome import DropReason, Reason

BATCH = "0199c82c-c000-7300-8000-000000000001"
REPORT = "0199c82c-c000-7300-8000-000000000002"


def test_a_report_freezes_the_counts_and_counting_begins_anew() -> None:
    tally = Tally()
    tally.on_accepted(10)
    tally.on_dropped(DropReason.SPOOL_QUOTA, 4)
    tally.on_rejected(Reason.SPOOL_FULL, 2)
    frozen = tally.freeze(REPORT, 5_000)
    tally.on_dropped(DropReason.SPOOL_QUOTA, 1)
    assert report_payload(frozen) == {
        "period_start": "1970-01-01T00:00:00.000Z",
        "period_end": "1970-01-01T00:00:05.000Z",
        "accepted": 10,
        "delivered": 0,
        "rejected": {"spool_full": 2},
        "dropped": {"spool_quota": 4},
    }
    assert tally.counts.dropped == {"spool_quota": 1}
    assert tally.counts.since_ms == 5_000
    assert tally.all_time.dropped == {"spool_quota": 5}


def test_a_report_that_was_not_confirmed_is_repeated_as_it_was() -> None:
    tally = Tally()
    tally.on_dropped(DropReason.CORRUPT, 1)
    first = tally.freeze(REPORT, 1)
    tally.on_dropped(DropReason.CORRUPT, 1)
    again = decode_tally(encode_tally(tally))
    assert again is not None
    assert again.freeze("0199c82c-c000-7300-8000-00000000ffff", 9) == first
    again.on_reported((0, 0))
    assert again.freeze(BATCH, 9).counts.dropped == {"corrupt": 1}


def test_what_was_begun_is_counted_and_named_together() -> None:
    tally = Tally()
    tally.begin("delete", [BATCH], DropReason.SPOOL_AGE, 3)
    again = decode_tally(encode_tally(tally))
    assert again is not None
    assert again.settling == {BATCH: "delete"}
    assert again.all_time.dropped == {"spool_age": 3}


@given(st.integers(0, 50), st.integers(0, 50))
def test_undoing_what_was_begun_leaves_no_trace(before: int, events: int) -> None:
    tally, untouched = Tally(), Tally()
    for one in (tally, untouched):
        one.on_dropped(DropReason.SPOOL_AGE, before)
    tally.begin("delete", [BATCH], DropReason.SPOOL_AGE, events)
    tally.undo([BATCH], DropReason.SPOOL_AGE, events)
    assert tally == untouched


def test_after_a_start_what_was_accepted_follows_from_the_rest() -> None:
    tally = Tally()
    tally.on_accepted(100)  # some of it was counted, and the count lost in a crash
    tally.on_delivered(30)
    tally.on_dropped(DropReason.REFUSED, 5)
    tally.on_recovered(70)
    assert tally.all_time.accepted == 105


def test_a_tally_with_impossible_content_is_damaged() -> None:
    good = encode_tally(Tally())
    assert decode_tally(good) is not None
    for bad in (
        good.replace(b'"counts":{}', b'"counts":{"since_ms":-1}'),
        good.replace(b'"counts":{}', b'"counts":{"since_ms":99999999999999999}'),
        good.replace(b'"counts":{}', b'"counts":{"dropped":{"corrupt":-3}}'),
        good.replace(b'"settling"', b'"settlinG"'),
        good.replace(b'"frozen":null', b'"frozen":{"event_id":"x","until_ms":1,"counts":{}}'),
    ):
        assert bad != good
        assert decode_tally(bad) is None
