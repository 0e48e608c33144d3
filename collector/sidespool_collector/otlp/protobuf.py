"""Reads the same request in Protobuf's binary form, and writes its answer.

Only the messages of `logs/v1/logs.proto` and what they contain, by field number; unknown fields
are passed over, as the encoding (https://protobuf.dev/programming-guides/encoding/) demands. Any
bytes give a request or BadProtobufError. By hand, because these forty lines of table replace two
libraries; `tests/collector/test_otlp_protobuf.py` holds them to the official one.
"""

import base64
import struct
from collections.abc import Callable, Iterator

from sidespool_collector.otlp.request import (
    DEPTH_MAX,
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
    LogRecord,
    LogsAnswer,
    LogsRequest,
    Resource,
    ResourceLogs,
    ScopeLogs,
)  # fmt: skip

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Field = tuple[int, int, int, bytes]
"""Number, wire type, value of a varint or fixed number, bytes of a length-delimited one."""


class BadProtobufError(Exception):
    """The bytes are no message of this kind."""


def decode_protobuf(body: bytes) -> LogsRequest:
    """A whole request; raises BadProtobufError."""
    return LogsRequest([_resource_logs(raw) for number, raw in _parts(body) if number == 1])


def encode_answer(answer: LogsAnswer) -> bytes:
    """An ExportLogsServiceResponse."""
    partial = answer.partial_success
    if partial is None:
        return b""
    text = partial.error_message.encode()
    rejected = b"\x08" + _varint_bytes(int(partial.rejected_log_records))
    inner = rejected + b"\x12" + _varint_bytes(len(text)) + text
    return b"\x0a" + _varint_bytes(len(inner)) + inner


def _resource_logs(raw: bytes) -> ResourceLogs:
    found = ResourceLogs(None, [])
    for number, part in _parts(raw):
        if number == 1:
            found.resource = Resource([_key_value(kv) for n, kv in _parts(part) if n == 1])
        elif number == 2:
            found.scope_logs.append(ScopeLogs([_record(r) for n, r in _parts(part) if n == 2]))
    return found


def _record(raw: bytes) -> LogRecord:
    found = LogRecord(attributes=[])
    for number, kind, value, part in _fields(raw):
        if number == 1 and kind == FIXED64:
            found.time_unix_nano = value
        elif number == 11 and kind == FIXED64:
            found.observed_time_unix_nano = value
        elif number == 6 and kind == BYTES:
            found.attributes.append(_key_value(part))
        elif number == 12 and kind == BYTES:
            found.event_name = _text(part)
    return found


def _key_value(raw: bytes, depth: int = DEPTH_MAX) -> KeyValue:
    found = KeyValue()
    for number, part in _parts(raw):
        if number == 1:
            found.key = _text(part)
        elif number == 2:
            found.value = _any_value(part, depth)
    return found


def _any_value(raw: bytes, depth: int) -> AnyValue:
    if depth == 0:
        return AnyValue()
    found = AnyValue()
    for number, kind, value, part in _fields(raw):
        if number == 2 and kind == VARINT:
            found = AnyValue(bool_value=value != 0)
        elif number == 3 and kind == VARINT:
            found = AnyValue(int_value=value - 2**64 if value >= 2**63 else value)
        elif number == 4 and kind == FIXED64:
            found = AnyValue(double_value=struct.unpack("<d", value.to_bytes(8, "little"))[0])
        elif kind == BYTES and number in _BY_NUMBER:
            found = _BY_NUMBER[number](part, depth - 1)
    return found


def _array(raw: bytes, depth: int) -> AnyValue:
    return AnyValue(
        array_value=ArrayValue([_any_value(p, depth) for n, p in _parts(raw) if n == 1])
    )


def _list(raw: bytes, depth: int) -> AnyValue:
    return AnyValue(
        kvlist_value=KeyValueList([_key_value(p, depth) for n, p in _parts(raw) if n == 1])
    )


_BY_NUMBER: dict[int, Callable[[bytes, int], AnyValue]] = {
    1: lambda raw, _: AnyValue(string_value=_text(raw)),
    5: _array,
    6: _list,
    7: lambda raw, _: AnyValue(bytes_value=base64.b64encode(raw).decode()),
}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _parts(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields."""
    for number, kind, _, part in _fields(raw):
        if kind == BYTES:
            yield number, part


def _fields(raw: bytes) -> Iterator[Field]:
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        number, kind = tag >> 3, tag & 7
        value, part = 0, b""
        if kind == VARINT:
            value, at = _varint(raw, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
            part, at = raw[at : at + size], at + size
            value = int.from_bytes(part, "little")
        elif kind == BYTES:
            size, at = _varint(raw, at)
            part, at = raw[at : at + size], at + size
        else:
            raise BadProtobufError("a wire type that is not in use")
        if number == 0 or at > len(raw):
            raise BadProtobufError("cut off")
        yield number, kind, value, part


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(raw) or shift > 63:
            raise BadProtobufError("a number without an end")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
