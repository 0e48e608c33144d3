"""The laws of the spool hold when full content is encrypted beneath it."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from sidespool.core.tally import Counts
from support.vault_world import VaultWorld
from test_spool_store_model import SpoolMachine


class VaultMachine(SpoolMachine):
    """Every rule and every invariant of the plain spool, over encrypted files."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        self.data = data
        self.world = VaultWorld()
        self.acknowledged: set[str] = set()
        self.never_promised: set[str] = set()
        self.collected: set[str] = set()
        self.refused_there: set[str] = set()
        self.limbo: set[str] = set()
        self.withdrawn: set[str] = set()
        self.reports: dict[str, Counts] = {}
        self.trouble = False


TestVaultMachine = VaultMachine.TestCase
TestVaultMachine.settings = settings(
    max_examples=40, stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
