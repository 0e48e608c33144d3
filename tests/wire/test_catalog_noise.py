"""Counters with noise in a catalog: what is asked for, what is refused, and what documents say."""

import json
from datetime import date

import pytest

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog
from sidespool.wire.catalog_lint import lint_catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.generate.dictionary import render_dictionary
from sidespool.wire.generate.privacy import render_privacy_json, render_privacy_markdown
from sidespool.wire.noise import Counter, noisy_counters, period_cost

TODAY = date(2026, 7, 1)
EVENT = """[events.PanicPressed]
level = "usage"
aggregate = true
description = "The user pressed it."
why = "Shows whether it is found."
owner = "safety"
expires = "never"
sensitivity = "interaction"
retention_days = 90
"""
NOISE = 'noise = "local"\nepsilon = 1\nperiod_maximum = 3\n'
FLAG = """[events.PanicPressed.fields.was_mistake]
kind = "flag"
description = "Taken back."
noise = "local"
epsilon = 0.5
"""
COUNT = """[events.PanicPressed.fields.seats]
kind = "count"
description = "Seats."
noise = "local"
epsilon = 2.0
period_maximum = 50
"""
ID = """[events.PanicPressed.fields.o]
kind = "id"
description = "x"
"""


def codes(text: str) -> set[str]:
    mistakes = lint_catalog(text, today=TODAY, builtin=builtin_catalog())
    assert all(mistake.hint and mistake.message for mistake in mistakes)
    return {mistake.code.value for mistake in mistakes}


def test_events_counts_and_flags_may_declare_noise() -> None:
    text = EVENT + NOISE + FLAG + COUNT
    assert codes(text) == set()
    counters = noisy_counters(parse_catalog(text))
    assert counters == [
        Counter("PanicPressed", 1, 3),
        Counter("PanicPressed.was_mistake", 0.5, None),
        Counter("PanicPressed.seats", 2, 50),
    ]
    assert period_cost(counters) == 3.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EVENT + NOISE.replace("local", "global"), {"unknown_noise"}),
        (EVENT + NOISE.replace("epsilon = 1\n", ""), {"no_epsilon"}),
        (EVENT + NOISE.replace("= 1\n", "= 0\n"), {"epsilon_range"}),
        (EVENT + NOISE.replace("= 1\n", "= 4.1\n"), {"epsilon_range"}),
        (EVENT + NOISE.replace("= 1\n", "= nan\n"), {"epsilon_range"}),
        (EVENT + NOISE.replace("= 1\n", '= "1"\n'), {"wrong_type", "no_epsilon"}),
        (EVENT + NOISE.replace("period_maximum = 3\n", ""), {"no_period_maximum"}),
        (EVENT + NOISE.replace("= 3", "= 0"), {"bound_range"}),
        (EVENT + NOISE.replace("= 3", "= 1000001"), {"bound_range"}),
        (EVENT.replace("aggregate = true\n", "") + NOISE, {"noise_place"}),
        (EVENT.replace("= true", "= false") + FLAG, {"noise_place"}),
        (EVENT.replace('"usage"', '"error"') + NOISE, {"noise_place"}),
        (EVENT + "epsilon = 1.0\n", {"misplaced_attribute"}),
        (EVENT + FLAG + "period_maximum = 3\n", {"misplaced_attribute"}),
        (EVENT + FLAG.replace('noise = "local"\n', ""), {"misplaced_attribute"}),
        (EVENT + COUNT.replace("seats", "s" * 60), {"noise_place"}),
        (EVENT + COUNT + "minimum = -5\n", {"noise_place"}),
        (EVENT + COUNT + 'type = "number"\n', {"noise_place"}),
        (EVENT + COUNT.replace("seats", "load_ms").replace("count", "duration"), {"noise_place"}),
        (EVENT + ID + NOISE, {"noise_place"}),
    ],
)  # fmt: skip
def test_each_rule_of_noise_finds_its_mistake(text: str, expected: set[str]) -> None:
    assert codes(text) == expected


def test_noise_within_an_object_is_refused() -> None:
    text = EVENT.replace('"usage"', '"error"') + (
        '[events.PanicPressed.fields.o]\nkind = "text"\ntype = "object"\ndescription = "x"\n'
        '[events.PanicPressed.fields.o.fields.a]\nkind = "flag"\ndescription = "x"\n'
        'noise = "local"\nepsilon = 1.0\n'
    )
    assert codes(text) == {"noise_place"}


def test_what_all_counters_cost_together_is_bounded() -> None:
    many = [EVENT.replace("PanicPressed", f"Panic{n}") + NOISE for n in range(10)]
    assert codes("".join(many)) == set()
    assert codes("".join([*many, EVENT + NOISE])) == {"epsilon_range"}


def test_a_summary_tells_a_hundred_counters_and_no_more() -> None:
    small = NOISE.replace("epsilon = 1", "epsilon = 0.01")
    many = [EVENT.replace("PanicPressed", f"Panic{n}") + small for n in range(100)]
    assert codes("".join(many)) == set()
    assert codes("".join([*many, EVENT + small])) == {"noise_place"}


def test_documents_say_what_noise_does_and_what_it_costs() -> None:
    catalog = parse_catalog(EVENT + NOISE + FLAG + COUNT)
    dictionary = render_dictionary(catalog)
    assert "a sum of 3 at most with random noise (standard deviation 4.22)" in dictionary
    assert "true in 62.2% of cases" in dictionary
    page = render_privacy_markdown(catalog)
    assert "All of it together costs epsilon 3.5 a period, used or not." in page
    twin = json.loads(render_privacy_json(catalog))
    assert twin["noise_epsilon_per_period"] == 3.5
    assert twin["events"][0]["noise"][0] == {
        "label": "PanicPressed", "epsilon": 1.0, "maximum": 3,
    }  # fmt: skip
    assert noisy_counters(Catalog(builtin_catalog().events)) == []
