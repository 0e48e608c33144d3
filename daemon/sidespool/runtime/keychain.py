"""Keeps the collector's token in the operating system's keychain, through keyring.

Service `sidespool`, user name = the application's id. All three calls block (a locked keychain
asks its user) and import keyring on first use, so they belong in `runtime.detached`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from sidespool.errors import SecretStoreError

SERVICE = "sidespool"
_HINT = "Unlock the keychain, or set TELEMETRY_TOKEN"

T = TypeVar("T")


def read_secret(user: str) -> str | None:
    """The stored secret, or None where there is none. SecretStoreError where it cannot be read."""
    found: str | None = _ask(lambda keyring: keyring.get_password(SERVICE, user))
    return found


def write_secret(user: str, secret: str) -> None:
    """Stores a secret, replacing an older one. SecretStoreError where that fails."""
    _ask(lambda keyring: keyring.set_password(SERVICE, user, secret))
    if read_secret(user) != secret:  # keyring's null backend takes everything and keeps nothing
        raise SecretStoreError("the keychain in use keeps nothing", hint=_HINT)


def delete_secret(user: str) -> bool:
    """Removes the secret; False where there was none. SecretStoreError where that fails."""
    if read_secret(user) is None:
        return False
    _ask(lambda keyring: keyring.delete_password(SERVICE, user))
    return True


def backend_name() -> str:
    """Which keychain is in use, for `doctor`."""
    name: str = _ask(lambda keyring: keyring.get_keyring().name)
    return name


def _ask(call: Callable[[Any], T]) -> T:
    try:
        import keyring  # heavy: it looks at every installed package's entry points

        return call(keyring)
    except Exception as error:
        # Backends leak whatever their bus or COM library raises; each means the same to a person.
        raise SecretStoreError(
            f"the keychain cannot be used: {_reason(error)}", hint=_HINT
        ) from error


def _reason(error: Exception) -> str:
    """The kind of error and its first line; backends do not put secrets there."""
    line = next(iter(str(error).splitlines()), "").strip()
    return f"{type(error).__name__}: {line[:160]}" if line else type(error).__name__
