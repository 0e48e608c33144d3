"""Which stored steps answer a query: grains, spans of rows, and the step a row counts under."""

from sidespool_collector.store.contract import FactQuery

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOUR, DAY = 1, 24  # grains, in hours


def place_of(query: FactQuery, start: int, key: str, version: str, os: str) -> tuple[int, str]:
    """The step and the name under which a row counts."""
    step = start - start % query.step_ms if query.step_ms else query.since_ms
    if query.by == "key":
        return step, key
    return step, {"app_version": version, "os": os}.get(query.by, f"{version} · {os}")


def spans_of(query: FactQuery) -> list[tuple[int, int, int]]:
    """`(grain, since, until)`: whole days are read from daily rows, their rests from hourly ones.

    An hour is the finest step: a period that begins within one begins with it.
    """
    first, last = -(-query.since_ms // DAY_MS) * DAY_MS, query.until_ms // DAY_MS * DAY_MS
    if first >= last or (query.step_ms and query.step_ms % DAY_MS):
        return [(HOUR, query.since_ms - query.since_ms % HOUR_MS, query.until_ms)]
    return [
        (HOUR, query.since_ms - query.since_ms % HOUR_MS, first),
        (DAY, first, last),
        (HOUR, last, query.until_ms),
    ]
