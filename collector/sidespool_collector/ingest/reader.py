"""Reads a batch's lines into rows and refusals; any bytes give one or the other, never an error.

The compiled decoder of `sidespool.wire` says yes or no at about a microsecond an event. Only a
line it refuses is looked at again: fields that only a newer catalog knows are set aside and the
event is taken; anything else becomes a refusal with a stable reason.
"""

from typing import Any

import msgspec

from sidespool.wire.catalog import Catalog, FieldSpec
from sidespool.wire.event import parse_time
from sidespool.wire.explain import STORED_FIELDS, explain
from sidespool.wire.outcome import Reason
from sidespool.wire.validate import Validator
from sidespool_collector.event import ROW_AT, Refused, Row, id_bytes

SKEW_NOISE_MS = 5_000  # network and queueing; below it a clock counts as right
ASIDE_MAX_BYTES = 8 * 1024
DEPTH_MAX = 16  # an event of the catalog nests three deep
CONTENT_MAX_BYTES = 8 * 1024
HOURS_KEPT = 4096
_OF_HOUR = {f":{m:02d}:{s:02d}.": (m * 60 + s) * 1000 for m in range(60) for s in range(60)}
_MILLIS = {f"{n:03d}Z": n for n in range(1000)}
_ENCODE = msgspec.json.Encoder().encode
_MALFORMED = (msgspec.MsgspecError, RecursionError, UnicodeError)


class NotABatchError(Exception):
    """The body as a whole is not what its Content-Type says."""


class Reading(msgspec.Struct):
    """What came of a body: rows with the client's own times, and refusals."""

    rows: list[Row] = []
    refused: list[Refused] = []
    size: int = 0

    @property
    def total(self) -> int:
        """Events sent."""
        return len(self.rows) + len(self.refused)


def split_lines(body: bytes) -> list[bytes]:
    """The lines of NDJSON that hold anything; a segment's padding of spaces is no event."""
    return [line for line in body.split(b"\n") if line and not line.isspace()]


def split_array(body: bytes) -> list[bytes]:
    """The items of a JSON array, or the one object; raises NotABatchError for anything else.

    Lines of JSON sent under this name are taken as lines.
    """
    start = body[:64].lstrip()[:1] or body.lstrip()[:1]
    if start == b"{":
        if _is_json(body):
            return [body]
        lines = split_lines(body)
        if len(lines) == 1:
            raise NotABatchError("not JSON")
        return lines
    if not start:
        return []
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except _MALFORMED as error:
        raise NotABatchError("not a JSON array") from error
    return [bytes(item) for item in items]


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except _MALFORMED:
        return False
    return True


class EventReader:
    """Checks lines against one catalog. Shared by all requests; holds no state of theirs."""

    def __init__(self, catalog: Catalog, *, max_line_bytes: int, keep_content: bool) -> None:
        self.catalog = catalog
        self._decode = Validator(catalog).stored_decoder().decode
        self._max_line_bytes = max_line_bytes
        self._keep_content = keep_content
        self._hours: dict[str, int] = {}
        self._names = _Names()

    def read(self, lines: list[bytes]) -> Reading:
        """Rows and refusals, in order; together as many as `lines`."""
        rows: list[Row] = []
        refused: list[Refused] = []
        decode, row = self._decode, self._row
        for line in lines:
            try:
                if len(line) > self._max_line_bytes:
                    refused.append(self._too_large(line))
                    continue
                rows.append(row(decode(line), None))
            except (*_MALFORMED, _BadValueError) as error:
                again = self._second_look(line, error)
                rows.append(again) if isinstance(again, tuple) else refused.append(again)
        return Reading(rows, refused)

    def _row(self, event: Any, aside: str | None) -> Row:
        raw_id = id_bytes(event.event_id)
        if raw_id is None:
            raise _BadValueError("event_id is not a UUID")
        stamp = event.timestamp
        try:  # 2026-11-21T01 and :02:03. and 123Z, each met before
            at = self._hours[stamp[:13]] + _OF_HOUR[stamp[13:20]] + _MILLIS[stamp[20:]]
        except KeyError:
            at = self._slow_time(stamp)
        source = (event.session_id, event.user_id, event.app_id, event.app_version, event.os)
        name = self._names[type(event)]
        return (raw_id, name, at, 0, source, event.seq, event.payload, aside)

    def _slow_time(self, stamp: str) -> int:
        at = parse_time(stamp)
        if at is None:
            raise _BadValueError("timestamp is not an RFC 3339 time with a zone")
        if stamp[13:20] in _OF_HOUR and stamp[20:] in _MILLIS:
            if len(self._hours) > HOURS_KEPT:
                self._hours.clear()
            self._hours[stamp[:13]] = at - at % 3_600_000
        return at

    def _too_large(self, line: bytes) -> Refused:
        return Refused(None, Reason.TOO_LARGE, "the line is too long", size_bytes=len(line))

    def _second_look(self, line: bytes, error: Exception) -> Row | Refused:
        try:
            event = msgspec.json.decode(line)
        except _MALFORMED:
            event = None
        if not isinstance(event, dict):
            return self._refused(line, {}, Reason.MALFORMED, "not a JSON object")
        if too_deep(event):
            return self._refused(line, event, Reason.MALFORMED, "nested too deep")
        if isinstance(error, _BadValueError):
            return self._refused(line, event, Reason.INVALID_VALUE, str(error))
        reason, detail = explain(line, self.catalog, STORED_FIELDS)
        if reason == Reason.UNKNOWN_FIELD:
            return self._set_aside(line, event, detail)
        return self._refused(line, event, reason, detail)

    def _set_aside(self, line: bytes, event: dict[str, Any], detail: str) -> Row | Refused:
        """Takes an event of a newer catalog: what we do not know is kept in its own column."""
        spec = self.catalog.events[event["event_type"]]
        aside = {name: event.pop(name) for name in list(event) if name not in STORED_FIELDS}
        payload = event.get("payload")
        if isinstance(payload, dict):
            aside |= _strip(payload, spec.fields, "payload")
        try:
            kept = _ENCODE(aside).decode()
            if len(kept) > ASIDE_MAX_BYTES:
                return self._refused(line, event, Reason.UNKNOWN_FIELD, detail)
            return self._row(self._decode(_ENCODE(event)), kept)
        except _BadValueError as error:
            return self._refused(line, event, Reason.INVALID_VALUE, str(error))
        except _MALFORMED:
            reason, detail = explain(_ENCODE(event), self.catalog, STORED_FIELDS)
            return self._refused(line, event, reason, detail)

    def _refused(self, line: bytes, event: dict[str, Any], reason: str, detail: str) -> Refused:
        event_id, event_type = event.get("event_id"), event.get("event_type")
        user = event.get("user_id")
        return Refused(
            event_id if isinstance(event_id, str) and id_bytes(event_id) else None,
            reason,
            _encodable(detail)[:200],
            event_type if isinstance(event_type, str) and event_type in self.catalog.events else "",
            _encodable(user)[:256] if isinstance(user, str) else "",
            len(line),
            line[:CONTENT_MAX_BYTES].decode("utf-8", "replace") if self._keep_content else None,
        )


class _Names(dict[type, str]):
    """The event_type of each compiled struct, found once."""

    def __missing__(self, kind: type) -> str:
        name = self[kind] = str(kind.__struct_config__.tag)  # type: ignore[attr-defined]  # a Struct
        return name


class _BadValueError(Exception):
    """A value the decoder lets pass and a store cannot keep."""


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _strip(values: dict[str, Any], fields: dict[str, FieldSpec], where: str) -> dict[str, Any]:
    """Takes unknown fields out of `values`; returns them by their path."""
    taken: dict[str, Any] = {}
    for name in list(values):
        path = f"{where}.{name}"
        if name not in fields:
            taken[path] = values.pop(name)
        elif fields[name].type == "object" and isinstance(values[name], dict):
            taken |= _strip(values[name], fields[name].fields, path)
    return taken


def too_deep(value: Any, depth: int = DEPTH_MAX) -> bool:
    """Whether containers nest more than `depth` levels."""
    if not isinstance(value, dict | list):
        return False
    if depth == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(too_deep(item, depth - 1) for item in inner)


def correct_clock(
    rows: list[Row], received_ms: int, sent_ms: int | None
) -> tuple[list[Row], int | None]:
    """Rows with corrected times, and the skew in ms, or None where it was not measured.

    The skew is the request's own time (its Date header) minus ours. Without one, the newest event
    bounds it from below: no event is from the future.
    """
    newest = max((row[ROW_AT] for row in rows), default=received_ms)
    measured = sent_ms is not None
    skew = (sent_ms if sent_ms is not None else newest) - received_ms
    if skew <= SKEW_NOISE_MS and (not measured or skew >= -SKEW_NOISE_MS):
        return rows, skew if measured else None
    corrected: list[Row] = [
        (event_id, kind, at - skew, skew, source, seq, payload, aside)
        for event_id, kind, at, _, source, seq, payload, aside in rows
    ]
    return corrected, skew
