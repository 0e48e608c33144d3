"""Measures rules against a store: any figure of any chart, counts of event types, error groups."""

import re
from collections.abc import Awaitable

from sidespool.errors import ConfigError
from sidespool_collector.alert.machine import Sample
from sidespool_collector.alert.rule import HOUR_MS, SETTING, AlertPlan, Rule
from sidespool_collector.chart.build import BUILDERS
from sidespool_collector.chart.measure import EVENTS
from sidespool_collector.chart.model import Chart
from sidespool_collector.chart.reading import Reading
from sidespool_collector.chart.view import View
from sidespool_collector.store.contract import ErrorGroup, Fact, FactQuery, InstallCount, Intake

WEEK_MS = 7 * 24 * HOUR_MS
GROUPS_MAX = 200
EVENT_METRICS = "events."


def slug(label: str) -> str:
    """`Approval rate` → `approval_rate`: how a figure or a column is named in a rule."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


class NothingReading:
    """A store that holds nothing: tells which figures and columns charts have."""

    async def facts(self, query: FactQuery) -> list[Fact]:
        """None."""
        return []

    async def installs(self, query: FactQuery) -> list[InstallCount]:
        """None."""
        return []

    async def error_groups(self, query: FactQuery, limit: int) -> list[ErrorGroup]:
        """None."""
        return []

    async def intake(self, since_ms: int, until_ms: int) -> Intake:
        """Nothing."""
        return Intake()

    def sql(self, measure: str) -> str:
        """None."""
        return ""


def measurable() -> dict[str, list[str]]:
    """Every metric a rule may name; under each chart's, those that also need a `row`."""
    found: dict[str, list[str]] = {}
    for name, build in BUILDERS.items():
        chart = _at_once(build(NothingReading(), View(0, HOUR_MS)))
        columns = chart.table.columns[1:] if chart.table is not None else []
        units = chart.table.units[1:] if chart.table is not None else []
        found[name] = [f"{name}.{slug(figure.label)}" for figure in chart.figures]
        found[name] += [
            f"{name}.{slug(column)} (row)"
            for column, unit in zip(columns, units, strict=True)
            if unit not in ("text", "time")
        ]
    return found


def _at_once(work: Awaitable[Chart]) -> Chart:
    """The result of work that never waits."""
    try:
        next(work.__await__())
    except StopIteration as done:
        chart: Chart = done.value
        return chart
    raise RuntimeError("a chart waited for nothing")


def check_metrics(plan: AlertPlan, event_types: set[str]) -> None:
    """Raises ConfigError for a rule whose metric does not exist."""
    known = {name for names in measurable().values() for name in names}
    for rule in plan.rules:
        if rule.is_about_errors:
            continue
        wanted = f"{rule.metric} (row)" if rule.row else rule.metric
        event_type = rule.metric.removeprefix(EVENT_METRICS)
        is_event = rule.metric.startswith(EVENT_METRICS) and event_type in event_types
        if wanted in known or (is_event and not rule.row):
            continue
        raise ConfigError(
            SETTING,
            f"rule {rule.name!r}: there is no metric {rule.metric!r}"
            + (f" with rows such as {rule.row!r}" if rule.row else ""),
            hint="sidespool collector alert metrics lists them",
        )


async def measure(rule: Rule, store: Reading, now_ms: int) -> list[Sample]:
    """What a rule sees now; nothing to see is not bad."""
    if rule.is_about_errors:
        return await _errors(rule, store, now_ms)
    if rule.kind == "change":
        return await _change(rule, store, now_ms)
    since = now_ms - rule.window_ms
    value = await _value(rule, store, since - since % HOUR_MS, now_ms)
    return [Sample("", _is_beyond(rule, value), value, f"{_what(rule)} is {_number(value)}")]


async def _change(rule: Rule, store: Reading, now_ms: int) -> list[Sample]:
    """Whole hours, so that both weeks are measured alike."""
    until = now_ms - now_ms % HOUR_MS
    value = await _value(rule, store, until - rule.window_ms, until)
    before = await _value(rule, store, until - rule.window_ms - WEEK_MS, until - WEEK_MS)
    if value is None or not before or before < rule.at_least:
        return [Sample("", False, None, f"{_what(rule)}: last week has too little to compare")]
    percent = 100 * (value - before) / before
    text = f"{_what(rule)} is {_number(value)}, {percent:+.0f} % against last week's"
    return [Sample("", _is_beyond(rule, percent), percent, f"{text} {_number(before)}")]


async def _errors(rule: Rule, store: Reading, now_ms: int) -> list[Sample]:
    since = now_ms - rule.window_ms
    view = View(since - since % HOUR_MS, now_ms, rule.version, rule.os)
    found = []
    for group in await store.error_groups(view.query("error"), GROUPS_MAX):
        is_new = rule.kind == "new_error" and group.first_ms >= since and group.status == "open"
        if is_new or (rule.kind == "regression" and group.is_regression):
            what = "came back" if group.is_regression else "is new"
            versions = ", ".join(group.versions)
            text = f"{group.error_type}: {group.template or '(no message)'} {what}, {group.n} times"
            found.append(Sample(group.group, True, group.n, f"{text} in {versions}"))
    return found


async def _value(rule: Rule, store: Reading, since_ms: int, until_ms: int) -> float | None:
    view = View(since_ms, until_ms, rule.version, rule.os)
    if rule.metric.startswith(EVENT_METRICS):
        facts = await store.facts(view.query(EVENTS))
        wanted = rule.metric.removeprefix(EVENT_METRICS)
        return sum(fact.n for fact in facts if fact.key == wanted)
    chart_name, _, name = rule.metric.partition(".")
    chart = await BUILDERS[chart_name](store, view)
    if not rule.row:
        return next((f.value for f in chart.figures if slug(f.label) == name), None)
    if chart.table is None:
        return None
    column = [slug(label) for label in chart.table.columns].index(name)
    value = next((row[column] for row in chart.table.rows if row[0] == rule.row), None)
    return value if isinstance(value, int | float) else None


def _is_beyond(rule: Rule, value: float | None) -> bool:
    if value is None:
        return False
    return (rule.above is not None and value > rule.above) or (
        rule.below is not None and value < rule.below
    )


def _what(rule: Rule) -> str:
    limits = [f"above {rule.above:g}" if rule.above is not None else ""]
    limits += [f"below {rule.below:g}" if rule.below is not None else ""]
    percent = " %" if rule.kind == "change" else ""
    where = " ".join(filter(None, (rule.row, rule.version, rule.os)))
    named = f"{rule.metric} [{where}]" if where else rule.metric
    hours = rule.window_ms // HOUR_MS
    return f"{named} over {hours} h (bad {' or '.join(filter(None, limits))}{percent})"


def _number(value: float | None) -> str:
    return "not there" if value is None else f"{value:,.4g}" if value % 1 else f"{value:,.0f}"
