"""Builds each chart from a store's facts; knows no store in particular and no HTML."""

from collections.abc import Awaitable, Callable

from sidespool_collector.chart.measure import percentile
from sidespool_collector.chart.model import Chart, Figure, Series, Table, Value
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.chart.view import DAY_MS, View, day_text
from sidespool_collector.store.contract import Fact, Store

WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS  # 1970-01-05 was the first Monday
ROWS_MAX = 20
LINES_MAX = 3  # more lines than that nobody reads


async def sessions(store: Store, view: View) -> Chart:
    """Sessions a day (or hour), and a week."""
    counted = await store.installs(view.query("session", step_ms=view.step_ms))
    before = await store.installs(view.before().query("session"))
    by_step = {count.start_ms: count.sessions for count in counted}
    weeks: dict[int, int] = {}
    for start, n in by_step.items():
        week = (start - MONDAY_MS) // WEEK_MS * WEEK_MS + MONDAY_MS
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


async def installs(store: Store, view: View) -> Chart:
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


async def proposals(store: Store, view: View) -> Chart:
    """Created against approved, over time."""
    created = await store.facts(view.query("proposal", step_ms=view.step_ms))
    decided = await store.facts(view.query("decision", step_ms=view.step_ms))
    before = [
        await store.facts(view.before().query(measure)) for measure in ("proposal", "decision")
    ]
    approved = [fact for fact in decided if fact.key == "approved"]
    had_created, had_decided = (sum(f.n for f in facts) for facts in before)
    had_approved = sum(f.n for f in before[1] if f.key == "approved")
    n_created, n_decided, n_approved = (sum(f.n for f in x) for x in (created, decided, approved))
    counts: dict[str, int] = {}
    for fact in decided:
        counts[fact.key] = counts.get(fact.key, 0) + fact.n
    return Chart(
        "proposals",
        CHARTS["proposals"].title,
        [
            Figure("Created", n_created, "", had_created, is_more_better=True),
            Figure("Approved", n_approved, "", had_approved, is_more_better=True),
            Figure(
                "Approval rate",
                _share(n_approved, n_decided),
                "%",
                _share(had_approved, had_decided),
                is_more_better=True,
            ),
        ],
        [start // 1000 for start in view.steps()],
        [
            Series("Created", _steps(view, created), colour=1),
            Series("Approved", _steps(view, approved), colour=2),
        ],
        Table(
            ["Decision", "Proposals"],
            [[key, n] for key, n in sorted(counts.items(), key=lambda pair: -pair[1])],
            ["text", "bar"],
        ),
        store.sql("decision"),
    )


async def operations(store: Store, view: View) -> Chart:
    """What kind of change was proposed."""
    facts = await store.facts(view.query("proposal"))
    rows = [
        [f.key, f.n, percentile(f.histogram, 0.5), percentile(f.histogram, 0.9)]
        for f in sorted(facts, key=lambda f: -f.n)[:ROWS_MAX]
    ]
    return Chart(
        "operations",
        CHARTS["operations"].title,
        [Figure("Proposals", sum(f.n for f in facts))],
        table=Table(
            ["Operation", "Proposals", "Lines p50", "Lines p90"],
            rows,
            ["text", "bar", "number", "number"],
        ),
        sql=store.sql("proposal"),
    )


async def review_time(store: Store, view: View) -> Chart:
    """Average, p50 and p90 of the time to a decision, in ms."""
    facts = await store.facts(view.query("decision", step_ms=view.step_ms))
    before = _merged(await store.facts(view.before().query("decision")))
    whole = _merged(facts)
    by_step: dict[int, list[Fact]] = {}
    for fact in facts:
        by_step.setdefault(fact.start_ms, []).append(fact)
    steps = {start: _merged(group) for start, group in by_step.items()}
    points = [steps.get(start) for start in view.steps()]
    return Chart(
        "review_time",
        CHARTS["review_time"].title,
        [
            Figure("Average", _average(whole), "ms", _average(before), is_more_better=False),
            *(
                Figure(
                    f"p{round(share * 100)}",
                    percentile(whole.histogram, share),
                    "ms",
                    percentile(before.histogram, share),
                    is_more_better=False,
                )
                for share in (0.5, 0.9)
            ),
        ],
        [start // 1000 for start in view.steps()],
        [
            Series("p50", [_at(p, 0.5) for p in points], "ms", "line", 1),
            Series("p90", [_at(p, 0.9) for p in points], "ms", "line", 3),
        ],
        sql=store.sql("decision"),
    )


async def latency(store: Store, view: View) -> Chart:
    """Percentiles by model, in ms."""
    facts = await store.facts(view.query("chat"))
    before = _merged(await store.facts(view.before().query("chat")))
    whole = _merged(facts)
    often = sorted(facts, key=lambda f: -f.n)
    rows = [
        [f.key, f.n, *(percentile(f.histogram, share) for share in (0.5, 0.95, 0.99))]
        for f in often[:ROWS_MAX]
    ]
    stepped = await store.facts(view.query("chat", step_ms=view.step_ms))
    by_model = {(f.key, f.start_ms): f for f in stepped}
    return Chart(
        "latency",
        CHARTS["latency"].title,
        [
            Figure(
                f"p{round(share * 100)}",
                percentile(whole.histogram, share),
                "ms",
                percentile(before.histogram, share),
                is_more_better=False,
            )
            for share in (0.5, 0.95)
        ],
        x=[start // 1000 for start in view.steps()],
        series=[
            Series(
                f.key,
                [_at(by_model.get((f.key, start)), 0.95) for start in view.steps()],
                "ms",
                "line",
                colour,
            )
            for colour, f in enumerate(often[:LINES_MAX], start=1)
        ],
        table=Table(
            ["Model", "Turns", "p50", "p95", "p99"], rows, ["text", "number", "span", "ms", "ms"]
        ),
        sql=store.sql("chat"),
    )


async def tools(store: Store, view: View) -> Chart:
    """Calls, success and duration by tool."""
    facts = await store.facts(view.query("tool"))
    before = _merged(await store.facts(view.before().query("tool")))
    whole = _merged(facts)
    rows = [
        [
            f.key,
            f.n,
            _share(f.ok, f.n),
            percentile(f.histogram, 0.5),
            percentile(f.histogram, 0.95),
        ]
        for f in sorted(facts, key=lambda f: -f.n)[:ROWS_MAX]
    ]
    return Chart(
        "tools",
        CHARTS["tools"].title,
        [
            Figure("Calls", whole.n, "", before.n),
            Figure(
                "Succeeded",
                _share(whole.ok, whole.n),
                "%",
                _share(before.ok, before.n),
                is_more_better=True,
            ),
        ],
        table=Table(
            ["Tool", "Calls", "Success", "p50", "p95"], rows, ["text", "bar", "share", "ms", "ms"]
        ),
        sql=store.sql("tool"),
    )


async def adoption(store: Store, view: View, min_group: int = 1) -> Chart:
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


async def funnel(store: Store, view: View) -> Chart:
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


async def errors(store: Store, view: View) -> Chart:
    """Errors by type and templated message."""
    groups = await store.error_groups(view.query("error"), ROWS_MAX)
    facts = await store.facts(view.query("error", step_ms=view.step_ms))
    before = sum(f.n for f in await store.facts(view.before().query("error")))
    return Chart(
        "errors",
        CHARTS["errors"].title,
        [Figure("Errors", sum(f.n for f in facts), "", before, is_more_better=False)],
        [start // 1000 for start in view.steps()],
        [Series("Errors", _steps(view, facts), colour=3)],
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


async def data_health(store: Store, view: View) -> Chart:
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


Builder = Callable[[Store, View], Awaitable[Chart]]
BUILDERS: dict[str, Builder] = {
    "sessions": sessions,
    "installs": installs,
    "proposals": proposals,
    "operations": operations,
    "review_time": review_time,
    "errors": errors,
    "latency": latency,
    "tools": tools,
    "adoption": adoption,
    "funnel": funnel,
    "data_health": data_health,
}


def _steps(view: View, facts: list[Fact]) -> list[float | int | None]:
    counts: dict[int, int] = {}
    for fact in facts:
        counts[fact.start_ms] = counts.get(fact.start_ms, 0) + fact.n
    return [counts.get(start, 0) for start in view.steps()]


def _merged(facts: list[Fact]) -> Fact:
    whole = Fact(0, "", histogram={})
    for fact in facts:
        whole.n += fact.n
        whole.ok += fact.ok
        whole.values += fact.values
        whole.total += fact.total
        for bucket, n in fact.histogram.items():
            whole.histogram[bucket] = whole.histogram.get(bucket, 0) + n
    return whole


def _average(fact: Fact) -> float | None:
    return fact.total / fact.values if fact.values else None


def _at(fact: Fact | None, share: float) -> float | None:
    return percentile(fact.histogram, share) if fact is not None else None


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _halves(key: str) -> list[str]:
    left, _, right = key.partition(" · ")
    return [left, right]
