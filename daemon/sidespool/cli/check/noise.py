"""Checks that noise can be added where the application's catalog asks for it."""

from collections.abc import Iterator
from pathlib import Path

from sidespool.cli.app_catalog import with_app_catalog
from sidespool.cli.check.finding import Finding, fail, ok
from sidespool.config import Config
from sidespool.errors import ConfigError
from sidespool.runtime.noise import NoiseMissingError, load_noise
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.noise import noisy_counters, period_cost


def check_noise(config: Config) -> Iterator[Finding]:
    """Nothing where no counter asks for noise; a catalog that cannot be used fails here."""
    if not config.catalog:
        return
    try:
        catalog = with_app_catalog(builtin_catalog(), Path(config.catalog))
    except ConfigError as error:
        yield fail("catalog", error.message, error.hint)
        return
    counters = noisy_counters(catalog)
    if not counters:
        return
    try:
        load_noise()
    except NoiseMissingError as error:
        says = f"{len(counters)} counters need it and are not sent: {error}"
        yield fail("noise", says, "Install the extra: pip install 'sidespool[privacy]'")
        return
    cost = f"{period_cost(counters):g}"
    yield ok("noise", f"{len(counters)} counters, epsilon {cost} a period together")
