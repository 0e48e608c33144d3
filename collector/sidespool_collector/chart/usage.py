"""Charts of use: sessions, installs, adoption, the way from a session to an approval."""

from sidespool_collector.chart.merge import ROWS_MAX
from sidespool_collector.chart.model import Chart, Figure, Series, Table, Value
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.chart.reading import Reading
from sidespool_collector.chart.view import DAY_MS, View, day_text

WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS  # 1970-01-05 was the first Monday


def week_of(at_ms: int) -> int:
    """The Monday, UTC, on or before a time."""
    return (at_ms - MONDAY_MS) // WEEK_MS * WEEK_MS + MONDAY_MS


async def sessions(store: Reading, view: View) -> Chart:
    """Sessions a day (or hour), and a week."""
    counted = await store.installs(view.query("session", step_ms=view.step_ms))
    before = await store.installs(view.before().query("session"))
    by_step = {count.start_ms: count.sessions for count in counted}
    weeks: dict[int, int] = {}
    for start, n in by_step.items():
        week = week_of(start)
        weeks[week] = weeks.get(week, 0) + n
    total = sum(by_step.values())
    days = max(view.days, 1)
    return Chart(
        "sessions",
        CHARTS["sessions"].title,
        [
            Figure("Sessions", total, "", sum(c.sessions for c in before), is_more_better=True),
            Figure("A day", total / days),
            Figure("A week", total * 7 / days),
        ],
        [start // 1000 for start in view.steps()],
        [Series("Sessions", [by_step.get(start, 0) for start in view.steps()])],
        Table(
            ["Week from", "Sessions"],
            [[day_text(week), n] for week, n in sorted(weeks.items(), reverse=True)],
            ["text", "bar"],
        ),
        store.sql("session"),
    )


async def installs(store: Reading, view: View) -> Chart:
    """Distinct installs by step."""
    counted = await store.installs(view.query("session", step_ms=view.step_ms))
    total = await store.installs(view.query("session"))
    before = await store.installs(view.before().query("session"))
    by_step = {count.start_ms: count.installs for count in counted}
    return Chart(
        "installs",
        CHARTS["installs"].title,
        [
            Figure(
                "Active installs",
                sum(c.installs for c in total),
                "",
                sum(c.installs for c in before),
                is_more_better=True,
            )
        ],
        [start // 1000 for start in view.steps()],
        [Series("Installs", [by_step.get(s, 0) for s in view.steps()], style="line", colour=2)],
        sql=store.sql("adoption"),
    )


async def adoption(store: Reading, view: View, min_group: int = 1) -> Chart:
    """Sessions and installs by version and system; groups smaller than `min_group` are folded."""
    counted = await store.installs(view.query("session", by="version_os"))
    shown = [count for count in counted if count.installs >= min_group]
    folded = [count for count in counted if count.installs < min_group]
    if len(folded) == 1 and shown:  # one alone would be total minus the shown
        smallest = min(shown, key=lambda count: count.installs)
        shown.remove(smallest)
        folded.append(smallest)
    rows: list[list[Value]] = [
        [*_halves(count.key), count.installs, count.sessions]
        for count in sorted(shown, key=lambda c: (-c.installs, -c.sessions, c.key))[:ROWS_MAX]
    ]
    if folded:
        sums = [sum(c.installs for c in folded), sum(c.sessions for c in folded)]
        rows.append([f"Other ({len(folded)})", "", *sums])
    return Chart(
        "adoption",
        CHARTS["adoption"].title,
        [Figure("Versions", len({count.key.split(" · ")[0] for count in counted}))],
        table=Table(
            ["Version", "System", "Installs", "Sessions"], rows, ["text", "text", "bar", "number"]
        ),
        sql=store.sql("adoption"),
    )


async def funnel(store: Reading, view: View) -> Chart:
    """How many of each step there were, from a session to an approval."""
    begun = sum(c.sessions for c in await store.installs(view.query("session")))
    events = {f.key: f.n for f in await store.facts(view.query("event"))}
    decisions = {f.key: f.n for f in await store.facts(view.query("decision"))}
    steps = [
        ("Sessions", begun),
        ("Chat turns", events.get("ChatTurn", 0)),
        ("Proposals", events.get("ProposalCreated", 0)),
        ("Approvals", decisions.get("approved", 0)),
    ]
    rows = [[label, n, n / begun if begun and i else None] for i, (label, n) in enumerate(steps)]
    return Chart(
        "funnel",
        CHARTS["funnel"].title,
        [],
        table=Table(
            ["Step", "How many", "For each session"],
            rows if begun else [],
            ["text", "bar", "ratio"],
        ),
        sql=store.sql("event"),
    )


def _halves(key: str) -> list[str]:
    left, _, right = key.partition(" · ")
    return [left, right]
