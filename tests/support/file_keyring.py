"""A keyring backend that keeps its secrets in the file named by TEST_KEYRING_FILE.

Chosen by `PYTHON_KEYRING_BACKEND=support.file_keyring.FileKeyring`, with tests/ on the path.
"""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    """Works as a real keychain does, without one."""

    priority = 1

    def _read(self) -> dict[str, str]:
        path = Path(os.environ["TEST_KEYRING_FILE"])
        found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def _write(self, content: dict[str, str]) -> None:
        Path(os.environ["TEST_KEYRING_FILE"]).write_text(json.dumps(content))

    def get_password(self, service: str, username: str) -> str | None:
        """The secret, or None."""
        return self._read().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keeps a secret."""
        self._write({**self._read(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        """Forgets a secret."""
        content = self._read()
        if content.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError("there is none")
        self._write(content)
