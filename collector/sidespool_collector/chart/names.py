"""The charts by name: the one list that routes, the dashboard and the API's description share."""

import msgspec


class ChartInfo(msgspec.Struct, frozen=True):
    """`measure` names what a store is asked for, also for its SQL."""

    title: str
    measure: str
    help: str


CHARTS: dict[str, ChartInfo] = {
    "sessions": ChartInfo("Sessions", "session", "Sessions begun, by day and by week."),
    "installs": ChartInfo("Active installs", "session", "Distinct installs that began a session."),
    "proposals": ChartInfo(
        "Proposals", "proposal", "Proposals created, and how they were decided."
    ),
    "operations": ChartInfo(
        "Proposals by operation", "proposal", "What kind of change was proposed."
    ),
    "review_time": ChartInfo(
        "Review time", "decision", "Time from showing a proposal to the decision."
    ),
    "errors": ChartInfo("Top errors", "error", "Errors by type and templated message."),
    "latency": ChartInfo("Chat latency by model", "chat", "Time until an answer was complete."),
    "tools": ChartInfo("Tools", "tool", "Calls, success and duration by tool."),
    "adoption": ChartInfo("Adoption", "adoption", "Sessions and installs by version and system."),
    "funnel": ChartInfo("From session to approval", "event", "How many of each step there were."),
    "data_health": ChartInfo(
        "Data health", "data", "What came in, what was refused, and how late it was."
    ),
}
