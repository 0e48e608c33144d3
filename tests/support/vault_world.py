"""The spool's world with full content encrypted, as the daemon keeps it."""

from sidespool.core.envelope import Cipher, head, is_encrypted
from sidespool.core.record import parse_name, read_lines
from sidespool.core.spool import SpoolBook
from sidespool.runtime.record_file import load_tally
from sidespool.runtime.spool_store import SpoolStore
from sidespool.runtime.vault import Vault
from sidespool.runtime.vault_disk import VaultDisk
from sidespool.wire.level import Level
from support.spool_world import World, event_id

KEY = bytes(range(32))


class CountedVault(Vault):
    """Its salts and nonces follow each other, so that a run can be repeated."""

    made = 0

    def new_cipher(self) -> tuple[bytes, Cipher]:
        CountedVault.made += 1
        salt = CountedVault.made.to_bytes(16, "big")
        return salt, self.cipher_of(head(self.key, salt))

    @staticmethod
    def nonce() -> bytes:
        CountedVault.made += 1
        return CountedVault.made.to_bytes(12, "big")


class VaultWorld(World):
    """As `World`; each start has a disk of its own over the same files."""

    def opened(self) -> SpoolStore:
        paths = self.paths
        vault = CountedVault()
        vault.open(KEY)
        self.plain = VaultDisk(self.disk, paths.spool, vault)
        tally = load_tally(self.disk, paths.tally_file, self.clock.now_ms, self.log.append)
        book = SpoolBook(self.bytes_max, age_days_max=14)
        book.merge_min = 3
        return SpoolStore(self.plain, paths, book, tally, self.clock.batch_id, self.log.append)

    def readable(self) -> dict[str, Level]:
        out = {}
        for name, raw in self.disk.files(self.paths.spool).items():
            parsed = parse_name(name.removesuffix(".tmp"))
            if parsed is None:
                continue
            if parsed.level is Level.FULL:
                assert b"event_id" not in raw
                if not is_encrypted(raw) or len(raw) < 28:
                    continue
                raw = self.plain.read(self.paths.spool / name) or b""
            out.update({event_id(line): parsed.level for line in read_lines(raw)})
        return out
