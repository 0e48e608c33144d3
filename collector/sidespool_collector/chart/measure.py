"""What is measured: for each measure, the event it reads and the fields that matter.

The one table from which a store builds its rollups and its SQL; a new chart begins here.
"""

import math

import msgspec

BUCKETS_PER_E = 20.5  # log buckets about 5 % wide: a percentile is right within 2.5 %


class Measure(msgspec.Struct, frozen=True):
    """`key` splits the figure, `value` is a number to take percentiles of, `ok` a success flag."""

    name: str
    event_type: str
    key: str = ""
    value: str = ""
    ok: str = ""


MEASURES: tuple[Measure, ...] = (
    Measure("chat", "ChatTurn", key="model", value="latency_ms"),
    Measure("tool", "ToolCall", key="tool_name", value="duration_ms", ok="success"),
    Measure("proposal", "ProposalCreated", key="operation", value="total_lines_changed"),
    Measure("decision", "ProposalDecision", key="decision", value="review_duration_ms"),
    Measure("crash", "Crash", key="process"),
    Measure("session_end", "SessionEnd", key="reason", value="duration_ms"),
)
BY_EVENT_TYPE = {measure.event_type: measure for measure in MEASURES}
EVENTS = "event"  # counts of every event type, key = event_type
ERRORS = "error"  # counts by error group, key = group id
DROPS = "drop"  # events daemons lost, by reason, from their ClientReports
ERROR_EVENT_TYPES = ("Error", "ErrorReport")


def bucket_of(value: float) -> int:
    """The log bucket of a value; everything below 1 shares bucket 0."""
    return int(math.log(value) * BUCKETS_PER_E) + 1 if value >= 1 else 0


def value_of(bucket: int) -> float:
    """The middle of a bucket."""
    return math.exp((bucket - 0.5) / BUCKETS_PER_E) if bucket > 0 else 0.0


def percentile(histogram: dict[int, int], share: float) -> float | None:
    """The value below which `share` of the samples lie, or None without samples."""
    total = sum(histogram.values())
    if total == 0:
        return None
    wanted, seen = share * total, 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= wanted:
            return value_of(bucket)
    return None
