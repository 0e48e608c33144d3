"""Builds each chart from a store's facts; knows no store in particular and no HTML."""

from collections.abc import Awaitable, Callable

from sidespool_collector.chart import trouble, usage, work
from sidespool_collector.chart.model import Chart
from sidespool_collector.chart.reading import Reading
from sidespool_collector.chart.view import View

Builder = Callable[[Reading, View], Awaitable[Chart]]
BUILDERS: dict[str, Builder] = {
    "sessions": usage.sessions,
    "installs": usage.installs,
    "proposals": work.proposals,
    "operations": work.operations,
    "review_time": work.review_time,
    "errors": trouble.errors,
    "latency": work.latency,
    "tools": work.tools,
    "adoption": usage.adoption,
    "funnel": usage.funnel,
    "data_health": trouble.data_health,
}
