"""Values as they stand in ClickHouse's SQL, and the keys this store makes of ids."""

from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r"})


def quoted(text: str) -> str:
    """A text as a literal."""
    return "'" + text.translate(_ESCAPES) + "'"


def listed(values: Iterable[int | str]) -> str:
    """Numbers or texts as a list for IN, which may not be empty."""
    return ", ".join(quoted(v) if isinstance(v, str) else str(v) for v in values)


def raw(value: bytes) -> str:
    """Sixteen bytes as a literal."""
    return f"toFixedString(unhex('{value.hex()}'), {len(value)})"
