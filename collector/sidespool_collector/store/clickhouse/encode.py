"""Events as blocks of the table `event`: the part of an append that costs this process time.

Written column by column, with what repeats (a session's texts, types, keys of measures) encoded
once. See block.py for the format.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from sidespool_collector.chart.measure import BY_EVENT_TYPE, ERROR_EVENT_TYPES
from sidespool_collector.event import Row, Source
from sidespool_collector.store.clickhouse.block import (
    VARINTS,
    Column,
    Texts,
    block,
    numbers,
    values_of,
    varint,
)  # fmt: skip
from sidespool_collector.store.clickhouse.schema import EVENT
from sidespool_collector.store.group import group_of
from sidespool_collector.store.span import HOUR_MS
from sidespool_collector.store.stored import plain

NAN = float("nan")
SOURCES_KEPT = 20_000
_ENCODE = msgspec.json.Encoder().encode
_SHORT = len(VARINTS)
Measured = tuple[str, float, int]  # key, value, ok
Reader = Callable[[Any, int], Measured]
NOTHING: Measured = ("", NAN, 0)
Days = dict[int, list[tuple[Row, int]]]


def reader_of(name: str) -> Reader:
    """What charts measure of one type's payloads."""
    if name in ERROR_EVENT_TYPES:
        return lambda payload, at: (group_of(name, _as_dict(payload), at).group, NAN, 0)
    measure = BY_EVENT_TYPE.get(name)
    if measure is None:
        return lambda payload, at: NOTHING
    key, value, ok = measure.key, measure.value, measure.ok

    def read(payload: Any, at: int) -> Measured:
        found = getattr(payload, value, None) if value else None
        return (
            plain(str(getattr(payload, key, None) or "unknown")) if key else "unknown",
            float(found) if isinstance(found, int | float) else NAN,
            int(bool(ok) and getattr(payload, ok, None) is True),
        )

    return read


def _as_dict(payload: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(payload)
    return found


class _Sources(dict[Source, tuple[bytes, ...]]):
    """The five texts of a source as they are written."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __missing__(self, source: Source) -> tuple[bytes, ...]:
        if len(self) > SOURCES_KEPT:
            self.clear()
        found = self[source] = tuple(self._texts[part] for part in source)
        return found


class _Readers(dict[str, Reader]):
    """Made once a type."""

    def __missing__(self, name: str) -> Reader:
        found = self[name] = reader_of(name)
        return found


class EventBlocks:
    """Encodes rows; remembers what repeats."""

    def __init__(self) -> None:
        self._texts = Texts()
        self._sources = _Sources(self._texts)
        self._readers = _Readers()

    def encode(self, days: Days) -> bytes:
        """Rows with their ranks, by day, as one block."""
        rows = [pair for found in days.values() for pair in found]
        ids, names, times, skews, sources, seqs, payloads, asides = zip(
            *[row for row, _ in rows], strict=True
        )
        counts = [(day, len(found)) for day, found in days.items()]
        columns = {
            "day": numbers("UInt16", [day for day, n in counts for _ in range(n)]),
            "id": b"".join(ids),
            "rank": numbers("UInt64", [rank for _, rank in rows]),
            "event_type": b"".join([self._texts[name] for name in names]),
            "hour": numbers("Int32", [at // HOUR_MS for at in times]),
            "at": numbers("Int64", times),
            "skew": numbers("Int64", skews),
            "seq": numbers("Int64", seqs),
            "payload": _payloads(payloads),
            "aside": b"".join([self._texts[text or ""] for text in asides]),
        }
        columns |= self._source_columns(sources)
        columns |= self._measured(names, payloads, times)
        columns |= _lost(names, payloads)
        listed: list[Column] = [(name, kind, columns[name]) for name, kind in EVENT.items()]
        return block(len(rows), listed)

    def _source_columns(self, sources: tuple[Source, ...]) -> dict[str, bytes]:
        written = self._sources
        found = zip(*[written[source] for source in sources], strict=True)
        names = ("session_id", "user_id", "app_id", "app_version", "os")
        return {name: b"".join(column) for name, column in zip(names, found, strict=True)}

    def _measured(
        self, names: tuple[str, ...], payloads: tuple[Any, ...], times: tuple[int, ...]
    ) -> dict[str, bytes]:
        readers = self._readers
        found = [
            readers[name](payload, at)
            for name, payload, at in zip(names, payloads, times, strict=True)
        ]
        keys, values, oks = zip(*found, strict=True)
        return {
            "key": b"".join([self._texts[key] for key in keys]),
            "value": numbers("Float64", values),
            "ok": bytes(oks),
        }


def _payloads(payloads: tuple[Any, ...]) -> bytes:
    parts = []
    for payload in payloads:
        raw = _ENCODE(payload)
        size = len(raw)
        parts.append(VARINTS[size] if size < _SHORT else varint(size))
        parts.append(raw)
    return b"".join(parts)


def _lost(names: tuple[str, ...], payloads: tuple[Any, ...]) -> dict[str, bytes]:
    """What daemons lost, from their ClientReports."""
    if "ClientReport" not in names:
        none = bytes(8 * len(names))
        return {"reasons": none, "losses": none}
    found = [
        dict(_dropped(payload)) if name == "ClientReport" else {}
        for name, payload in zip(names, payloads, strict=True)
    ]
    reasons = [[plain(reason) for reason in each] for each in found]
    return {
        "reasons": values_of("Array(String)", reasons),
        "losses": values_of("Array(UInt64)", [list(each.values()) for each in found]),
    }


def _dropped(payload: Any) -> dict[str, int]:
    found: dict[str, int] = msgspec.to_builtins(getattr(payload, "dropped", None) or {})
    return {reason: max(0, int(n)) for reason, n in found.items()}
