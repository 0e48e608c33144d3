"""Decides what a batch sent to several exporters has come to.

While one exporter may still take the batch, it is kept and offered again to those that have not
answered for good. Once all have: too large for one is halved for all (the others then see its
events again under new batch ids, and tell them by `event_id`), refused by one is quarantined.
"""

from collections.abc import Sequence

from sidespool.wire.upload import (
    Backoff,
    Captive,
    Classification,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
)

# What stops longest comes first: its sentence is what a person has to act on.
_TEMPORARY = (Unauthorized, RetryAfter, Captive, Backoff)


def is_final(answer: Classification) -> bool:
    """Whether the exporter need not see the batch again."""
    return isinstance(answer, Delivered | Refused | TooLarge)


def combined(answers: Sequence[Classification]) -> Classification:
    """One answer for all; `answers` holds at least one."""
    for kind in (*_TEMPORARY, TooLarge, Refused):
        for answer in answers:
            if isinstance(answer, kind):
                return answer
    delivered = [answer for answer in answers if isinstance(answer, Delivered)]
    # An event counts as rejected where the strictest exporter rejected it.
    return max(delivered, key=lambda one: len(one.answer.rejected))
