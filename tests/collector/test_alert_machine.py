"""The alert machine keeps its five rules, whatever happens in whatever order."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sidespool_collector.alert.machine import (
    Book,
    Notice,
    Sample,
    Silence,
    is_silenced,
    on_measured,
)  # fmt: skip
from sidespool_collector.alert.rule import HOUR_MS, AlertPlan, parse_plan

MINUTE_MS = 60_000
PLAN = parse_plan("""
[destinations.a]
kind = "webhook"
url = "http://a"
max_per_hour = 4
[destinations.b]
kind = "slack"
url = "http://b"
max_per_hour = 100
[[rules]]
name = "number"
metric = "errors.errors"
above = 5
for = "3m"
clear = "2m"
repeat = "1h"
to = ["a", "b"]
[[rules]]
name = "new"
kind = "new_error"
to = ["b"]
""")


def bad(key: str = "", value: float = 9) -> Sample:
    return Sample(key, True, value, f"{key} is {value}")


def good() -> Sample:
    return Sample("", False, 1, "fine")


def run(book: Book, minute: int, *samples: Sample, new: tuple[str, ...] = (), **more: Any) -> list[
    tuple[str, list[tuple[str, str]]]
]:  # fmt: skip
    """One turn at a minute; what was told to whom."""
    measured: dict[str, list[Sample] | None] = {
        "number": list(samples), "new": [bad(key) for key in new],
    }  # fmt: skip
    notices = on_measured(
        book, more.get("plan", PLAN), measured, more.get("silences", []), minute * MINUTE_MS
    )
    return [(n.destination, [(t.key, t.change) for t in n.changes]) for n in notices]


def test_it_must_be_bad_for_a_while_and_good_for_a_while() -> None:
    book = Book()
    assert run(book, 0, bad()) == []
    assert run(book, 2, bad()) == []
    assert run(book, 3, bad()) == [("a", [("", "firing")]), ("b", [("", "firing")])]
    assert run(book, 4, good()) == []
    assert run(book, 5, bad()) == [], "a flap is no end"
    assert run(book, 6, good()) == []
    assert run(book, 8, good()) == [("a", [("", "resolved")]), ("b", [("", "resolved")])]
    assert run(book, 9, good()) == []
    assert book.tracks == {}


def test_a_blip_tells_nobody() -> None:
    book = Book()
    run(book, 0, bad())
    assert run(book, 1, good()) == []
    assert run(book, 3, bad()) == []


def test_it_is_repeated_after_an_hour() -> None:
    book = Book()
    run(book, 0, bad())
    run(book, 3, bad())
    assert run(book, 62, bad()) == []
    assert run(book, 63, bad())[0] == ("a", [("", "still firing")])


def test_many_new_errors_at_once_are_one_notice_and_each_is_told_once() -> None:
    book = Book()
    keys = tuple(f"g{n}" for n in range(50))
    measured = {"number": [good()], "new": [bad(key) for key in keys]}
    (notice,) = on_measured(book, PLAN, measured, [], 0)
    assert (notice.destination, len(notice.changes), notice.more) == ("b", 20, 30)
    assert run(book, 1, good(), new=keys) == []
    assert run(book, 2, good()) == [], "an error that is not new any more ends without a word"


def test_what_does_not_fit_an_hour_is_told_later() -> None:
    book = Book()
    book.sent["a"] = [0, 1, 2, 3]
    run(book, 0, bad())
    assert [who for who, _ in run(book, 3, bad())] == ["b"]
    assert ("a", [("", "firing")]) in run(book, 61, bad())


def test_a_silence_holds_back_and_what_still_fires_is_told_after_it() -> None:
    book = Book()
    hush = [Silence("1", "num*", 30 * MINUTE_MS, "anna")]
    run(book, 0, bad(), silences=hush)
    assert run(book, 5, bad(), silences=hush) == []
    assert run(book, 30, bad(), silences=hush)[0] == ("a", [("", "firing")])


def test_a_measurement_that_failed_changes_nothing() -> None:
    book = Book()
    run(book, 0, bad())
    run(book, 3, bad())
    assert on_measured(book, PLAN, {"number": None, "new": None}, [], 50 * MINUTE_MS) == []
    assert book.tracks["number\0"].state == "firing"


def test_a_rule_that_left_the_file_ends_without_a_word() -> None:
    book = Book()
    run(book, 0, bad())
    run(book, 3, bad())
    empty = AlertPlan(PLAN.destinations, (), 60_000)
    assert run(book, 4, plan=empty) == []
    assert book.tracks == {}


class Alerts(RuleBasedStateMachine):
    """Random weather for both rules, random silences."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.now = 0
        self.silences: list[Silence] = []
        self.told: list[Notice] = []
        self.open: dict[tuple[str, str, str], int] = {}

    @rule(minutes=st.integers(1, 40))
    def passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE_MS

    @rule(name=st.sampled_from(["*", "number", "n?w"]), minutes=st.integers(1, 90))
    def is_silenced(self, name: str, minutes: int) -> None:
        until = self.now + minutes * MINUTE_MS
        self.silences = [*self.silences, Silence("x", name, until, "w")][-3:]

    @rule(
        number=st.sampled_from([None, True, False]),
        new=st.one_of(st.none(), st.sets(st.sampled_from("pqrst"))),
    )
    def is_measured(self, number: bool | None, new: set[str] | None) -> None:
        self.now += MINUTE_MS
        measured = {
            "number": None if number is None else [bad() if number else good()],
            "new": None if new is None else [bad(key) for key in sorted(new)],
        }
        notices = on_measured(self.book, PLAN, measured, self.silences, self.now)
        assert len({n.destination for n in notices}) == len(notices)
        for notice in notices:
            self.told.append(notice)
            for told in notice.changes:
                assert not is_silenced(self.silences, told.rule, told.key, self.now)
                self._follow(notice.destination, told.rule, told.key, told.change)

    def _follow(self, destination: str, rule_name: str, key: str, change: str) -> None:
        where = (destination, rule_name, key)
        if change == "resolved":
            assert rule_name == "number"
            assert where in self.open
            del self.open[where]
        elif change == "still firing":
            assert self.now - self.open[where] >= HOUR_MS
            self.open[where] = self.now
        else:
            self.open[where] = self.now

    @invariant()
    def no_destination_gets_more_than_it_wants(self) -> None:
        for name, destination in PLAN.destinations.items():
            recent = [
                n for n in self.told if n.destination == name and self.now - n.at_ms < HOUR_MS
            ]
            assert len(recent) <= destination.max_per_hour

    @invariant()
    def whatever_fires_was_told_unless_something_held_it_back(self) -> None:
        for track in self.book.tracks.values():
            is_firing = track.state == "firing"
            if is_firing and not self.silences and track.good_since_ms is None:
                assert "b" in track.told


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
