"""Charts of the assistant's work: proposals, review, latency, tools."""

from sidespool_collector.chart.measure import percentile
from sidespool_collector.chart.merge import ROWS_MAX, at_share, average, merged, share_of, steps_of
from sidespool_collector.chart.model import Chart, Figure, Series, Table
from sidespool_collector.chart.names import CHARTS
from sidespool_collector.chart.reading import Reading
from sidespool_collector.chart.view import View
from sidespool_collector.store.contract import Fact

LINES_MAX = 3  # more lines than that nobody reads


async def proposals(store: Reading, view: View) -> Chart:
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
                share_of(n_approved, n_decided),
                "%",
                share_of(had_approved, had_decided),
                is_more_better=True,
            ),
        ],
        [start // 1000 for start in view.steps()],
        [
            Series("Created", steps_of(view, created), colour=1),
            Series("Approved", steps_of(view, approved), colour=2),
        ],
        Table(
            ["Decision", "Proposals"],
            [[key, n] for key, n in sorted(counts.items(), key=lambda pair: -pair[1])],
            ["text", "bar"],
        ),
        store.sql("decision"),
    )


async def operations(store: Reading, view: View) -> Chart:
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


async def review_time(store: Reading, view: View) -> Chart:
    """Average, p50 and p90 of the time to a decision, in ms."""
    facts = await store.facts(view.query("decision", step_ms=view.step_ms))
    before = merged(await store.facts(view.before().query("decision")))
    whole = merged(facts)
    by_step: dict[int, list[Fact]] = {}
    for fact in facts:
        by_step.setdefault(fact.start_ms, []).append(fact)
    steps = {start: merged(group) for start, group in by_step.items()}
    points = [steps.get(start) for start in view.steps()]
    return Chart(
        "review_time",
        CHARTS["review_time"].title,
        [
            Figure("Average", average(whole), "ms", average(before), is_more_better=False),
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
            Series("p50", [at_share(p, 0.5) for p in points], "ms", "line", 1),
            Series("p90", [at_share(p, 0.9) for p in points], "ms", "line", 3),
        ],
        sql=store.sql("decision"),
    )


async def latency(store: Reading, view: View) -> Chart:
    """Percentiles by model, in ms."""
    facts = await store.facts(view.query("chat"))
    before = merged(await store.facts(view.before().query("chat")))
    whole = merged(facts)
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
                [at_share(by_model.get((f.key, start)), 0.95) for start in view.steps()],
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


async def tools(store: Reading, view: View) -> Chart:
    """Calls, success and duration by tool."""
    facts = await store.facts(view.query("tool"))
    before = merged(await store.facts(view.before().query("tool")))
    whole = merged(facts)
    rows = [
        [
            f.key,
            f.n,
            share_of(f.ok, f.n),
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
                share_of(whole.ok, whole.n),
                "%",
                share_of(before.ok, before.n),
                is_more_better=True,
            ),
        ],
        table=Table(
            ["Tool", "Calls", "Success", "p50", "p95"], rows, ["text", "bar", "share", "ms", "ms"]
        ),
        sql=store.sql("tool"),
    )
