"""Generalises what could single out a machine: bins, versions, systems, keyed hashes."""

import hashlib
import hmac
import re

DURATION_BINS = (
    (60_000, "<1min"),
    (300_000, "1-5min"),
    (600_000, "5-10min"),
    (1_200_000, "10-20min"),
    (3_600_000, "20-60min"),
)
SESSION_MINUTES_BINS = ((5, "0-5"), (15, "5-15"), (60, "15-60"))
SIZE_BINS = (
    (50_000, "<50KB"),
    (100_000, "50-100KB"),
    (200_000, "100-200KB"),
    (500_000, "200-500KB"),
)
COUNT_BINS = ((0, "0"), (5, "1-5"), (10, "6-10"), (20, "11-20"))

_RELEASE = re.compile(r"[vV]?(\d{1,5}(?:\.\d{1,5}){0,2})", re.ASCII)
_NUMBER = re.compile(r"(\d{1,5})(?:\.(\d{1,5}))?(?:\.(\d{1,6}))?", re.ASCII)


def duration_bin(duration_ms: float) -> str:
    """Milliseconds → `<1min` … `>60min`; a full hour is not more than one."""
    for limit, label in DURATION_BINS:
        if duration_ms < limit or duration_ms == limit == DURATION_BINS[-1][0]:
            return label
    return ">60min"


def session_minutes_bin(minutes: float) -> str:
    """Minutes → `0-5` … `>60`."""
    for limit, label in SESSION_MINUTES_BINS:
        if minutes < limit or minutes == limit == SESSION_MINUTES_BINS[-1][0]:
            return label
    return ">60"


def size_bin(size_bytes: float) -> str:
    """Bytes → `<50KB` … `>500KB`."""
    for limit, label in SIZE_BINS:
        if size_bytes < limit or size_bytes == limit == SIZE_BINS[-1][0]:
            return label
    return ">500KB"


def count_bin(count: int) -> str:
    """A count → `0` … `>20`."""
    for limit, label in COUNT_BINS:
        if count <= limit:
            return label
    return ">20"


def plain_version(text: str) -> str:
    """`2.17.2+local.dev.abc` → `2.17.2`; what does not begin like a version → `other`."""
    found = _RELEASE.match(text.strip())
    return found.group(1) if found else "other"


def plain_os_version(text: str) -> str:
    """An OS version → `Windows 10/11`, `macOS 13.x`, `Linux 6.x`, or `other`.

    Takes what Node, Python and browsers give: `10.0.22631`, `Windows-10-10.0.19045`,
    `macOS 13.4.1`, `Darwin 22.5.0`, `6.1.0-18-amd64`, `Linux 6.1`.
    """
    low = text.strip().lower()
    found = _NUMBER.search(low)
    major = int(found.group(1)) if found else None
    if low.startswith("win"):
        return "Windows 10/11" if major is None or major >= 10 else f"Windows {major}"
    if low.startswith("darwin") and major is not None:
        # Darwin 20 is macOS 11; from Darwin 25 on Apple counts by year (macOS 26).
        return f"macOS {major - 9 if 20 <= major < 25 else major + 1 if major >= 25 else 10}.x"
    if low.startswith(("mac", "os x")) and major is not None:
        return f"macOS {major}.x"
    if low.startswith("linux") and major is not None:
        return f"Linux {major}.x"
    if found and low.startswith(found.group(0)) and major is not None:
        return _bare_number(major, found.group(3))
    return "other"


def _bare_number(major: int, build: str | None) -> str:
    """A version without a name: Windows reports 10.0.BUILD, Linux kernels are 3 to 9."""
    if major == 10 and build is not None and int(build) >= 10_000:
        return "Windows 10/11"
    return f"Linux {major}.x" if 2 <= major <= 9 else f"macOS {major}.x"


def keyed_hash(key: bytes, purpose: str, value: str) -> str:
    """32 hex digits of HMAC-SHA-256 under this installation's key.

    The key never leaves the machine, so hashes of two installations do not compare, and a
    dictionary of likely paths is of no use to whoever holds the hashes.
    """
    message = purpose.encode() + b"\x00" + value.encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:32]


def normal_path(path: str) -> str:
    """One spelling per place, so that the same workspace hashes the same."""
    text = path.strip().replace("\\", "/")
    if text.lower().startswith("file://"):
        text = text[7:]
    if len(text) > 1 and text[1] == ":":
        text = text[0].lower() + text[1:]
    return text.rstrip("/") or "/"
