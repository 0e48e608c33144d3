"""Holds the key that encrypts full content, and finds it: in the keychain, or in a file if allowed.

The key is made when the level first reaches `full`, and destroyed as soon as nothing is left that
it could open: copies that a file system, a drive or a backup kept of deleted files are then
unreadable, too. Nothing here, nor `cryptography`, is imported by a daemon that stays below `full`.
"""

import base64
import secrets
from pathlib import Path

from sidespool.core.envelope import (
    KEY_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    Cipher,
    file_key,
    is_sound,
    made_with,
    salt_of,
)
from sidespool.errors import SecretStoreError
from sidespool.runtime.disk import Disk

KEYCHAIN, FILE = "keychain", "file"
_USER_SUFFIX = ".spool-key"
_IN_KEYCHAIN = b"keychain\n"  # in place of the key: there is one in the keychain to destroy


class KeyMissingError(OSError):
    """The file is encrypted, and the key that opens it is not here (any more, or yet)."""


class Vault:
    """Shut until `open`; shared by the writer's thread and the senders, and never changes key."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def open(self, key: bytes) -> None:
        """From here on full content can be written and read."""
        if len(key) != KEY_BYTES:
            raise ValueError("the key is not 32 bytes")
        self._key = key

    def shut(self) -> None:
        """Forgets the key."""
        self._key = None

    @property
    def key(self) -> bytes:
        """Raises KeyMissingError where there is none."""
        if self._key is None:
            raise KeyMissingError("the key for full content is not at hand")
        return self._key

    def new_cipher(self) -> tuple[bytes, Cipher]:
        """A fresh salt and the cipher of the file that begins with it."""
        salt = secrets.token_bytes(SALT_BYTES)
        return salt, _aes(file_key(self.key, salt))

    def cipher_of(self, raw: bytes) -> Cipher:
        """The cipher of a file by its first bytes; KeyMissingError where another key made it."""
        key = self.key
        if not is_sound(raw) or not made_with(raw, key):
            raise KeyMissingError("another key has encrypted this file")
        return _aes(file_key(key, salt_of(raw)))

    @staticmethod
    def nonce() -> bytes:
        """96 random bits."""
        return secrets.token_bytes(NONCE_BYTES)

    def __repr__(self) -> str:
        return f"Vault({'open' if self.is_open else 'shut'})"


def _aes(key: bytes) -> Cipher:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only where level is full

    return AESGCM(key)


def find_key(disk: Disk, app_id: str, way: str, file: Path, *, make: bool) -> bytes | None:
    """The key, made where `make` says so and there is none. Blocks; a keychain may ask its user.

    Raises SecretStoreError, whose sentence is for `status`.
    """
    text = _read(disk, app_id, way, file)
    if text is None and not make:
        return None
    if text is None:
        text = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        _write(disk, app_id, way, file, text)
    key = _decode(text)
    if key is None:
        raise SecretStoreError("the key for full content is damaged")
    if way == KEYCHAIN and disk.read(file) is None:
        disk.write_atomic(file, _IN_KEYCHAIN)
    return key


def destroy_key(disk: Disk, app_id: str, way: str, file: Path) -> bool:
    """Removes the key; False where there was none. Raises SecretStoreError, OSError.

    A key file goes first, whatever `way` says: a terminal need not know the app's settings, and
    no keychain there must not keep a key file alive. A keychain that refuses keeps its note, so
    that the next start tries again.
    """
    raw = disk.read(file)
    if raw is not None and raw != _IN_KEYCHAIN:
        _remove(disk, file)
    if way == KEYCHAIN or raw == _IN_KEYCHAIN:
        from sidespool.runtime.keychain import delete_secret

        delete_secret(app_id + _USER_SUFFIX)
    if raw == _IN_KEYCHAIN:
        _remove(disk, file)
    return raw is not None


def _remove(disk: Disk, file: Path) -> None:
    disk.remove(file)
    disk.sync_dir(file.parent)


def _read(disk: Disk, app_id: str, way: str, file: Path) -> str | None:
    if way == FILE:
        raw = disk.read(file)
        known = raw is not None and raw != _IN_KEYCHAIN
        return raw.decode("ascii", "replace").strip() if raw is not None and known else None
    from sidespool.runtime.keychain import read_secret

    return read_secret(app_id + _USER_SUFFIX)


def _write(disk: Disk, app_id: str, way: str, file: Path, text: str) -> None:
    if way == FILE:
        disk.write_atomic(file, text.encode() + b"\n")  # mode 0600, as every file of the daemon
        return
    from sidespool.runtime.keychain import write_secret

    write_secret(app_id + _USER_SUFFIX, text)


def _decode(text: str) -> bytes | None:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None
