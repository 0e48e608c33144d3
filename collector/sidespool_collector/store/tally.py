"""What came in, counted by the hour as it comes, so that no chart reads single batches.

A count is `(hour, what, n)` and is only ever added to. `what` is `batches`, `accepted`,
`duplicates`, `rejected`, `skewed`, `reason <word>`, or `delay <log bucket>` of a batch's delay in
ms, from which percentiles come.
"""

from collections.abc import Iterable

from sidespool_collector.chart.measure import bucket_of, percentile
from sidespool_collector.event import REASON_ERASED, ROW_AT, Batch, Receipt
from sidespool_collector.store.contract import Intake

SKEWED_MS = 60_000
REASON, DELAY = "reason ", "delay "


def delay_of(batch: Batch) -> int | None:
    """How long after its middle event a batch came, in ms."""
    return batch.received_ms - batch.rows[len(batch.rows) // 2][ROW_AT] if batch.rows else None


def tally_of(batch: Batch, receipt: Receipt) -> dict[str, int]:
    """One batch's counts by `what`."""
    counts = {
        "batches": 1,
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": len(batch.refused) + len(receipt.erased),
        "skewed": int(batch.skew_ms is not None and abs(batch.skew_ms) > SKEWED_MS),
        REASON + REASON_ERASED: len(receipt.erased),
    }
    for refused in batch.refused:
        name = REASON + refused.reason
        counts[name] = counts.get(name, 0) + 1
    delay = delay_of(batch)
    if delay is not None and receipt.accepted:
        counts[f"{DELAY}{bucket_of(delay)}"] = 1
    return {what: n for what, n in counts.items() if n}


def intake_of(counts: Iterable[tuple[str, int]]) -> Intake:
    """Sums by `what` as the figures of the data-health section."""
    sums: dict[str, int] = {}
    for what, n in counts:
        sums[what] = sums.get(what, 0) + n
    delays = {int(what[len(DELAY) :]): n for what, n in sums.items() if what.startswith(DELAY)}
    accepted, duplicates, rejected = (
        sums.get(what, 0) for what in ("accepted", "duplicates", "rejected")
    )
    return Intake(
        sums.get("batches", 0),
        accepted + duplicates + rejected,
        accepted,
        duplicates,
        rejected,
        {what[len(REASON) :]: n for what, n in sums.items() if what.startswith(REASON)},
        sums.get("skewed", 0),
        percentile(delays, 0.5),
        percentile(delays, 0.95),
    )
