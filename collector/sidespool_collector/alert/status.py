"""What the API and the dashboard show of the alerts: rules with their state, silences, doors."""

import msgspec

from sidespool_collector.alert.machine import Silence, Track, is_silenced
from sidespool_collector.alert.rule import HOUR_MS, AlertPlan, Rule
from sidespool_collector.alert.silence import Desk, load_desk, silences_of
from sidespool_collector.store.contract import Store


class RuleState(msgspec.Struct, frozen=True):
    """One rule now; `state` is good, pending or firing; `items` what it is about."""

    name: str
    kind: str
    metric: str
    to: list[str]
    state: str
    is_silenced: bool
    since_ms: int | None
    items: list[str]  # sentences about what is bad


class DestinationState(msgspec.Struct, frozen=True):
    """One destination now; `problem` is the last try's, empty if it went well."""

    name: str
    kind: str
    sent_last_hour: int
    max_per_hour: int
    waiting: int
    last_ms: int | None
    problem: str


class AlertStatus(msgspec.Struct, frozen=True):
    """Everything about the alerts; `problem` says why an edited file was not taken."""

    is_on: bool
    problem: str
    rules: list[RuleState]
    destinations: list[DestinationState]
    silences: list[Silence]

    @property
    def firing(self) -> list[RuleState]:
        """Rules that fire and are not silenced."""
        return [rule for rule in self.rules if rule.state == "firing" and not rule.is_silenced]


async def status_of(store: Store, plan: AlertPlan | None, problem: str, now_ms: int) -> AlertStatus:
    """The state as of the last turn."""
    silences = await silences_of(store, now_ms)
    if plan is None:
        return AlertStatus(False, problem, [], [], silences)
    desk = await load_desk(store)
    rules = [_rule(rule, list(desk.book.tracks.values()), silences, now_ms) for rule in plan.rules]
    return AlertStatus(True, problem, rules, _destinations(plan, desk, now_ms), silences)


def _rule(rule: Rule, tracks: list[Track], silences: list[Silence], now_ms: int) -> RuleState:
    own = [track for track in tracks if track.rule == rule.name]
    states = {track.state for track in own}
    state = "firing" if "firing" in states else "pending" if states else "good"
    since = min((track.since_ms for track in own if track.state == state), default=None)
    silenced = is_silenced(silences, rule.name, "", now_ms)
    texts = [track.text for track in own]
    metric = rule.metric or rule.kind
    return RuleState(
        rule.name, rule.kind, metric, list(rule.to), state, silenced, since, texts
    )  # fmt: skip


def _destinations(plan: AlertPlan, desk: Desk, now_ms: int) -> list[DestinationState]:
    found = []
    for name, destination in plan.destinations.items():
        last = desk.last.get(name)
        found.append(
            DestinationState(
                name,
                str(destination.__struct_config__.tag),
                sum(now_ms - at < HOUR_MS for at in desk.book.sent.get(name, [])),
                destination.max_per_hour,
                sum(waiting.notice.destination == name for waiting in desk.outbox),
                last.at_ms if last else None,
                last.problem if last else "",
            )
        )
    return found
