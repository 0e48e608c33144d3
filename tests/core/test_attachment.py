"""Attachments: what is taken, what an answer means, what makes room."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.attachment import (
    Attachment,
    Waiting,
    as_text,
    decode_about,
    digest_of,
    encode_about,
    file_name,
    is_file_name,
    on_answer,
    problem_of,
    to_evict,
)
from sidespool.core.overflow import content_fields, take_overflow
from sidespool.core.policy import ATTACHMENTS_BYTES_MAX
from sidespool.core.scrub import Scrubber
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.event import CUT_MARKER

EVENT = "0198f6f0-0000-7000-8000-0000000000aa"
MIB = 1024 * 1024


def waiting(size: int = 3, created_ms: int = 0, digest: str = "") -> Waiting:
    about = Attachment(EVENT, "a.txt", "text/plain", size, digest or digest_of(b"abc"), created_ms)
    return Waiting(file_name(EVENT, f"{created_ms}"), about)


def told(one: Waiting, status: int, body: bytes = b"{}", **headers: str) -> str:
    return on_answer(one, status, headers, body, 1_000, 0.5)


def test_only_the_collectors_own_word_counts_as_delivery() -> None:
    body = msgspec.json.encode({"digest": digest_of(b"abc"), "size": 3})
    assert told(waiting(), 201, body) == told(waiting(), 200, body) == "delivered"
    assert told(waiting(), 200, b"<html>sign in</html>") == "later"
    assert told(waiting(digest="0" * 64), 201, body) == "later"
    assert told(waiting(), 302) == "later"


def test_an_event_that_is_not_there_yet_means_later_and_a_refusal_ends_it() -> None:
    one = waiting()
    assert told(one, 404) == "later"
    assert one.next_ms > 1_000
    assert "event yet" in one.problem
    for status in (500, 503, 401, 403, 408):
        assert told(waiting(), status) == "later"
    for status in (400, 409, 413):
        assert told(waiting(), status) == "refused"


def test_retry_after_is_kept() -> None:
    one = waiting()
    assert on_answer(one, 429, {"Retry-After": "60"}, b"", 1_000, 0.5) == "later"
    assert one.next_ms == 61_000


def test_back_off_grows_with_each_failure() -> None:
    one = waiting()
    waits = []
    for _ in range(6):
        told(one, 500)
        waits.append(one.next_ms)
    assert waits == sorted(waits)


def test_the_oldest_make_room_and_only_as_many_as_needed() -> None:
    known = [waiting(6 * MIB, ms) for ms in (3, 1, 2)]
    assert to_evict(known, 1 * MIB) == []
    assert [one.about.created_ms for one in to_evict(known, 5 * MIB)] == [1]
    assert len(to_evict(known, ATTACHMENTS_BYTES_MAX)) == 3


def test_a_bad_attachment_is_told_why() -> None:
    assert problem_of(EVENT, "a.txt", "text/plain", 3, 10) == ""
    assert "event_id" in problem_of("x", "a.txt", "text/plain", 3, 10)
    assert "name" in problem_of(EVENT, "../a", "text/plain", 3, 10)
    assert "content_type" in problem_of(EVENT, "a", "nonsense", 3, 10)
    assert "at most 10" in problem_of(EVENT, "a", "text/plain", 11, 10)


@given(st.binary(max_size=100))
def test_any_bytes_are_text_or_not(data: bytes) -> None:
    text = as_text(data)
    assert text is None or "\x00" not in text
    assert decode_about(data) is None or True


def test_the_same_attachment_has_the_same_file() -> None:
    assert file_name(EVENT, "a") == file_name(EVENT, "a") != file_name(EVENT, "b")
    assert is_file_name(file_name(EVENT, "a"))
    assert not is_file_name("x.attached")
    about = waiting().about
    assert decode_about(encode_about(about)) == about


class Payload:
    """As a decoded payload: an attribute a field."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def test_content_beyond_its_cap_is_cut_and_goes_whole_and_clean_beside_it() -> None:
    fields = content_fields(builtin_catalog().events["FileSnapshot"])
    assert dict(fields) == {"before": 500_000, "after": 500_000}
    secret = "ghp_" + "Ab1" * 12
    payload = Payload(before=f"token {secret}\n" + "x" * 600_000, after="short", proposal_id="p")
    [over] = take_overflow(fields, EVENT, payload, Scrubber())
    assert (over.event_id, over.name) == (EVENT, "before.txt")
    assert secret not in over.text
    assert len(over.text) > 600_000
    cut = payload.__dict__["before"]
    assert cut.endswith(CUT_MARKER)
    assert len(cut.encode()) <= 500_000
    assert secret not in cut
    assert payload.__dict__["after"] == "short"
