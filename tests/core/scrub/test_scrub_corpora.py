"""The scrubber against its own corpora, held to bars below the published ones."""

import importlib
from types import ModuleType

import pytest

from core.scrub.corpora import blind_cases
from core.scrub.corpora.case import Score, score
from core.scrub.corpora.template_pairs import pairs
from sidespool.core.scrub import Scrubber
from sidespool.core.scrub.lines import parse_context

FAMILIES = ("path", "secret", "person", "ordinary", "assorted", "blind")
LEAKED_MAX = 0.5  # percent
DAMAGED_MAX = 0.5


class Machines:
    """One scrubber for each context of a corpus."""

    def __init__(self) -> None:
        self._made: dict[str, Scrubber] = {}

    def __getitem__(self, context: dict[str, object] | None) -> Scrubber:
        key = repr(context)
        if key not in self._made:
            self._made[key] = Scrubber(parse_context(context or {}))
        return self._made[key]


@pytest.fixture(scope="module")
def machines() -> Machines:
    return Machines()


def family(name: str) -> ModuleType:
    return importlib.import_module(f"core.scrub.corpora.{name}_cases")


def judged(name: str, machines: Machines) -> Score:
    return score(family(name).cases(), lambda text, context: machines[context].text(text))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_leaks_and_loses_almost_nothing(name: str, machines: Machines) -> None:
    result = judged(name, machines)
    shown = "\n".join(" ".join(fault) for fault in result.faults[:10])
    assert result.leak_share <= LEAKED_MAX, shown
    assert result.damage_share <= DAMAGED_MAX, shown


@pytest.mark.parametrize("name", FAMILIES)
def test_scrubbing_a_scrubbed_text_changes_nothing(name: str, machines: Machines) -> None:
    again = Machines()
    for case in family(name).cases():
        once = machines[case.context].text(case.text)
        assert again[case.context].text(once) == once


def test_equal_errors_group_and_different_ones_do_not() -> None:
    scrubber = Scrubber()
    found = pairs() + blind_cases.pairs()
    wrong = [
        (a, b) for a, b, same in found if (scrubber.template(a) == scrubber.template(b)) != same
    ]
    assert len(wrong) <= len(found) * 0.01, wrong[:10]


def test_a_template_is_its_own_template_and_scrubs_to_itself() -> None:
    scrubber, fresh = Scrubber(), Scrubber()
    for a, b, _ in pairs() + blind_cases.pairs():
        for text in (a, b):
            template = scrubber.template(text)
            assert fresh.template(template) == template
            assert fresh.text(template) == template


def test_an_ordinary_text_comes_back_as_the_same_object() -> None:
    scrubber = Scrubber()
    for case in family("ordinary").cases():
        assert scrubber.text(case.text) is case.text


def test_no_case_makes_the_scrubber_fail(machines: Machines) -> None:
    for name in FAMILIES:
        judged(name, machines)
    assert machines[None].failures == 0
