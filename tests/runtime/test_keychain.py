"""The keychain with keyring's real backends: the Secret Service, the null and the fail backend."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from sidespool.errors import SecretStoreError
from sidespool.runtime.keychain import backend_name, delete_secret, read_secret, write_secret
from support.secret_service import in_secret_service


@pytest.fixture(autouse=True)
def own_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


class LeakyKeyring(KeyringBackend):
    """A backend whose bus library raises something of its own."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("org.freedesktop.DBus.Error.NoReply\nand a second line")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError

    def delete_password(self, service: str, username: str) -> None:
        raise RuntimeError


def test_the_secret_service_keeps_replaces_and_forgets_a_token_per_app(tmp_path: Path) -> None:
    printed = in_secret_service(
        tmp_path,
        """
from sidespool.runtime.keychain import *
print(read_secret("app-a"))
write_secret("app-a", "tok-1"); write_secret("app-b", "tok-b"); write_secret("app-a", "tok-2")
print(read_secret("app-a"), read_secret("app-b"))
print(delete_secret("app-a"), delete_secret("app-a"), read_secret("app-a"), read_secret("app-b"))
print(backend_name())
""",
    )
    assert printed.splitlines() == [
        "None",
        "tok-2 tok-b",
        "True False None tok-b",
        "SecretService Keyring",
    ]


def test_a_token_in_the_secret_service_outlasts_the_session_under_its_own_service_name(
    tmp_path: Path,
) -> None:
    in_secret_service(tmp_path, "import keyring; keyring.set_password('sidespool', 'app', 'tok')")
    body = "from sidespool.runtime.keychain import *; print(read_secret('app'))"
    assert in_secret_service(tmp_path, body) == "tok\n"


def test_a_token_changed_in_the_secret_service_is_picked_up(tmp_path: Path) -> None:
    """The whole way: a collector that answers 401 until another program stores the right token."""
    printed = in_secret_service(
        tmp_path,
        f"""
import asyncio, pathlib, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import keyring
from support.fake_collector import FakeCollector
from support.upload_world import FakeSource, LoopClock, open_schedule
from sidespool.core.endpoint import check_endpoint
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.exporters.http import HttpExporter
from sidespool.runtime.keychain import read_secret
from sidespool.runtime.uploader import Uploader

async def main():
    source = FakeSource(pathlib.Path({str(tmp_path)!r}))
    source.add("a")
    keyring.set_password("sidespool", "app", "old")
    async with FakeCollector(token="new") as collector:
        token = CollectorToken(read_keychain=lambda: read_secret("app"))
        exporter = HttpExporter(check_endpoint(collector.url, False), token)
        uploader = Uploader(source=source, exporter=exporter, schedule=open_schedule(),
                            clock=LoopClock(), token=token)
        async with asyncio.TaskGroup() as tasks:
            loop = tasks.create_task(uploader.run())
            first = await uploader.flush(20)
            print(first.pending, uploader.state.state)
            keyring.set_password("sidespool", "app", "new")
            second = await uploader.flush(20)
            print(second.pending, uploader.state.state, len(collector.events))
            loop.cancel()

asyncio.run(main())
""",
    )
    assert printed.splitlines() == ["1 unauthorized", "0 idle 3"]


def test_a_locked_secret_service_is_a_clear_error_and_never_a_hang(tmp_path: Path) -> None:
    in_secret_service(tmp_path, "import keyring; keyring.set_password('sidespool', 'app', 'tok')")
    printed = in_secret_service(
        tmp_path,
        """
import asyncio
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.keychain import read_secret

async def main():
    token = CollectorToken(read_keychain=lambda: read_secret("app"), deadline_s=2)
    print(await token.value(), token.problem, sep="|")

asyncio.run(main())
""",
        unlocked=False,
    )
    assert printed.startswith("None|the keychain ")


def test_the_null_backend_keeps_nothing_and_says_so() -> None:
    keyring.set_keyring(null.Keyring())
    assert read_secret("app") is None
    assert delete_secret("app") is False
    with pytest.raises(SecretStoreError, match="keeps nothing"):
        write_secret("app", "tok")


def test_a_machine_without_a_keychain_is_a_clear_error() -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # keyring leaves it out
    with pytest.raises(SecretStoreError, match="set TELEMETRY_TOKEN") as caught:
        read_secret("app")
    assert "NoKeyringError" in str(caught.value)


@pytest.mark.parametrize("call", [read_secret, delete_secret, lambda app: write_secret(app, "tok")])
def test_whatever_a_backend_raises_is_one_kind_of_error_on_one_line(call: object) -> None:
    keyring.set_keyring(LeakyKeyring())
    with pytest.raises(SecretStoreError) as caught:
        call("app")  # type: ignore[operator]  # one of three functions
    assert "\n" not in str(caught.value)
    assert "tok" not in str(caught.value).replace("TOKEN", "")


def test_the_backend_in_use_has_a_name() -> None:
    keyring.set_keyring(null.Keyring())
    assert "null" in backend_name()


def test_keyring_is_not_imported_before_it_is_needed() -> None:
    body = "import sys, sidespool.runtime.keychain, sidespool.runtime.collector_token; "
    body += "sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", body], check=False).returncode == 0
