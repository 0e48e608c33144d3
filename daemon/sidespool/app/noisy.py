"""Tells noisy counters at the end of a period, or says why they are not told.

Fails closed: where the library is missing or fails, a summary leaves without these counters.
"""

from importlib.util import find_spec
from typing import Any

from sidespool.core.noise import Noise, told
from sidespool.runtime.log import LOGGER
from sidespool.runtime.noise import MISSING, NoiseMissingError, load_noise
from sidespool.wire.catalog import Catalog
from sidespool.wire.noise import noisy_counters, period_cost


class NoisyCounters:
    """The counters of a catalog, and the library once the first period has closed."""

    def __init__(self, catalog: Catalog) -> None:
        self.counters = noisy_counters(catalog)
        self._noise: Noise | None = None
        self._problem = MISSING if self.counters and find_spec("opendp") is None else ""

    def tell(self, sums: dict[str, int]) -> dict[str, Any]:
        """What a summary says of them; {} where noise cannot be added."""
        if not self.counters:
            return {}
        try:
            self._noise = self._noise or load_noise()
            fields = told(self.counters, sums, self._noise)
        except NoiseMissingError as error:
            self._problem = str(error)
            LOGGER.warning("%d noisy counters are not sent: %s", len(self.counters), error)
            return {}
        self._problem = ""
        return fields

    def describe(self) -> dict[str, Any] | None:
        """For `status`; None where the catalog declares none."""
        if not self.counters:
            return None
        return {
            "counters": len(self.counters),
            "epsilon_per_period": round(period_cost(self.counters), 6),
            "problem": self._problem,
        }

    def warnings(self) -> list[str]:
        """A sentence for `status` where they are not told."""
        if not self._problem:
            return []
        return [f"{len(self.counters)} noisy counters are not sent: {self._problem}"]
