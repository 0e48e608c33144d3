"""Reads the times HTTP headers carry: RFC 9110 section 5.6.7, all three forms, UTC.

Written out rather than taken from `email.utils`: that one accepts far more than HTTP allows,
reads local zones, and costs the start-up a dozen modules.
"""

import re
from datetime import UTC, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)"
_FORMS = (
    # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(rf"[a-z]{{3}}, (?P<d>\d\d) (?P<mon>[a-z]{{3}}) (?P<y>\d{{4}}) {_CLOCK} gmt", re.A),
    # RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(rf"[a-z]+, (?P<d>\d\d)-(?P<mon>[a-z]{{3}})-(?P<y>\d\d) {_CLOCK} gmt", re.A),
    # asctime: Sun Nov  6 08:49:37 1994
    re.compile(rf"[a-z]{{3}} (?P<mon>[a-z]{{3}}) (?P<d>[ \d]\d) {_CLOCK} (?P<y>\d{{4}})", re.A),
)


def parse_http_date(text: str) -> float | None:
    """Unix seconds of an HTTP date, or None for any text that is not one."""
    lowered = text.strip().lower()
    for form in _FORMS:
        if found := form.fullmatch(lowered):
            return _moment(found)
    return None


def _moment(found: re.Match[str]) -> float | None:
    if found["mon"] not in _MONTHS:
        return None
    year = int(found["y"])
    if len(found["y"]) == 2:  # RFC 9110: two digits are the nearest past or near future
        year += 1900 if year >= 70 else 2000
    # A leap second has no place in `datetime`; the second before is near enough to wait for.
    seconds = min(int(found["s"]), 59)
    try:
        moment = datetime(
            year,
            _MONTHS.index(found["mon"]) + 1,
            int(found["d"]),
            int(found["h"]),
            int(found["m"]),
            seconds,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return moment.timestamp()
