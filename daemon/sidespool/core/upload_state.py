"""The words `status` uses for the upload, and what each answer means in them.

Every word has its paragraph in docs/troubleshooting-upload.md.
"""

from enum import StrEnum

import msgspec

from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Captive,
    Classification,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
)


class Word(StrEnum):
    """What the upload is doing, or why it is not."""

    OFF = "off"  # the gate is closed: level off, local only, no endpoint
    IDLE = "idle"  # nothing to send
    SENDING = "sending"
    WAITING = "waiting"  # something to send, about to be
    OFFLINE = "offline"
    CAPTIVE_PORTAL = "captive_portal"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"
    TLS_FAILED = "tls_failed"
    PROXY_FAILED = "proxy_failed"
    PROXY_AUTH = "proxy_auth_required"
    MISCONFIGURED = "misconfigured"
    FILE_ERROR = "file_error"


class Trouble(msgspec.Struct, frozen=True):
    """What stands in the way, with one sentence for a person."""

    word: Word
    sentence: str


_BY_CAUSE = {
    BackoffCause.SERVER: (Word.SERVER_ERROR, "The collector could not take a batch"),
    BackoffCause.NETWORK: (Word.OFFLINE, "The collector cannot be reached"),
    BackoffCause.DNS: (Word.OFFLINE, "The collector's name cannot be resolved"),
    BackoffCause.TLS: (Word.TLS_FAILED, "The collector's certificate was not accepted"),
    BackoffCause.TIMEOUT: (Word.TIMEOUT, "The collector was too slow"),
    BackoffCause.PROXY: (Word.PROXY_FAILED, "The proxy did not let the upload through"),
    BackoffCause.PROXY_AUTH: (Word.PROXY_AUTH, "The proxy wants a name and password"),
    BackoffCause.SETTING: (Word.MISCONFIGURED, "A setting of the upload cannot be used"),
    BackoffCause.FILE: (Word.FILE_ERROR, "A file could not be read or written"),
}


def trouble_of(answer: Classification) -> Trouble | None:
    """What an answer says is wrong; None where nothing is."""
    match answer:
        case Delivered() | TooLarge():
            return None
        case Captive(detail):
            return _trouble(Word.CAPTIVE_PORTAL, "Something else answers for the collector", detail)
        case RetryAfter(_, detail):
            return _trouble(Word.THROTTLED, "The collector asked for a pause", detail)
        case Unauthorized(detail):
            return _trouble(Word.UNAUTHORIZED, "The collector did not accept the token", detail)
        case Refused(detail):
            return _trouble(Word.REFUSED, "The collector refused a batch for good", detail)
        case Backoff(detail, cause):
            word, sentence = _BY_CAUSE[cause]
            return _trouble(word, sentence, detail)


def _trouble(word: Word, sentence: str, detail: str) -> Trouble:
    return Trouble(word, f"{sentence} ({detail})" if detail else sentence)
