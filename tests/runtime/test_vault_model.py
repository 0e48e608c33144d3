"""The laws of the spool hold when full content is encrypted beneath it."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant
from test_spool_store_model import SpoolMachine

from support.vault_world import CountedVault, VaultWorld


class VaultMachine(SpoolMachine):
    """Every rule and every invariant of the plain spool, over encrypted files."""

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        CountedVault.made = 0
        super().begin(data)
        self.world = VaultWorld()

    @invariant()
    def the_book_is_what_lies_on_disk(self) -> None:
        """While it is written, the book counts plain bytes; the frames' own come with a start."""
        store = self.world.store
        book = store.book
        assert book.total_bytes == sum(one.size_bytes for one in book.segments.values())
        if self.trouble or store.unsettled:
            return
        files = self.world.disk.files(self.world.paths.spool)
        names = {name[:36] for name in files if name.endswith((".active", ".sealed"))}
        assert names == set(book.segments)
        assert not [name for name in files if name.endswith(".tmp")]


TestVaultMachine = VaultMachine.TestCase
TestVaultMachine.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
