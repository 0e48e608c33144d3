"""An ExportLogsServiceRequest, as its JSON form has it (OTLP 1.x, `logs/v1/logs.proto`).

Numbers of 64 bits travel as text or as numbers; both are taken, and what is neither is 0.
"""

from typing import Any

import msgspec

DEPTH_MAX = 12


class AnyValue(msgspec.Struct, rename="camel"):
    """One of its fields is set, or none: then it is null."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: "ArrayValue | None" = None
    kvlist_value: "KeyValueList | None" = None
    bytes_value: str | None = None


class ArrayValue(msgspec.Struct):
    """Values in order."""

    values: list[AnyValue] = []


class KeyValue(msgspec.Struct):
    """One attribute."""

    key: str = ""
    value: AnyValue | None = None


class KeyValueList(msgspec.Struct):
    """Values by name."""

    values: list[KeyValue] = []


class LogRecord(msgspec.Struct, rename="camel"):
    """What of a record is of use here; ids, body and severity are not."""

    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    event_name: str = ""
    attributes: list[KeyValue] = []


class Resource(msgspec.Struct):
    """Who sends."""

    attributes: list[KeyValue] = []


class ScopeLogs(msgspec.Struct, rename="camel"):
    """Records of one library."""

    log_records: list[LogRecord] = []


class ResourceLogs(msgspec.Struct, rename="camel"):
    """Records of one sender."""

    resource: Resource | None = None
    scope_logs: list[ScopeLogs] = []


class LogsRequest(msgspec.Struct, rename="camel"):
    """The whole request."""

    resource_logs: list[ResourceLogs] = []


class PartialSuccess(msgspec.Struct, rename="camel", omit_defaults=True):
    """How many were refused, and why."""

    rejected_log_records: str = "0"
    error_message: str = ""


class LogsAnswer(msgspec.Struct, rename="camel", omit_defaults=True):
    """The answer; empty when every record was taken."""

    partial_success: PartialSuccess | None = None


_DECODER = msgspec.json.Decoder(LogsRequest)


def decode_json(body: bytes) -> LogsRequest:
    """Raises msgspec.MsgspecError, RecursionError or UnicodeDecodeError for anything else."""
    return _DECODER.decode(body)


def whole(told: int | str | float | None) -> int:
    """A 64-bit number however it was written."""
    if isinstance(told, str):
        text = told.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else 0
    return int(told) if isinstance(told, int) else 0


def plain_value(value: AnyValue | None, depth: int = DEPTH_MAX) -> Any:
    """A value as JSON has it; what nests deeper than `depth` is null."""
    if value is None or depth == 0:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return whole(value.int_value)
    if value.double_value is not None:
        return value.double_value
    if value.array_value is not None:
        return [plain_value(one, depth - 1) for one in value.array_value.values]
    if value.kvlist_value is not None:
        return {one.key: plain_value(one.value, depth - 1) for one in value.kvlist_value.values}
    return value.bytes_value
