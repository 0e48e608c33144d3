"""Decides what to tell whom: from measurements, one at a time, to notices. Pure.

Each rule and each thing it is about (`key`; empty for a number, a group's id for errors) has a
track:

    (good) --bad--> pending --bad for `hold`--> firing --good for `clear`--> (good)

Rules of the dialogue, which `tests/collector/test_alert_machine.py` holds as invariants:

1. A destination gets one notice a turn at most, with every change in it, and never more than its
   `max_per_hour`; what does not fit is told with a later one, if it is still so.
2. What is silenced is not told; if it is still firing when the silence ends, it is told then.
3. An end is told only to those who were told the beginning, and only of numbers.
4. While it fires it is repeated, not before `repeat` has passed since it was told.
5. A measurement that failed changes nothing.
"""

import fnmatch
from collections.abc import Mapping
from typing import Literal

import msgspec

from sidespool_collector.alert.rule import HOUR_MS, AlertPlan, Rule

CHANGES_MAX = 20
TRACKS_MAX = 2000
Change = Literal["firing", "still firing", "resolved"]


class Sample(msgspec.Struct, frozen=True):
    """One measurement: whether it is bad now, the number, and a sentence about it."""

    key: str
    is_bad: bool
    value: float | None = None
    text: str = ""


class Track(msgspec.Struct):
    """Where one rule stands with one thing. `told`: destination → when it was last told."""

    rule: str
    key: str
    state: Literal["pending", "firing"]
    since_ms: int
    value: float | None = None
    text: str = ""
    good_since_ms: int | None = None
    told: dict[str, int] = {}


class Silence(msgspec.Struct, frozen=True):
    """No notices of rules whose name matches, until a moment; `*` and `?` as in file names."""

    id: str
    rule: str
    until_ms: int
    who: str
    reason: str = ""
    key: str = "*"

    def covers(self, rule: str, key: str, now_ms: int) -> bool:
        """Whether this holds for a track now."""
        return (
            now_ms < self.until_ms
            and fnmatch.fnmatchcase(rule, self.rule)
            and fnmatch.fnmatchcase(key, self.key)
        )


class Told(msgspec.Struct, frozen=True):
    """One change in a notice."""

    rule: str
    key: str
    change: Change
    value: float | None
    text: str
    since_ms: int


class Notice(msgspec.Struct, frozen=True):
    """What one destination is told at once; `more` changes did not fit into `changes`."""

    destination: str
    at_ms: int
    changes: list[Told]
    more: int = 0


class Book(msgspec.Struct):
    """Everything the machine remembers; kept in the store between turns.

    `endings` are tracks that ended and were not yet told to all of their `told`.
    """

    tracks: dict[str, Track] = {}
    endings: list[Track] = []
    sent: dict[str, list[int]] = {}


def on_measured(
    book: Book, plan: AlertPlan, samples: Mapping[str, list[Sample] | None],
    silences: list[Silence], now_ms: int,
) -> list[Notice]:  # fmt: skip
    """One turn: changes `book`, returns what to tell. None for a rule: its measurement failed."""
    rules = {rule.name: rule for rule in plan.rules}
    _forget_rules(book, rules)
    for name, rule in rules.items():
        found = samples.get(name)
        if found is not None:
            book.endings += [t for t in _follow(book, rule, found, now_ms) if t.told]
    notices = [_notice(book, plan, name, silences, now_ms) for name in plan.destinations]
    _drop_told(book, plan, silences, now_ms)
    return [notice for notice in notices if notice is not None]


def is_silenced(silences: list[Silence], rule: str, key: str, now_ms: int) -> bool:
    """Whether any silence holds for a track."""
    return any(silence.covers(rule, key, now_ms) for silence in silences)


def _forget_rules(book: Book, rules: Mapping[str, Rule]) -> None:
    """A rule taken out of the file ends without a word."""
    for name in [name for name, track in book.tracks.items() if track.rule not in rules]:
        del book.tracks[name]
    book.endings = [track for track in book.endings if track.rule in rules]


def _drop_told(book: Book, plan: AlertPlan, silences: list[Silence], now_ms: int) -> None:
    """Endings that nobody waits for any more: told, silenced, or to a destination now gone."""
    for track in book.endings:
        if is_silenced(silences, track.rule, track.key, now_ms):
            track.told = {}
        track.told = {name: at for name, at in track.told.items() if name in plan.destinations}
    book.endings = [track for track in book.endings if track.told][-TRACKS_MAX:]


def _follow(book: Book, rule: Rule, samples: list[Sample], now_ms: int) -> list[Track]:
    """Moves a rule's tracks; those that ended."""
    by_key = {sample.key: sample for sample in samples}
    tracks = {track.key: track for track in book.tracks.values() if track.rule == rule.name}
    ended = []
    for key in {**tracks, **by_key}:
        track, sample = tracks.get(key), by_key.get(key)
        if sample is not None and sample.is_bad:
            if track is None and len(book.tracks) < TRACKS_MAX:
                track = Track(rule.name, key, "pending", now_ms, told={})
                book.tracks[f"{rule.name}\0{key}"] = track
            if track is not None:
                _worsen(track, rule, sample, now_ms)
        elif track is not None and _improves(track, rule, sample, now_ms):
            del book.tracks[f"{rule.name}\0{key}"]
            if not rule.is_about_errors:
                ended.append(track)
    return ended


def _worsen(track: Track, rule: Rule, sample: Sample, now_ms: int) -> None:
    track.value, track.text, track.good_since_ms = sample.value, sample.text, None
    if track.state == "pending" and now_ms - track.since_ms >= rule.hold_ms:
        track.state = "firing"


def _improves(track: Track, rule: Rule, sample: Sample | None, now_ms: int) -> bool:
    """Whether a track that is good now has ended."""
    if track.state == "pending" or rule.is_about_errors:
        return True
    if sample is not None:
        track.value, track.text = sample.value, sample.text
    if track.good_since_ms is None:
        track.good_since_ms = now_ms
    return now_ms - track.good_since_ms >= rule.clear_ms


def _notice(
    book: Book, plan: AlertPlan, destination: str, silences: list[Silence], now_ms: int
) -> Notice | None:
    due: list[tuple[Track, Change]] = [
        (track, "resolved") for track in book.endings if destination in track.told
    ]
    for_it = {rule.name: rule for rule in plan.rules if destination in rule.to}
    for track in book.tracks.values():
        rule = for_it.get(track.rule)
        if rule is not None and (change := _due(track, rule, destination, now_ms)):
            due.append((track, change))
    due = [pair for pair in due if not is_silenced(silences, pair[0].rule, pair[0].key, now_ms)]
    if not due or not _has_room(book, plan, destination, now_ms):
        return None
    book.sent[destination] = [*book.sent.get(destination, []), now_ms]
    for track, change in due:
        if change == "resolved":
            del track.told[destination]
        else:
            track.told[destination] = now_ms
    told = [
        Told(track.rule, track.key, change, track.value, track.text, track.since_ms)
        for track, change in due[:CHANGES_MAX]
    ]
    return Notice(destination, now_ms, told, len(due) - len(told))


def _due(track: Track, rule: Rule, destination: str, now_ms: int) -> Change | None:
    if track.state != "firing":
        return None
    last = track.told.get(destination)
    if last is None:
        return "firing"
    is_due = rule.repeat_ms > 0 and now_ms - last >= rule.repeat_ms
    return "still firing" if is_due and track.good_since_ms is None else None


def _has_room(book: Book, plan: AlertPlan, destination: str, now_ms: int) -> bool:
    recent = [at for at in book.sent.get(destination, []) if now_ms - at < HOUR_MS]
    book.sent[destination] = recent
    return len(recent) < plan.destinations[destination].max_per_hour
