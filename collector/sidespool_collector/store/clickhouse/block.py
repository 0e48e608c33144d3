"""ClickHouse's Native format, written: a block is its columns one after the other.

Layout (https://clickhouse.com/docs/interfaces/formats/Native, as it is sent over HTTP):

    varint   number of columns
    varint   number of rows
    for each column:
        string   name
        string   type
        values   whole numbers and floats little-endian; FixedString as its bytes; a String as
                 varint length and bytes; an Array as 64-bit ends, then all its items

Numbers and ids go in with one call for a whole column; of texts that come again and again (users,
versions, systems) the bytes are kept.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

TEXTS_KEPT = 50_000
_CODES = {
    "UInt8": "B", "UInt16": "H", "UInt32": "I", "UInt64": "Q",
    "Int16": "h", "Int32": "i", "Int64": "q", "Float64": "d",
}  # fmt: skip
Column = tuple[str, str, bytes]
"""Name, type, encoded values."""


def varint(number: int) -> bytes:
    """LEB128, as lengths are written."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


VARINTS = [varint(n) for n in range(4096)]


def sized(raw: bytes) -> bytes:
    """Bytes with their length in front."""
    return (VARINTS[len(raw)] if len(raw) < 4096 else varint(len(raw))) + raw


class Texts(dict[str, bytes]):
    """Remembers how texts are written."""

    def __missing__(self, text: str) -> bytes:
        if len(self) > TEXTS_KEPT:
            self.clear()
        found = self[text] = sized(text.encode())
        return found


def numbers(kind: str, values: Iterable[float]) -> bytes:
    """Values of a column of numbers."""
    found = array(_CODES[kind], values)
    if sys.byteorder != "little":
        found.byteswap()
    return found.tobytes()


def texts(values: Iterable[str | bytes]) -> bytes:
    """Values of a column of texts that do not repeat."""
    return b"".join([sized(v if isinstance(v, bytes) else v.encode()) for v in values])


def values_of(kind: str, values: Sequence[Any]) -> bytes:
    """Values of any column."""
    if kind == "String":
        return texts(values)
    if kind.startswith("FixedString"):
        return b"".join(values)
    if kind.startswith("Array("):
        ends, flat = [], []
        for items in values:
            flat += items
            ends.append(len(flat))
        return numbers("UInt64", ends) + values_of(kind[6:-1], flat)
    return numbers(kind, values)


def block(rows: int, columns: Iterable[Column]) -> bytes:
    """Columns as one block."""
    listed = list(columns)
    parts = [varint(len(listed)), varint(rows)]
    for name, kind, content in listed:
        parts += (sized(name.encode()), sized(kind.encode()), content)
    return b"".join(parts)


def block_of(shape: dict[str, str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows as a block; `shape` gives names and types in the rows' order."""
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(shape)
    return block(
        len(rows),
        (
            (name, kind, values_of(kind, column))
            for (name, kind), column in zip(shape.items(), by_column, strict=True)
        ),
    )
