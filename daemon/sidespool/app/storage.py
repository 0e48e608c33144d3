"""What the daemon keeps on this machine: ids, consent, counts, spool; and how all of it goes."""

import asyncio

from sidespool.config import Config
from sidespool.core.consent import ConsentBook, ConsentRecord
from sidespool.core.spool import SpoolBook
from sidespool.runtime import record_file
from sidespool.runtime.disk import Disk
from sidespool.runtime.identity import load_install, save_install, user_id
from sidespool.runtime.ids import BatchIds, now_ms
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.reset import begin_reset, finish_reset, read_unfinished
from sidespool.runtime.spool_store import SpoolStore
from sidespool.runtime.spooler import Spooler
from sidespool.runtime.vault import Vault
from sidespool.runtime.vault_disk import VaultDisk


class Storage:
    """The data directory, opened. Creating it finishes a reset that a crash cut short."""

    def __init__(self, disk: Disk, paths: DataPaths, config: Config) -> None:
        self.disk = disk = VaultDisk(disk, paths.spool, Vault())
        self.paths = paths
        self.config = config
        unfinished = read_unfinished(disk, paths)
        if unfinished is not None:
            finish_reset(disk, paths, unfinished, config.deletion)
        log = LOGGER.warning
        self.install, _ = load_install(disk, paths.install_file)
        self.tally = record_file.load_tally(disk, paths.tally_file, now_ms(), log)
        book = SpoolBook(config.spool_max_bytes, config.spool_max_age_days)
        self.store = SpoolStore(disk, paths, book, self.tally, BatchIds().new, log)
        self.spooler = Spooler(self.store, asyncio.get_running_loop())
        self.spooler.opener = disk.open_read
        self.first_seq = record_file.reserve_seq(disk, paths.state_file, log)
        self.user_id = ""

    def consent(self) -> ConsentBook:
        """The consent book as it is on disk."""
        return record_file.load_consent(
            self.disk, self.paths.consent_file, now_ms(), LOGGER.warning
        )

    async def add_consent(self, book: ConsentBook, record: ConsentRecord) -> None:
        """Writes the book with one more decision; durable on return."""
        longer = ConsentBook([*book.records, record])
        await self.spooler.call(
            lambda: record_file.save_consent(self.disk, self.paths.consent_file, longer)
        )

    def identify(self, custom: str) -> str:
        """The id that goes with events from now on; remembered before it is used."""
        current = user_id(self.install, self.config.identity, custom)
        if current not in self.install.history:
            self.install.history.append(current)
            save_install(self.disk, self.paths.install_file, self.install)
        self.user_id = current
        return current

    async def save_seq(self, next_seq: int) -> None:
        """Reserves sequence numbers."""
        await self.spooler.call_and_forget(
            lambda: record_file.save_seq(self.disk, self.paths.state_file, next_seq)
        )

    def erase(self) -> None:
        """A reset's disk work, in the writer's thread."""
        begun = begin_reset(self.disk, self.paths, self.install.history)
        self.store.forget_all()
        self.install = finish_reset(self.disk, self.paths, begun, self.config.deletion)
        self.store.save_tally()

    async def close(self, next_seq: int) -> None:
        """Saves the counts and ends the writer."""

        def save() -> None:
            self.store.save_tally()
            record_file.save_seq(self.disk, self.paths.state_file, next_seq)

        await self.spooler.call_and_forget(save)
        await self.spooler.stop()
