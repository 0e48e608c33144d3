"""Decides what becomes of a file that belongs to an event: taken in, offered, given up.

    waiting --sent, stored--> delivered
       \\--event not there yet, no answer--> waiting (later)
        \\--refused for good, too old--> dropped

A collector stores an attachment only after its event, so "no such event" means later. Attachments
are content: they need level `full`, are encrypted on disk, and are the first to make room.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from sidespool.core.policy import ATTACHMENTS_BYTES_MAX
from sidespool.core.upload_policy import backoff_s
from sidespool.wire.event import UUID_SHAPE
from sidespool.wire.upload import Backoff, RetryAfter, Unauthorized, classify

SUFFIX = ".attached"
NAME_SHAPE = re.compile(r"[A-Za-z0-9{][A-Za-z0-9._ {}-]{0,99}")
TYPE_SHAPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
UNKNOWN_TYPE = "application/octet-stream"
_FILE_NAME = re.compile(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.([0-9a-f]{16})\.attached")

Fate = Literal["delivered", "later", "refused"]


class Attachment(msgspec.Struct):
    """One file; written before its bytes. Times are Unix milliseconds."""

    event_id: str
    name: str
    content_type: str
    size_bytes: int
    digest: str
    created_ms: int


class Waiting(msgspec.Struct):
    """An attachment in the queue, and how sending it went so far."""

    file_name: str
    about: Attachment
    tries: int = 0
    next_ms: int = 0
    problem: str = ""


class Taken(msgspec.Struct):
    """What a collector answers."""

    digest: str


def file_name(event_id: str, name: str) -> str:
    """The file on disk: the same attachment sent twice is one."""
    return f"{event_id}.{hashlib.sha256(name.encode()).hexdigest()[:16]}{SUFFIX}"


def is_file_name(name: str) -> bool:
    """Whether a file is an attachment of ours."""
    return _FILE_NAME.fullmatch(name) is not None


def problem_of(event_id: str, name: str, content_type: str, size_bytes: int, most: int) -> str:
    """Why an attachment cannot be taken, as a sentence, or ""."""
    if UUID_SHAPE.fullmatch(event_id) is None:
        return "event_id is not a UUID"
    if NAME_SHAPE.fullmatch(name) is None:
        return "name is not 1 to 100 letters, digits, blanks, . _ -"
    if TYPE_SHAPE.fullmatch(content_type) is None:
        return "content_type is not like text/plain"
    if size_bytes > most:
        return f"{size_bytes} bytes; an attachment holds at most {most}"
    return ""


def as_text(data: bytes) -> str | None:
    """What reads as text, whatever its type says: credentials are looked for in all of it."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def digest_of(data: bytes) -> str:
    """SHA-256 in hex, as the collector answers."""
    return hashlib.sha256(data).hexdigest()


def to_evict(waiting: list[Waiting], incoming_bytes: int) -> list[Waiting]:
    """The oldest ones that have to go for a newcomer to fit."""
    excess = sum(one.about.size_bytes for one in waiting) + incoming_bytes - ATTACHMENTS_BYTES_MAX
    out = []
    for one in sorted(waiting, key=lambda one: one.about.created_ms):
        if excess <= 0:
            break
        out.append(one)
        excess -= one.about.size_bytes
    return out


def on_answer(
    one: Waiting, status: int, headers: Mapping[str, str], body: bytes, now_ms: int, dice: float
) -> Fate:
    """What an answer means; `one` learns when to try again."""
    if status in (200, 201):
        try:
            stored = msgspec.json.decode(body, type=Taken).digest
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return on_failed(one, "a page that is not a collector's answer", now_ms, dice)
        if stored == one.about.digest:
            return "delivered"
        return on_failed(one, "the collector stored other bytes", now_ms, dice)
    if status == 404:
        return on_failed(one, "the collector has not got its event yet", now_ms, dice)
    told = classify(status, headers, body, 0, now_ms / 1_000)
    if isinstance(told, RetryAfter):
        one.next_ms, one.problem = now_ms + int(told.seconds * 1_000), told.detail
        return "later"
    if isinstance(told, Backoff | Unauthorized) or status < 400:
        return on_failed(one, told.detail if hasattr(told, "detail") else "", now_ms, dice)
    one.problem = getattr(told, "detail", "")
    return "refused"


def on_failed(one: Waiting, problem: str, now_ms: int, dice: float) -> Fate:
    """No answer, or none that helps: again later."""
    one.tries += 1
    one.problem = problem
    one.next_ms = now_ms + int(backoff_s(one.tries, dice) * 1_000)
    return "later"


def encode_about(about: Attachment) -> bytes:
    """What stands before the bytes."""
    return msgspec.json.encode(about)


def decode_about(raw: bytes) -> Attachment | None:
    """The same, or None for bytes that are none."""
    try:
        return msgspec.json.decode(raw, type=Attachment)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
