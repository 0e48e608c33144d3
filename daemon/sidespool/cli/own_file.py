"""Reads a file of the data directory for its owner, decrypting full content where need be."""

from pathlib import Path

from sidespool.cli.place import place
from sidespool.core.envelope import is_encrypted
from sidespool.errors import SecretStoreError


def read_own(path: Path) -> bytes:
    """The plain bytes. FileNotFoundError where it is gone, SecretStoreError without the key."""
    raw = path.read_bytes()
    if not is_encrypted(raw):
        return raw
    from sidespool.core.envelope import decrypt
    from sidespool.runtime.disk import Disk
    from sidespool.runtime.vault import KeyMissingError, Vault, find_key

    config, paths = place()
    key = find_key(Disk(), config.app_id, config.full_content_key, paths.key_file, make=False)
    vault = Vault()
    if key is not None:
        vault.open(key)
    try:
        return decrypt(raw, vault.cipher_of(raw))
    except KeyMissingError as error:
        raise SecretStoreError(
            "full content is encrypted, and its key is not here",
            hint="Unlock the keychain, or set TELEMETRY_FULL_CONTENT_KEY as the application does",
        ) from error
