"""Local noise as the library adds it: unbiased, of the stated variance, and worth its epsilon.

The library's dice cannot be seeded. Bounds are six standard deviations wide or more: by chance
alone one of these tests fails less than once in a million runs.
"""

from collections import Counter as Tally
from math import exp, sqrt

import pytest

from sidespool.core.noise import Noise
from sidespool.runtime.noise import OpenDpNoise, load_noise
from sidespool.wire.noise import noise_scale, noise_variance, truth_probability

THROWS = 4_000
SIGMAS = 6.0


@pytest.fixture(scope="module")
def noise() -> Noise:
    return load_noise()


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
@pytest.mark.parametrize("truth", [True, False])
def test_a_flag_is_told_truly_as_often_as_stated(noise: Noise, truth: bool, epsilon: float) -> None:
    right = sum(noise.flag(truth, epsilon) is truth for _ in range(THROWS))
    p = truth_probability(epsilon)
    assert abs(right - THROWS * p) < SIGMAS * sqrt(THROWS * p * (1 - p))


@pytest.mark.parametrize(("truth", "epsilon", "maximum"), [(0, 1.0, 1), (20, 0.5, 20)])
def test_a_count_is_off_by_the_stated_variance_and_by_nothing_on_average(
    noise: Noise, truth: int, epsilon: float, maximum: int
) -> None:
    off = [noise.count(truth, epsilon, maximum) - truth for _ in range(THROWS)]
    variance = noise_variance(noise_scale(epsilon, maximum))
    assert abs(sum(off)) < SIGMAS * sqrt(variance * THROWS)
    # The fourth moment of this noise is about 6 variances squared.
    spread = SIGMAS * sqrt(6 / THROWS) * 1.2
    assert sum(x * x for x in off) / THROWS == pytest.approx(variance, rel=spread)


@pytest.mark.parametrize("epsilon", [0.5, 1.5])
def test_no_answer_is_more_telling_than_e_to_the_epsilon(noise: Noise, epsilon: float) -> None:
    """The two truths that lie farthest apart, answer by answer where there are enough."""
    least = Tally(noise.count(0, epsilon, 3) for _ in range(THROWS))
    most = Tally(noise.count(3, epsilon, 3) for _ in range(THROWS))
    told = [answer for answer in least | most if min(least[answer], most[answer]) >= 50]
    assert told
    for answer in told:
        ratio = least[answer] / most[answer]
        chance = exp(SIGMAS * sqrt(1 / least[answer] + 1 / most[answer]))
        assert 1 / (exp(epsilon) * chance) <= ratio <= exp(epsilon) * chance


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.3, 1.0, 1.7, 4.0])
def test_the_librarys_own_accounting_agrees_with_what_is_stated(epsilon: float) -> None:
    library = load_noise()
    assert isinstance(library, OpenDpNoise)
    assert epsilon * 0.999 < library.cost_of_flag(epsilon) <= epsilon
    for maximum in (1, 3, 1_000_000):
        assert epsilon * 0.999 < library.cost_of_count(epsilon, maximum) <= epsilon
