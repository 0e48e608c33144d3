"""Sums read out of noisy counters: unbiased, with intervals that hold, and hard to poison."""

import json
import random
from math import exp, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire.noise import noise_scale, noise_variance, truth_probability
from sidespool_collector.debias import Debias, Estimate
from support.collector_world import World, event, lines

SEED = 20261121
JSON_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def geometric(dice: random.Random, scale: float) -> int:
    """Two-sided geometric noise as the difference of two one-sided ones."""

    def one_side() -> int:
        return int(log(1 - dice.random()) * -scale)

    return one_side() - one_side()


def count_report(value: int, epsilon: float, maximum: int) -> dict[str, Any]:
    return {
        "noisy_counts": {"A": value},
        "noise_epsilon": {"A": epsilon},
        "noise_maximum": {"A": maximum},
    }


def flag_report(value: int, epsilon: float) -> dict[str, Any]:
    return {"noisy_flags": {"A.b": value}, "noise_epsilon": {"A.b": epsilon}}


def only(sums: Debias) -> Estimate:
    [found] = sums.estimates()
    return found


def counts_of(dice: random.Random, truths: list[int], epsilon: float, maximum: int) -> Estimate:
    sums = Debias()
    for truth in truths:
        noise = geometric(dice, noise_scale(epsilon, maximum))
        sums.add(count_report(truth + noise, epsilon, maximum))
    return only(sums)


def flags_of(dice: random.Random, truths: list[bool], epsilon: float) -> Estimate:
    sums = Debias()
    for truth in truths:
        honest = dice.random() < truth_probability(epsilon)
        sums.add(flag_report(int(truth if honest else not truth), epsilon))
    return only(sums)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_estimates_of_sums_have_no_bias_beyond_chance(epsilon: float) -> None:
    dice = random.Random(SEED)
    truths = [dice.randrange(6) for _ in range(8_000)]
    counts = counts_of(dice, truths, epsilon, 5)
    assert abs(counts.sum - sum(truths)) < 6 * counts.standard_error
    flags = flags_of(dice, [truth > 3 for truth in truths], epsilon)
    assert abs(flags.sum - sum(truth > 3 for truth in truths)) < 6 * flags.standard_error
    assert counts.reports == flags.reports == len(truths)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    dice = random.Random(SEED)
    held = {"count": 0, "flag": 0}
    for _ in range(300):
        truths = [dice.randrange(4) for _ in range(40)]
        low, high = counts_of(dice, truths, 0.5, 3).interval()
        held["count"] += low <= sum(truths) <= high
        low, high = flags_of(dice, [t > 1 for t in truths], 0.5).interval()
        held["flag"] += low <= sum(t > 1 for t in truths) <= high
    # 95 % of 300 is 285, with a standard deviation of 3.8: six of those and some.
    assert all(262 <= n <= 300 for n in held.values()), held


def test_the_stated_variance_is_the_one_that_is_seen() -> None:
    dice = random.Random(SEED)
    for scale in (0.7, 3.0, 40.0):
        drawn = [geometric(dice, scale) for _ in range(20_000)]
        seen = sum(x * x for x in drawn) / len(drawn)
        assert seen == pytest.approx(noise_variance(scale), rel=0.15)


def test_reports_of_different_parameters_add_up() -> None:
    sums = Debias()
    sums.add(count_report(4, 1.0, 3))
    sums.add(count_report(-2, 0.5, 3))
    found = only(sums)
    assert (found.sum, found.reports) == (2, 2)
    assert found.variance == pytest.approx(noise_variance(3.0) + noise_variance(6.0))
    sums = Debias()
    sums.add(flag_report(1, 1.0))
    p = exp(1) / (1 + exp(1))
    assert only(sums).sum == pytest.approx(p / (2 * p - 1))


def test_few_reports_get_a_wider_interval_than_the_normal_one() -> None:
    sums = Debias()
    sums.add(count_report(1, 1.0, 1))
    low, high = only(sums).interval()
    assert high - low > 2 * 4 * only(sums).standard_error


@pytest.mark.parametrize(
    "report",
    [
        count_report(10**9, 1.0, 3),
        count_report(3, 50.0, 3),
        count_report(3, 1.0, 0),
        count_report(3, 0.0, 3),
        count_report(3, 1.0, 10**9),
        {"noisy_counts": {"A": 3}},
        {**count_report(1, 1.0, 3), "noisy_counts": {"A": "1"}},
        {**count_report(1, 1.0, 3), "noise_maximum": {"A": 2.5}},
        flag_report(2, 1.0),
        flag_report(1, 9.0),
    ],
)
def test_what_no_honest_noise_makes_is_left_out_and_counted(report: dict[str, Any]) -> None:
    sums = Debias()
    sums.add(report)
    assert (sums.estimates(), sums.implausible) == ([], 1)


@given(st.dictionaries(
    st.sampled_from(["noisy_counts", "noisy_flags", "noise_epsilon", "noise_maximum"]),
    JSON_ANYTHING | st.dictionaries(st.sampled_from("AB"), JSON_ANYTHING),
))  # fmt: skip
def test_any_payload_is_taken_without_an_error(payload: dict[str, Any]) -> None:
    sums = Debias()
    sums.add(payload)
    for one in sums.estimates():
        assert one.interval()[0] <= one.sum <= one.interval()[1]


async def test_the_collector_tells_debiased_sums(world: World) -> None:
    def summary(n: int) -> dict[str, Any]:
        told = {**count_report(n, 1.0, 3), "noisy_flags": {"A.b": n % 2}}
        told["noise_epsilon"] = {"A": 1.0, "A.b": 2.0}
        return event(n, kind="UsageSummary", payload=told)

    await world.send(lines(*(summary(n) for n in range(4)), event(9)))
    answer = await world.get_json("/api/v1/noise")
    count, flag = answer["counters"]
    assert (count["label"], count["sum"], count["reports"]) == ("A", 6, 4)
    assert (flag["label"], flag["kind"], flag["reports"]) == ("A.b", "flag", 4)
    assert flag["sum"] == pytest.approx(2.0)
    assert count["low"] < 6 < count["high"]
    assert (await world.get_json("/api/v1/noise?to=2020-01-01"))["counters"] == []
    status, text = await world.get("/api/v1/noise?from=yesterday")
    assert (status, json.loads(text)["error"]) == (400, "bad_query")
    assert (await world.get("/api/v1/noise", "ingest"))[0] == 403
