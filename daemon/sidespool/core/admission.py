"""Takes events in: judges, completes, treats and encodes them, a chunk at a time.

The fast path decodes a whole frame against the catalog in one go. Where that fails, or where the
frame is large enough to hold an event over its limit, each event is judged on its own, so that a
bad one costs only itself. Nothing here waits or writes: what comes out are the lines to commit,
by level, and what was refused.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from sidespool.core.minimise import plain_version
from sidespool.core.overflow import Overflow, content_fields, take_overflow
from sidespool.core.policy import EVENT_BYTES_MAX, EVENT_BYTES_MAX_FULL
from sidespool.core.rollup import Counted, measure
from sidespool.core.treatment import TextScrubber, compile_treatment
from sidespool.wire.catalog import EventSpec
from sidespool.wire.event import (
    SESSION_SHAPE,
    UUID_SHAPE,
    canonical_time,
    format_time,
    uuid7_prefix,
)
from sidespool.wire.explain import explain
from sidespool.wire.frame import Emit, typed_emit
from sidespool.wire.level import Level
from sidespool.wire.outcome import Reason, Rejection
from sidespool.wire.validate import Validator

_HEX_4 = "[0-9a-f]{4}"
_PLAIN_UUID = re.compile(f"[0-9a-f]{{8}}-{_HEX_4}-{_HEX_4}-{_HEX_4}-[0-9a-f]{{12}}").fullmatch
_SIZED = msgspec.json.Decoder(Emit)
NOTED_EVENTS = ("SessionStart", "SessionEnd")


class Chunk(msgspec.Struct, frozen=True):
    """Lines of one level, ready to commit: each ends in `\\n`."""

    level: Level
    lines: bytes
    events: int


class Admitted(msgspec.Struct):
    """What became of one frame."""

    chunks: list[Chunk] = []
    accepted: int = 0
    rejected: list[Rejection] = []
    counted: list[Counted] = []
    overflow: list[Overflow] = []
    noted: list[tuple[str, str]] = []  # (event type, session id) of sessions that begin or end


class Stamp(msgspec.Struct, frozen=True):
    """What the daemon adds to every event of a frame: time, dice (80 bits), session."""

    now_ms: int
    dice: int
    session_id: str


class Admission:
    """One catalog, one scrubber, one installation. `level` follows consent."""

    def __init__(
        self, validator: Validator, scrubber: TextScrubber, hash_key: bytes, seq: int
    ) -> None:
        self.level = Level.OFF
        self.seq = seq
        self._catalog = validator.catalog
        self._emit = typed_emit(validator.client_union)
        self._one = validator.event_decoder
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._constants = msgspec.Raw(b'""')
        self._types: dict[type, tuple[Level, Callable[[Any], None] | None, bool]] = {}
        self._client_types = validator.client_types
        self._counted: dict[type, EventSpec] = {}
        self._content: dict[type, list[tuple[str, int]]] = {}
        self._scrubber = scrubber
        self.on_key(hash_key)

    def on_key(self, hash_key: bytes) -> None:
        """The installation's key for hashes; it changes when the user starts anew."""
        self._hash_key = hash_key
        for struct in self._client_types:
            spec = self._catalog.events[struct.__name__]
            treat = compile_treatment(spec, self._scrubber, hash_key)
            self._content[struct] = content_fields(spec)
            self._types[struct] = (spec.level, treat, spec.name in NOTED_EVENTS)

    def count_only(self, names: set[str]) -> None:
        """These events are counted from now on and leave no trace of their own."""
        self._counted = {
            struct: self._catalog.events[struct.__name__]
            for struct in self._client_types
            if struct.__name__ in names
        }

    def forget(self) -> None:
        """Empties every memory of what passed: a withdrawal reaches those, too."""
        self._scrubber.forget()
        self.on_key(self._hash_key)

    def on_identity(self, user_id: str, app_id: str, app_version: str, os_family: str) -> None:
        """The constants of every event; they change when the user asks for a new id."""
        known = {
            "app_id": app_id,
            "app_version": plain_version(app_version),
            "os": os_family,
        }
        # Encoded once: as the value of `user_id` it brings the other members along.
        others = msgspec.json.encode(known)[1:-1]
        self._constants = msgspec.Raw(msgspec.json.encode(user_id) + b"," + others)

    def decode(self, raw: bytes | bytearray | memoryview) -> Any:
        """A typed emit frame, or None where the slow path must look."""
        try:
            if len(raw) > EVENT_BYTES_MAX and not _all_small(raw):
                return None
            return self._emit.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None

    def decode_lines(self, chunk: bytes) -> list[Any] | None:
        """Typed emit frames, one a line; None where the slow path must look at each."""
        if len(chunk) > EVENT_BYTES_MAX and max(map(len, chunk.split(b"\n"))) > EVENT_BYTES_MAX:
            return None
        try:
            return self._emit.decode_lines(chunk)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None

    def admit(self, events: list[Any], stamp: Stamp) -> Admitted:
        """Takes in the events of a typed frame."""
        out = Admitted()
        self._take(range(len(events)), events, stamp, out)
        return out

    def admit_raw(self, events: list[msgspec.Raw], stamp: Stamp) -> Admitted:
        """Takes in events one by one; each bad one is refused with its reason."""
        out = Admitted()
        indexes: list[int] = []
        good: list[Any] = []
        for index, raw in enumerate(events):
            event = self._judge(index, bytes(raw), out)
            if event is not None:
                indexes.append(index)
                good.append(event)
        self._take(indexes, good, stamp, out)
        out.rejected.sort(key=lambda one: one.index)
        return out

    def stored_level(self, event: Any) -> Level | None:
        """Under which level an admitted event, typed or raw, is stored; None: only counted."""
        typed = self._one.decode(event) if isinstance(event, msgspec.Raw) else event
        return None if type(typed) in self._counted else self._types[type(typed)][0]

    def _judge(self, index: int, raw: bytes, out: Admitted) -> Any:
        if len(raw) > EVENT_BYTES_MAX_FULL:
            out.rejected.append(Rejection(index, Reason.TOO_LARGE, _too_large(len(raw))))
            return None
        try:
            event = self._one.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            reason, detail = explain(raw, self._catalog)
            out.rejected.append(Rejection(index, reason, detail))
            return None
        if len(raw) > EVENT_BYTES_MAX and self._types[type(event)][0] is not Level.FULL:
            out.rejected.append(Rejection(index, Reason.TOO_LARGE, _too_large(len(raw))))
            return None
        return event

    def _take(self, indexes: Iterable[int], events: list[Any], stamp: Stamp, out: Admitted) -> None:
        """Completes, treats and encodes; ids of one frame share a prefix and count up."""
        by_level: dict[Level, list[Any]] = {}
        prefix = uuid7_prefix(stamp.now_ms, stamp.dice >> 32)
        counter = stamp.dice & 0x7FFFFFFF
        now_text = format_time(stamp.now_ms)
        ceiling, seq, types = self.level, self.seq, self._types
        constants, session_id = self._constants, stamp.session_id
        for index, event in zip(indexes, events, strict=True):
            level, treat, noted = types[type(event)]
            if level > ceiling:
                out.rejected.append(_refused(index, ceiling, level))
                continue
            problem = _envelope(event, now_text, session_id)
            if problem is not None:
                out.rejected.append(Rejection(index, problem[0], problem[1]))
                continue
            if event.event_id is None:
                event.event_id = f"{prefix}{counter:08x}"
                counter += 1
            if noted:
                out.noted.append((type(event).__name__, event.session_id))
            if self._counted and type(event) in self._counted:
                given = "" if event.event_id.startswith(prefix) else event.event_id
                out.counted.append(measure(self._counted[type(event)], event.payload, given))
                out.accepted += 1
                continue
            event.user_id = constants
            event.seq = seq
            seq += 1
            if level is Level.FULL:
                fields, scrubber = self._content.get(type(event), []), self._scrubber
                out.overflow += take_overflow(fields, event.event_id, event.payload, scrubber)
            if treat is not None:
                treat(event.payload)
            by_level.setdefault(level, []).append(event)
        self.seq = seq
        for level, taken in by_level.items():
            out.chunks.append(Chunk(level, self._encode_lines(taken), len(taken)))
            out.accepted += len(taken)


def _all_small(raw: bytes | bytearray | memoryview) -> bool:
    """Whether no event of a large frame is itself too large for any level but full."""
    frame = _SIZED.decode(raw)
    return max((len(bytes(one)) for one in frame.events), default=0) <= EVENT_BYTES_MAX


def _refused(index: int, ceiling: Level, needed: Level) -> Rejection:
    if ceiling is Level.OFF:
        return Rejection(index, Reason.CONSENT_OFF, "telemetry is off")
    detail = f"needs level {needed.label}, the level is {ceiling.label}"
    return Rejection(index, Reason.LEVEL_TOO_LOW, detail)


def _too_large(size: int) -> str:
    return (
        f"{size} bytes; an event holds at most {EVENT_BYTES_MAX} ({EVENT_BYTES_MAX_FULL} at full)"
    )


def _envelope(event: Any, now_text: str, session_id: str) -> tuple[Reason, str] | None:
    """Checks and completes what a client may send beside the payload."""
    text = event.timestamp
    if text is None:
        event.timestamp = now_text
    else:
        moment = canonical_time(text)
        if moment is None:
            return Reason.INVALID_VALUE, "timestamp is not an RFC 3339 time with a zone"
        if moment is not text:
            event.timestamp = moment
    session = event.session_id
    if session is None:
        event.session_id = session_id
    elif session != session_id and not _is_session(session):
        return Reason.INVALID_VALUE, "session_id is not 1 to 64 letters, digits, . _ : -"
    event_id = event.event_id
    if event_id is not None and _PLAIN_UUID(event_id) is None:
        if UUID_SHAPE.fullmatch(event_id) is None:
            return Reason.INVALID_VALUE, "event_id is not a UUID"
        event.event_id = event_id.lower()
    return None


@lru_cache(maxsize=64)
def _is_session(text: str) -> bool:
    """Remembered: there are as many sessions as clients."""
    return SESSION_SHAPE.fullmatch(text) is not None
