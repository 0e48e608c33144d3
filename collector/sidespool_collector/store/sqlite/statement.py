# ruff: noqa: S608  (the statements are shown, with names from our own table; nobody runs them here)
"""The SQL behind each chart, over the raw tables, for people who want to check a figure.

The dashboard itself reads rollups; these statements give the same numbers from the events.
`:since` and `:until` are Unix milliseconds.
"""

from sidespool_collector.chart.measure import ERRORS, EVENTS, MEASURES

_SPAN = "corrected_ms >= :since AND corrected_ms < :until"
SESSIONS = """SELECT date(first / 1000, 'unixepoch') AS day, count(*) AS sessions
  FROM (SELECT session_id, min(corrected_ms) AS first FROM events GROUP BY session_id)
 WHERE first >= :since AND first < :until GROUP BY day ORDER BY day"""


def sql_of(measure: str) -> str:
    """The statement for a measure, or for `session`, `adoption` and `data`."""
    if measure == "session":
        return SESSIONS
    if measure == "adoption":
        return (
            "SELECT app_version, os, count(DISTINCT session_id) AS sessions,\n"
            f"       count(DISTINCT user_id) AS installs\n  FROM events WHERE {_SPAN}\n"
            " GROUP BY app_version, os ORDER BY sessions DESC"
        )
    if measure == EVENTS:
        return (
            f"SELECT event_type, count(*) AS n FROM events WHERE {_SPAN}\n"
            " GROUP BY event_type ORDER BY n DESC"
        )
    if measure == ERRORS:
        return (
            "SELECT json_extract(payload, '$.error_type') AS error_type,\n"
            "       json_extract(payload, '$.message') AS template, count(*) AS n\n"
            f"  FROM events WHERE event_type = 'Error' AND {_SPAN}\n"
            " GROUP BY error_type, template ORDER BY n DESC"
        )
    if measure == "data":
        return (
            "SELECT sum(accepted) AS accepted, sum(duplicates) AS duplicates,\n"
            "       sum(rejected) AS rejected FROM batch\n"
            " WHERE received_at >= :since AND received_at < :until"
        )
    found = next(m for m in MEASURES if m.name == measure)
    columns = ["count(*) AS n"]
    if found.ok:
        columns.append(f"sum(json_extract(payload, '$.{found.ok}')) AS ok")
    if found.value:
        columns.append(f"avg(json_extract(payload, '$.{found.value}')) AS average")
    return (
        f"SELECT json_extract(payload, '$.{found.key}') AS {found.key},\n       "
        + ",\n       ".join(columns)
        + f"\n  FROM events WHERE event_type = '{found.event_type}' AND {_SPAN}\n"
        f" GROUP BY {found.key} ORDER BY n DESC"
    )
