# ruff: noqa: S608  (the statements are shown, with names from our own table; nobody runs them here)
"""The SQL behind each chart, over the raw tables, for people who want to check a figure.

The dashboard itself reads rollups; these statements give the same numbers from the events.
`:since` and `:until` are Unix milliseconds. A dialect is what the stores' SQL differs in.
"""

from typing import NamedTuple

from sidespool_collector.chart.measure import ERRORS, EVENTS, MEASURES


class Dialect(NamedTuple):
    """Templates over `{0}`: a time in ms as a day, and a payload's field as text, number, flag."""

    day: str
    text: str
    number: str
    flag: str


SQLITE = Dialect(
    "date({0} / 1000, 'unixepoch')",
    "json_extract(payload, '$.{0}')",
    "json_extract(payload, '$.{0}')",
    "json_extract(payload, '$.{0}')",
)
POSTGRES = Dialect(
    "to_timestamp({0} / 1000)::date",
    "payload->>'{0}'",
    "(payload->>'{0}')::float8",
    "(payload->>'{0}')::boolean::int",
)
CLICKHOUSE = Dialect(
    "toDate(toDateTime(intDiv({0}, 1000)))",
    "visitParamExtractString(payload, '{0}')",
    "visitParamExtractFloat(payload, '{0}')",
    "visitParamExtractBool(payload, '{0}')",
)
_SPAN = "corrected_ms >= :since AND corrected_ms < :until"


def sql_of(measure: str, dialect: Dialect) -> str:
    """The statement for a measure, or for `session`, `adoption` and `data`."""
    if measure == "session":
        return (
            f"SELECT {dialect.day.format('first')} AS day, count(*) AS sessions\n"
            "  FROM (SELECT session_id, min(corrected_ms) AS first FROM events\n"
            "         GROUP BY session_id) AS begun\n"
            " WHERE first >= :since AND first < :until GROUP BY day ORDER BY day"
        )
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
    if measure == "data":
        return (
            "SELECT sum(accepted) AS accepted, sum(duplicates) AS duplicates,\n"
            "       sum(rejected) AS rejected FROM batch\n"
            " WHERE received_at >= :since AND received_at < :until"
        )
    return _of_errors(dialect) if measure == ERRORS else _of_measure(measure, dialect)


def _of_errors(dialect: Dialect) -> str:
    kind, template = (dialect.text.format(name) for name in ("error_type", "message"))
    return (
        f"SELECT {kind} AS error_type,\n       {template} AS template, count(*) AS n\n"
        f"  FROM events WHERE event_type = 'Error' AND {_SPAN}\n"
        " GROUP BY error_type, template ORDER BY n DESC"
    )


def _of_measure(measure: str, dialect: Dialect) -> str:
    found = next(m for m in MEASURES if m.name == measure)
    columns = ["count(*) AS n"]
    if found.ok:
        columns.append(f"sum({dialect.flag.format(found.ok)}) AS ok")
    if found.value:
        columns.append(f"avg({dialect.number.format(found.value)}) AS average")
    return (
        f"SELECT {dialect.text.format(found.key)} AS {found.key},\n       "
        + ",\n       ".join(columns)
        + f"\n  FROM events WHERE event_type = '{found.event_type}' AND {_SPAN}\n"
        f" GROUP BY {found.key} ORDER BY n DESC"
    )
