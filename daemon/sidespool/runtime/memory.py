"""Gives memory back to the system when there is a quiet moment.

glibc keeps what was freed; after a burst that is most of what a daemon at rest holds.
"""

import sys
from typing import Any

_libc: Any = None


def release_memory() -> None:
    """A few milliseconds; nothing where the C library has no such call."""
    global _libc  # noqa: PLW0603  # loaded once
    if sys.platform != "linux":
        return
    if _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None)
    trim = getattr(_libc, "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)
