"""Charts of what went wrong: errors, and events refused, lost or late."""

from sidespool_collector.chart.merge import ROWS_MAX, steps_of
from sidespool_collector.chart.model import Chart, Figure, Series, Table, Value
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.chart.reading import Reading
from sidespool_collector.chart.view import View


async def errors(store: Reading, view: View) -> Chart:
    """Errors by type and templated message."""
    groups = await store.error_groups(view.query("error"), ROWS_MAX)
    facts = await store.facts(view.query("error", step_ms=view.step_ms))
    before = sum(f.n for f in await store.facts(view.before().query("error")))
    return Chart(
        "errors",
        CHARTS["errors"].title,
        [Figure("Errors", sum(f.n for f in facts), "", before, is_more_better=False)],
        [start // 1000 for start in view.steps()],
        [Series("Errors", steps_of(view, facts), colour=3)],
        Table(
            ["Type", "Message", "Count", "First seen", "Last seen", "Versions", "Status", "Id"],
            [
                [
                    g.error_type, g.template, g.n, g.first_ms, g.last_ms, ", ".join(g.versions),
                    "regression" if g.is_regression else g.status, g.group,
                ]
                for g in groups
            ],
            ["text", "text", "bar", "time", "time", "text", "text", "text"],
        ),
        store.sql("error"),
    )  # fmt: skip


async def data_health(store: Reading, view: View) -> Chart:
    """What came in, what was refused and why, what daemons lost, and how late it was."""
    intake = await store.intake(view.since_ms, view.until_ms)
    drops = await store.facts(view.query("drop"))
    rows: list[list[Value]] = [
        ["refused here", reason, n] for reason, n in sorted(intake.by_reason.items())
    ]
    rows += [["lost before", fact.key, fact.n] for fact in drops]
    return Chart(
        "data_health",
        CHARTS["data_health"].title,
        [
            Figure("Accepted", intake.accepted),
            Figure("Duplicates", intake.duplicates),
            Figure("Refused", intake.rejected),
            Figure("Lost by daemons", sum(f.n for f in drops)),
            Figure("Delay p50", intake.delay_p50_ms, "ms"),
            Figure("Delay p95", intake.delay_p95_ms, "ms"),
            Figure("Batches with a wrong clock", intake.skewed_batches),
        ],
        table=Table(["Where", "Reason", "Events"], rows, ["text", "text", "bar"]),
        sql=store.sql("data"),
    )
