"""The smallest group that shows: what fewer installs than `min_group` did stays unseen.

Three things are held to it. A view (its period, version and system) with too few installs shows
nothing at all. A step with too few has no value, in any series. Versions and systems with too few
are folded in the adoption chart and not offered as filters. It is a display floor: who may export
or ask SQL sees single events, and two totals can still be subtracted; docs/operate.md says so.
"""

import msgspec

from sidespool_collector.chart.model import Chart, Figure, Series, Table
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.chart.reading import Reading
from sidespool_collector.chart.usage import week_of
from sidespool_collector.chart.view import View, day_text

ABOUT_THE_COLLECTOR = ("data_health",)  # counts of batches, of no install in particular


async def held_to_floor(reading: Reading, view: View, chart: Chart) -> Chart:
    """A chart as it may be seen."""
    floor = view.min_group
    if floor <= 1 or chart.name in ABOUT_THE_COLLECTOR:
        return chart
    total = sum(c.installs for c in await reading.installs(view.query("session")))
    if 0 < total < floor:
        return Chart(chart.name, CHARTS[chart.name].title, [], sql=chart.sql, is_withheld=True)
    before = sum(c.installs for c in await reading.installs(view.before().query("session")))
    figures = [_without_before(f) if before < floor else f for f in chart.figures]
    small = await _small_steps(reading, view)
    if not small or not chart.series:
        return msgspec.structs.replace(chart, figures=figures)
    hidden = [stamp * 1000 in small for stamp in chart.x]
    series = [_masked(line, hidden) for line in chart.series]
    table = _shown_weeks(chart, hidden) if chart.name == "sessions" else chart.table
    return msgspec.structs.replace(chart, figures=figures, series=series, table=table)


async def names_to_offer(reading: Reading, view: View, by: str, names: list[str]) -> list[str]:
    """Of versions or systems those that have enough installs in the period."""
    if view.min_group <= 1:
        return names
    whole = msgspec.structs.replace(view, app_version="", os="")
    counted = await reading.installs(whole.query("session", by=by))
    enough = {count.key for count in counted if count.installs >= view.min_group}
    return [name for name in names if name in enough]


async def _small_steps(reading: Reading, view: View) -> set[int]:
    counted = await reading.installs(view.query("session", step_ms=view.step_ms))
    enough = {count.start_ms for count in counted if count.installs >= view.min_group}
    return {start for start in view.steps() if start not in enough}


def _shown_weeks(chart: Chart, hidden: list[bool]) -> Table | None:
    """A week stays where one of its steps does: then it has enough installs, too."""
    shown = zip(chart.x, hidden, strict=True)
    weeks = {day_text(week_of(stamp * 1000)) for stamp, hide in shown if not hide}
    if chart.table is None:
        return None
    rows = [row for row in chart.table.rows if row[0] in weeks]
    return msgspec.structs.replace(chart.table, rows=rows)


def _without_before(figure: Figure) -> Figure:
    return msgspec.structs.replace(figure, before=None)


def _masked(line: Series, hidden: list[bool]) -> Series:
    values = [None if hide else value for value, hide in zip(line.values, hidden, strict=True)]
    return msgspec.structs.replace(line, values=values)
