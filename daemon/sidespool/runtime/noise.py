"""Adds the noise of counters that declare it, by the OpenDP library (extra `privacy`).

The library's samplers are exact: integer arithmetic over the system's random bits, no floating
point tail to read the truth from. Its own accounting is asked what each mechanism costs, and the
parameters are moved by the last bit until that is no more than the catalog states.
"""

from collections.abc import Callable
from functools import cache
from math import inf, nextafter
from typing import Any

from sidespool.core.noise import Noise
from sidespool.wire.noise import noise_scale, truth_probability

MISSING = "the library that adds the noise is not installed (pip install 'sidespool[privacy]')"
_STEPS_MAX = 64


class NoiseMissingError(Exception):
    """The library is not there, or refuses the parameters; the message says so."""


def load_noise() -> Noise:
    """The library, loaded now (about 0.1 s); raises NoiseMissingError where it is missing."""
    try:
        import opendp.prelude as library
    except ImportError as error:
        raise NoiseMissingError(MISSING) from error
    except OSError as error:  # the library's own binary does not load on this machine
        raise NoiseMissingError(
            f"the library that adds the noise does not load: {error}"
        ) from error
    library.enable_features("contrib")
    return OpenDpNoise(library)


class OpenDpNoise:
    """Mechanisms are made once for each epsilon and bound."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._response = cache(self._make_response)
        self._geometric = cache(self._make_geometric)

    def flag(self, truth: bool, epsilon: float) -> bool:
        """See Noise."""
        return bool(self._response(epsilon)(truth))

    def count(self, truth: int, epsilon: float, maximum: int) -> int:
        """See Noise."""
        return int(self._geometric(epsilon, maximum)(truth))

    def cost_of_flag(self, epsilon: float) -> float:
        """What the library says one answer costs at most; never more than `epsilon`."""
        return float(self._response(epsilon).map(1))

    def cost_of_count(self, epsilon: float, maximum: int) -> float:
        """The same of one count."""
        return float(self._geometric(epsilon, maximum).map(maximum))

    def _make_response(self, epsilon: float) -> Any:
        make = self._library.m.make_randomized_response_bool
        return _within(make, truth_probability(epsilon), 0.5, distance=1, epsilon=epsilon)

    def _make_geometric(self, epsilon: float, maximum: int) -> Any:
        library = self._library
        space = library.atom_domain(T="i64"), library.absolute_distance(T="i64")

        def make(scale: float) -> Any:
            return library.m.make_laplace(*space, scale=scale)

        scale = noise_scale(epsilon, maximum)
        return _within(make, scale, inf, distance=maximum, epsilon=epsilon)


def _within(
    make: Callable[[float], Any], parameter: float, towards: float, *, distance: int, epsilon: float
) -> Any:
    """The mechanism at `parameter`, or as few floats nearer `towards` as keep its cost stated."""
    for _ in range(_STEPS_MAX):
        mechanism = make(parameter)
        if mechanism.map(distance) <= epsilon:
            return mechanism
        parameter = nextafter(parameter, towards)
    raise NoiseMissingError(f"no mechanism of the library costs epsilon {epsilon} or less")
