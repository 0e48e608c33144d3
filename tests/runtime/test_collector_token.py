"""The token's three sources, and that none of them shows it or hangs the daemon."""

import asyncio
import subprocess
import sys
import threading

import pytest

from sidespool.errors import SecretStoreError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.detached import detached, uninterrupted


class Keychain:
    """What a keychain answers, one after the other; the last for ever."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = list(answers)
        self.looks = 0

    def __call__(self) -> str | None:
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_the_parents_comes_before_the_setting_and_that_before_the_keychains() -> None:
    keychain = Keychain("from-keychain")
    token = CollectorToken(read_keychain=keychain)
    assert await token.value() == "from-keychain"
    assert token.hand_over("from-parent")
    assert await token.value() == "from-parent"
    assert not token.may_change
    assert not token.hand_over("from-parent")
    assert token.hand_over(None)
    assert await token.value() == "from-keychain"
    set_token = CollectorToken(configured="from-setting", read_keychain=keychain)
    assert await set_token.value() == "from-setting"
    assert set_token.hand_over("from-parent")
    assert await set_token.value() == "from-parent"
    assert not await set_token.reread()
    assert keychain.looks == 1


async def test_the_keychain_is_looked_at_once_and_again_only_when_asked() -> None:
    token = CollectorToken(read_keychain=Keychain("a", "a", "b", None))
    assert await token.value() == "a"
    assert await token.value() == "a"
    assert not await token.reread()
    assert await token.reread()
    assert token.current == "b"
    assert await token.reread()
    assert token.current is None
    assert token.problem == "no token is set"


@pytest.mark.parametrize("text", ["a b", "tök", "a\r\nX-Evil: 1", "a\x00", "a,b", "=", '"a"'])
async def test_a_token_that_is_no_header_value_is_not_sent(text: str) -> None:
    token = CollectorToken(configured=text)
    assert await token.value() is None
    assert token.problem == "the token holds characters that cannot be sent"


async def test_blanks_around_a_token_are_not_part_of_it() -> None:
    assert CollectorToken(configured=" tok== \n").current == "tok=="


async def test_a_keychain_that_fails_is_a_problem_with_a_hint_and_heals() -> None:
    broken = SecretStoreError("the keychain cannot be used", hint="Unlock it")
    token = CollectorToken(read_keychain=Keychain(broken, "tok"))
    assert await token.value() is None
    assert token.problem == "the keychain cannot be used. Unlock it"
    assert await token.reread()
    assert token.problem is None


async def test_a_keychain_that_hangs_costs_a_deadline_and_one_thread() -> None:
    released, looks = threading.Event(), []

    def hang() -> str | None:
        looks.append(1)
        released.wait(60)
        return "late"

    token = CollectorToken(read_keychain=hang, deadline_s=0.05)
    assert await token.value() is None
    assert "does not answer" in (token.problem or "")
    assert not await token.reread()
    assert len(looks) == 1, "the first look still hangs; there is no second thread beside it"
    released.set()


def test_a_keychain_that_hangs_does_not_hold_up_the_exit() -> None:
    body = """
import asyncio, time
from sidespool.runtime.collector_token import CollectorToken
token = CollectorToken(read_keychain=lambda: time.sleep(3600), deadline_s=0.05)
asyncio.run(token.value())
"""
    done = subprocess.run([sys.executable, "-c", body], timeout=30, check=False)
    assert done.returncode == 0


def test_a_token_is_part_of_no_repr() -> None:
    token = CollectorToken(configured="s3cret")
    assert "s3cret" not in repr(token)
    assert repr(CollectorToken()) == "CollectorToken(none)"


async def test_a_detached_call_returns_and_raises_as_the_call_does() -> None:
    assert await detached(int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await detached(int, "x")


async def test_an_uninterrupted_call_finishes_before_its_cancellation_counts() -> None:
    began, finish, done = threading.Event(), threading.Event(), []

    def write() -> str:
        began.set()
        finish.wait(30)
        done.append(1)
        return "written"

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(uninterrupted(write))
        await asyncio.to_thread(began.wait)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        assert not done
        finish.set()
    assert done
    assert task.result() == "written"
