"""The key of full content in a real keychain, in a file, and nowhere."""

from pathlib import Path

import keyring
import pytest
from keyring.backends import fail, null

from sidespool.errors import SecretStoreError
from sidespool.runtime.disk import Disk
from sidespool.runtime.vault import FILE, KEYCHAIN, KeyMissingError, Vault, destroy_key, find_key
from sidespool.runtime.vault_disk import VaultDisk
from support.secret_service import in_secret_service


def test_a_key_file_is_private_kept_and_destroyed(tmp_path: Path) -> None:
    file, disk = tmp_path / "spool.key", Disk()
    assert find_key(disk, "app", FILE, file, make=False) is None
    made = find_key(disk, "app", FILE, file, make=True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert find_key(disk, "app", FILE, file, make=True) == made
    assert destroy_key(disk, "app", FILE, file)
    assert not file.exists()
    assert find_key(disk, "app", FILE, file, make=True) != made


def test_a_key_file_goes_though_the_terminal_takes_the_key_to_be_in_a_keychain(
    tmp_path: Path,
) -> None:
    file, disk = tmp_path / "spool.key", Disk()
    find_key(disk, "app", FILE, file, make=True)
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # keyring has no types here
    try:
        with pytest.raises(SecretStoreError):
            destroy_key(disk, "app", KEYCHAIN, file)
    finally:
        keyring.set_keyring(before)
    assert not file.exists()


def test_a_damaged_key_is_told_and_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "spool.key"
    file.write_bytes(b"not a key\n")
    with pytest.raises(SecretStoreError):
        find_key(Disk(), "app", FILE, file, make=True)
    assert file.read_bytes() == b"not a key\n"


def test_a_keychain_that_keeps_nothing_gives_no_key(tmp_path: Path) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(null.Keyring())  # type: ignore[no-untyped-call]  # keyring has no types here
    try:
        with pytest.raises(SecretStoreError):
            find_key(Disk(), "app", KEYCHAIN, tmp_path / "spool.key", make=True)
    finally:
        keyring.set_keyring(before)
    assert not (tmp_path / "spool.key").exists()


def test_the_secret_service_keeps_the_key_under_the_apps_name(tmp_path: Path) -> None:
    printed = in_secret_service(
        tmp_path,
        f"""
import keyring, pathlib
from sidespool.runtime.disk import Disk
from sidespool.runtime.vault import *
file = pathlib.Path({str(tmp_path / "spool.key")!r})
made = find_key(Disk(), "app", "keychain", file, make=True)
print(len(made), find_key(Disk(), "app", "keychain", file, make=False) == made)
print(keyring.get_password("sidespool", "app.spool-key") is not None, made in file.read_bytes())
print(destroy_key(Disk(), "app", "keychain", file), file.exists())
print(keyring.get_password("sidespool", "app.spool-key"))
""",
    )
    assert printed.splitlines() == ["32 True", "True False", "True False", "None"]


def test_files_of_another_key_are_left_alone_and_other_files_are_not_touched(
    tmp_path: Path,
) -> None:
    vault = Vault()
    vault.open(b"a" * 32)
    disk = VaultDisk(Disk(), tmp_path, vault)
    path, plain = tmp_path / "x.bin", tmp_path / "plain"
    disk.write_encrypted(path, [b"one", b"two"])
    disk.write_atomic(plain, b"as it is")
    assert disk.read(path) == b"onetwo"
    assert disk.read_first(path) == b"one"
    assert plain.read_bytes() == disk.read(plain) == b"as it is"
    vault.shut()
    vault.open(b"b" * 32)
    with pytest.raises(KeyMissingError):
        disk.read(path)
    assert disk.read(plain) == b"as it is"


def test_a_stream_decrypts_as_it_is_read(tmp_path: Path) -> None:
    vault = Vault()
    vault.open(b"a" * 32)
    disk = VaultDisk(Disk(), tmp_path, vault)
    path = tmp_path / "x.bin"
    disk.write_encrypted(path, [b"a" * 1000, b"b" * 500])
    with disk.open_read(path) as file:
        assert file.seek(0, 2) == 1500
        file.seek(990)
        assert file.read(20) == b"a" * 10 + b"b" * 10
        file.seek(0)
        assert len(file.read()) == 1500


def test_the_vault_never_shows_its_key() -> None:
    vault = Vault()
    vault.open(b"secretkeysecretkeysecretkeysecre")
    assert "secret" not in repr(vault)
