"""What several exporters' answers to one batch come to."""

import pytest

from sidespool.core.tee import combined, is_final
from sidespool.wire.upload import (
    Backoff,
    Captive,
    Classification,
    Delivered,
    Refused,
    RejectedEvent,
    RetryAfter,
    TooLarge,
    Unauthorized,
    UploadAnswer,
)

DELIVERED = Delivered(UploadAnswer(2, 0))
STRICT = Delivered(UploadAnswer(1, 0, [RejectedEvent("e", "too_old")]))


def test_delivered_is_what_all_have() -> None:
    assert combined([DELIVERED, DELIVERED]) == DELIVERED


def test_an_event_rejected_by_one_counts_as_rejected() -> None:
    assert combined([DELIVERED, STRICT, DELIVERED]) == STRICT


@pytest.mark.parametrize(
    "temporary", [Unauthorized("401"), RetryAfter(3.0), Captive("page"), Backoff("later")]
)
def test_while_one_may_still_take_it_the_batch_is_kept(temporary: Classification) -> None:
    assert combined([Refused("no"), DELIVERED, temporary, TooLarge()]) == temporary
    assert not is_final(temporary)


def test_too_large_for_one_is_halved_before_it_is_refused() -> None:
    assert combined([Refused("no"), TooLarge(), DELIVERED]) == TooLarge()


def test_refused_by_one_is_refused() -> None:
    assert combined([DELIVERED, Refused("no")]) == Refused("no")
