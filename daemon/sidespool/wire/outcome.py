"""The stable words for what became of an event.

Every event has exactly one fate: acknowledged and later delivered, rejected at the door with a
`Reason`, lost before it came there with a `LossReason`, or dropped after it was accepted with a
`DropReason`. All are counted, shown in `status` and reported to the collector in `ClientReport`.
"""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why an event was not taken in."""

    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_VALUE = "invalid_value"
    TOO_LARGE = "too_large"
    LEVEL_TOO_LOW = "level_too_low"
    CONSENT_OFF = "consent_off"
    RATE_LIMITED = "rate_limited"
    SPOOL_FULL = "spool_full"
    MALFORMED = "malformed"


class DropReason(StrEnum):
    """Why an accepted event did not reach the collector."""

    SPOOL_QUOTA = "spool_quota"  # evicted: the spool was full of newer or more important ones
    SPOOL_AGE = "spool_age"  # evicted: older than the age limit
    CONSENT_WITHDRAWN = "consent_withdrawn"  # the user lowered the level
    CORRUPT = "corrupt"  # bytes on disk were damaged; kept in quarantine
    REFUSED = "refused"  # the collector answered with a permanent error; kept in quarantine
    REJECTED = "rejected"  # the collector took the batch but not this event
    RESET = "reset"  # the user asked for everything to be deleted


class LossReason(StrEnum):
    """Why an event was lost in a client, before it could be taken in; clients tell (`lost`)."""

    PAGE_GONE = "page_gone"  # a page ended before it heard of their fate: at most so many
    CLIENT_OVERFLOW = "client_overflow"  # they waited for a daemon, and newer ones came
    CLIENT_UNREADABLE = "client_unreadable"  # no JSON could be made of them, or too much


class Rejection(msgspec.Struct, frozen=True):
    """One event of a frame that was not taken in; `index` counts from 0 within the frame."""

    index: int
    reason: Reason
    detail: str
