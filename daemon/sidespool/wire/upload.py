"""The upload request's headers and the collector's answer, as both sides read them.

`POST {endpoint}/api/v1/events` with the bytes of a sealed segment; the answer's counts must add
up to the number of events sent, or it is not a collector's answer (a captive portal's page, a
proxy's) and the batch stays.

| answer | `classify` gives |
|---|---|
| 200, 202 with counts that add up | `Delivered` |
| any other 2xx, 3xx, 511 | `Captive`: something between here and the collector answered |
| 429, 503 with a readable `Retry-After` | `RetryAfter` |
| 408, 425, 407, 429 and 5xx without it, no answer at all | `Backoff` |
| 401, 403 | `Unauthorized` |
| 413 | `TooLarge` |
| any other 4xx | `Refused` |
"""

import re
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from sidespool.wire.http_date import parse_http_date

EVENTS_PATH = "/api/v1/events"
ATTACHMENTS_PATH = "/api/v1/attachments/"
DELETION_PATH = "/api/v1/deletion"
HEALTH_PATH = "/api/v1/health"

CONTENT_TYPE_NDJSON = "application/x-ndjson"

RETRY_AFTER_S_MAX = 24 * 3_600.0

# 64 KiB for the answer itself; a collector that rejects every event names each of them, and an
# answer cut short would be taken for a portal's page and the batch sent again for ever.
_ANSWER_BYTES = 64 * 1024
_REJECTED_BYTES = 256

_DETAIL_CHARS = 200
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\uffff]+")
_DELAY_SECONDS = re.compile(r"[0-9]+")
_DELAY_DIGITS_MAX = 9


class RejectedEvent(msgspec.Struct, frozen=True):
    """One event the collector did not take."""

    event_id: str | None
    reason: str


class UploadAnswer(msgspec.Struct, frozen=True):
    """What the collector did with a batch; the three add up to the events sent."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent] = []

    @property
    def total(self) -> int:
        """Events the collector accounts for."""
        return self.accepted + self.duplicates + len(self.rejected)


_ANSWER = msgspec.json.Decoder(UploadAnswer)


def decode_answer(body: bytes) -> UploadAnswer | None:
    """The answer, or None for any bytes that are not one."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return answer if answer.accepted >= 0 and answer.duplicates >= 0 else None


def answer_bytes_max(sent_events: int) -> int:
    """How much of an answer to a batch of so many events is read, in bytes."""
    return _ANSWER_BYTES + _REJECTED_BYTES * sent_events


class BackoffCause(StrEnum):
    """Why an attempt failed in a way that time, or a person, may mend."""

    SERVER = "server"  # 408, 425, 5xx, 429 without Retry-After
    NETWORK = "network"  # no route, refused, reset, closed in the middle
    DNS = "dns"
    TLS = "tls"
    TIMEOUT = "timeout"  # connected, then too slow or silent
    PROXY = "proxy"
    PROXY_AUTH = "proxy_auth"  # 407
    SETTING = "setting"  # a CA file or proxy address that cannot be used
    FILE = "file"  # the batch, or an exporter's own file, could not be read or written


class Delivered(msgspec.Struct, frozen=True):
    """The collector has the batch."""

    answer: UploadAnswer


class Captive(msgspec.Struct, frozen=True):
    """Something answered, and it was not the collector."""

    detail: str


class RetryAfter(msgspec.Struct, frozen=True):
    """The collector asks for a pause of `seconds`, 0 to 24 h."""

    seconds: float
    detail: str = ""


class Backoff(msgspec.Struct, frozen=True):
    """No answer, or one that says "later"."""

    detail: str
    cause: BackoffCause = BackoffCause.SERVER


class Unauthorized(msgspec.Struct, frozen=True):
    """401 or 403: the token is missing, wrong or may not send."""

    detail: str


class TooLarge(msgspec.Struct, frozen=True):
    """413: the batch is larger than the collector takes."""

    detail: str = "413: the batch is larger than the collector takes"


class Refused(msgspec.Struct, frozen=True):
    """A permanent error: the same batch would be refused again."""

    detail: str


Classification = Delivered | Captive | RetryAfter | Backoff | Unauthorized | TooLarge | Refused


def classify(
    status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    sent_events: int,
    now_wall: float,
) -> Classification:
    """What an answer means for the batch that was sent.

    `status` is None where none came; `body` may be cut off at `answer_bytes_max`; `now_wall` is
    Unix seconds, used for a `Retry-After` date only where the answer has no `Date` of its own.
    """
    if status is None:
        return Backoff("the collector did not answer", BackoffCause.NETWORK)
    if status in (200, 202):
        return _delivered(body, sent_events)
    if status < 400 or status == 511 or status > 599:
        return Captive(f"{status}: not an answer of a collector")
    said = _said(status, body)
    if status in (429, 503):
        delay = _retry_after(headers, now_wall)
        return Backoff(said) if delay is None else RetryAfter(delay, said)
    if status in (408, 425) or status >= 500:
        return Backoff(said)
    return _permanent(status, said)


def _delivered(body: bytes, sent_events: int) -> Delivered | Captive:
    answer = decode_answer(body)
    if answer is None:
        return Captive("a page that is not a collector's answer")
    if answer.total != sent_events:
        return Captive(f"the answer accounts for {answer.total} of {sent_events} events")
    return Delivered(answer)


def _permanent(status: int, said: str) -> Backoff | Unauthorized | TooLarge | Refused:
    if status in (401, 403):
        return Unauthorized(said)
    if status == 407:  # said by the proxy, not by the collector: the batch is not at fault
        return Backoff(said, BackoffCause.PROXY_AUTH)
    if status == 413:
        return TooLarge()
    return Refused(said)


def _said(status: int, body: bytes) -> str:
    """`404: not found`, one printable line; the body is whatever a stranger sent."""
    text = body[: _DETAIL_CHARS * 4].decode("utf-8", "replace")
    line = _UNPRINTABLE.sub(" ", text).strip()[:_DETAIL_CHARS]
    return f"{status}: {line}" if line else str(status)


def _retry_after(headers: Mapping[str, str], now_wall: float) -> float | None:
    """Seconds to wait, 0 to 24 h, or None where the header is absent or unreadable."""
    value = _header(headers, "retry-after")
    if value is None:
        return None
    if _DELAY_SECONDS.fullmatch(value):
        if len(value) > _DELAY_DIGITS_MAX:
            return RETRY_AFTER_S_MAX
        return min(float(value), RETRY_AFTER_S_MAX)
    until = parse_http_date(value)
    if until is None:
        return None
    # The collector's own clock where it says it: a wrong local one then does not matter.
    sent_at = parse_http_date(_header(headers, "date") or "")
    return min(max(until - (now_wall if sent_at is None else sent_at), 0.0), RETRY_AFTER_S_MAX)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    for key, value in headers.items():
        if key.lower() == name:
            return value.strip()
    return None
