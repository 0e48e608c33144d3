"""Full content: whether it may be kept here, with which key, and when that key goes."""

import asyncio

from sidespool.config import Config
from sidespool.core.record import level_of
from sidespool.core.upload_policy import KEYCHAIN_DEADLINE_S
from sidespool.errors import SidespoolError
from sidespool.runtime.detached import detached
from sidespool.runtime.history import parse_history_name
from sidespool.runtime.log import LOGGER
from sidespool.runtime.paths import DataPaths
from sidespool.runtime.vault import FILE, Vault, destroy_key, find_key
from sidespool.runtime.vault_disk import VaultDisk
from sidespool.wire.level import Level

_ALLOW = "unlock or install a keychain, or allow a key file with TELEMETRY_FULL_CONTENT_KEY=file"


class FullContent:
    """Opens the vault when the level first reaches `full`, and destroys its key afterwards."""

    def __init__(self, disk: VaultDisk, paths: DataPaths, config: Config) -> None:
        self.vault: Vault = disk.vault
        self._disk = disk
        self._paths = paths
        self._config = config
        self._one = asyncio.Lock()

    async def unlock(self) -> str:
        """Why full content cannot be encrypted, as a sentence, or "" when it can."""
        async with self._one:
            if self.vault.is_open:
                return ""
            try:
                async with asyncio.timeout(KEYCHAIN_DEADLINE_S):
                    key = await detached(self._find)
            except TimeoutError:
                return f"full content is refused: the keychain does not answer; {_ALLOW}"
            except (SidespoolError, OSError, ImportError) as error:
                said = error.message if isinstance(error, SidespoolError) else str(error)
                return f"full content is refused, for it could not be encrypted: {said}; {_ALLOW}"
            self.vault.open(key)
            return ""

    def _find(self) -> bytes:
        config = self._config
        # Importing it here shows a broken installation before anything is promised.
        import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401

        key = find_key(
            self._disk, config.app_id, config.full_content_key, self._paths.key_file, make=True
        )
        assert key is not None, "it was to be made"
        return key

    async def forget_key(self) -> None:
        """Destroys the key where nothing that it opens is left: what lingers is then noise."""
        async with self._one:
            if await asyncio.to_thread(self._is_needed):
                return
            known = self.vault.is_open or self._disk.read(self._paths.key_file) is not None
            self.vault.shut()
            if not known:
                return
            try:
                async with asyncio.timeout(KEYCHAIN_DEADLINE_S):
                    await detached(self._destroy)
            except (TimeoutError, SidespoolError, OSError) as error:
                LOGGER.warning("the key for full content could not be destroyed: %s", error)

    def _destroy(self) -> None:
        config = self._config
        destroy_key(self._disk, config.app_id, config.full_content_key, self._paths.key_file)

    def _is_needed(self) -> bool:
        names = [name[:36] for name in self._disk.listdir(self._paths.spool)]
        kept = self._disk.listdir(self._paths.history)
        parsed = [parse_history_name(name) for name in kept]
        names += [one[1] for one in parsed if one is not None]
        attached = self._disk.listdir(self._paths.attachments)
        sent = any(name.endswith(".attached") for name in kept)
        return bool(attached) or sent or any(level_of(name) is Level.FULL for name in names)

    def describe(self) -> dict[str, str | bool]:
        """For `status`."""
        where = "a key file" if self._config.full_content_key == FILE else "the OS keychain"
        return {"encrypted": self.vault.is_open, "key_in": where}
