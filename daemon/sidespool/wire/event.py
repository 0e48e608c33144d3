"""The event as it is stored and sent, and the forms of its identifiers and times.

A stored event is one JSON object on one line:
`{"event_id","event_type","timestamp","session_id","user_id","app_id","app_version","os","seq",
"payload"}`. Times are UTC, RFC 3339 with milliseconds and `Z`. Ids are UUIDs; the daemon makes
version 7 (RFC 9562, section 5.7), so that they sort by time in every store.
"""

import re
from datetime import UTC, datetime

CONSTANT_FIELDS = ("user_id", "app_id", "app_version", "os")
ENVELOPE_FIELDS = ("event_id", "timestamp", "session_id", "seq", *CONSTANT_FIELDS)
CLIENT_FIELDS = ("event_type", "payload", "event_id", "timestamp", "session_id")

CUT_MARKER = "…[cut]"

UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
TIME_SHAPE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
USER_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
SESSION_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")

_MILLIS = frozenset(f"{n:03}Z" for n in range(1_000))
_SECONDS: set[str] = set()  # of times seen lately, known to be right
_SECONDS_MAX = 1_024


def format_time(unix_ms: int) -> str:
    """`1700000000123` → `2023-11-14T22:13:20.123Z`."""
    seconds, millis = divmod(unix_ms, 1000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{millis:03d}Z"


def parse_time(text: str) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 time with a zone, or None for anything else."""
    if TIME_SHAPE.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        whole = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return int(whole.replace(microsecond=0).timestamp()) * 1000 + whole.microsecond // 1000


def canonical_time(text: str) -> str | None:
    """The same moment with milliseconds and `Z`, or None where the text is no RFC 3339 time."""
    # Nearly every client writes this form already, and many events fall into one second.
    if text[20:] in _MILLIS and (text[:20] in _SECONDS or _learn_second(text[:20])):
        return text
    unix_ms = parse_time(text)
    return None if unix_ms is None else format_time(unix_ms)


def _learn_second(text: str) -> bool:
    """Whether this is the canonical form up to the dot, remembered if so."""
    unix_ms = parse_time(f"{text}000Z")
    if unix_ms is None or format_time(unix_ms)[:20] != text:
        return False
    if len(_SECONDS) >= _SECONDS_MAX:
        _SECONDS.clear()
    _SECONDS.add(text)
    return True


def uuid7(unix_ms: int, rand_a: int, rand_b: int) -> str:
    """UUID version 7 from a time (48 bits), 12 bits `rand_a` and 62 bits `rand_b`."""
    high = (unix_ms & 0xFFFFFFFFFFFF) << 16 | 0x7000 | (rand_a & 0xFFF)
    low = 0x8000000000000000 | (rand_b & 0x3FFFFFFFFFFFFFFF)
    digits = f"{high:016x}{low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7_prefix(unix_ms: int, rand: int) -> str:
    """The first 28 characters of a run of ids; the last 8 are a counter, `f"{n:08x}"`.

    RFC 9562 section 6.2, method 1: ids of one millisecond share their random part (42 bits of
    `rand`) and count up, which is 15 times cheaper than 74 fresh random bits each and compresses
    better. Two runs in one millisecond differ by `rand`.
    """
    return uuid7(unix_ms, rand >> 30, (rand & 0x3FFFFFFF) << 32)[:28]


def cut_text(text: str, max_bytes: int) -> str:
    """At most `max_bytes` of UTF-8, ending in the marker where something was cut off."""
    if len(text) * 4 <= max_bytes:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= max_bytes:
        return text
    room = max(max_bytes - len(CUT_MARKER.encode()), 0)
    return raw[:room].decode("utf-8", "ignore") + CUT_MARKER
