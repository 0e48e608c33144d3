"""A withdrawal, a lowering and a reset that die at each single disk call, and start again.

In memory, so that every call can be looked at: killed alone, with the power cut, and killed once
more during the start that finishes the work. The real processes die in
`tests/e2e/test_privacy_killed.py`, at every twelfth call here and at all of them in `make soak`.
"""

import json
import os
import random
from collections.abc import Iterator

import pytest

from sidespool.core.erasure import decode_erasure
from sidespool.wire.level import Level
from support.kill_world import EVENTS, Act, KillWorld, deny, grant, lower, reset

# A process that dies leaves coroutines behind that nobody awaits.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.timeout(300),
]
CALLS_MAX = 500
SEED = int(os.environ.get("SIDESPOOL_KILL_SEED", "20261121"))
LONG = os.environ.get("SIDESPOOL_KILL_POINTS") == "all"
WHOLE = dict.fromkeys(EVENTS, 2)
NOTHING = dict.fromkeys(EVENTS, 0)


@pytest.fixture(scope="module")
def filled() -> KillWorld:
    return KillWorld()


def deaths(filled: KillWorld, act: Act) -> Iterator[tuple[KillWorld, bool, random.Random]]:
    """A world after each death of the act; whether the act was done; dice for what follows."""
    for crash_at in range(CALLS_MAX):
        for again in range(6 if LONG else 2):
            world, dice = filled.copy(), random.Random(f"{SEED} {crash_at} {again}")
            done = world.run(act, crash_at)
            world.die(dice if dice.random() < 0.6 else None)
            yield world, done, dice
        if done:
            return
    raise AssertionError("more calls than were looked at")


def die_once_more(world: KillWorld, dice: random.Random) -> None:
    """A start that dies at any of its calls, or stands and then ends."""
    world.restart(dice.randrange(60))
    world.die(dice if dice.random() < 0.5 else None)


def said_no(world: KillWorld) -> bool:
    return b'"denied"' in world.read(world.paths.consent_file)


def no_markers(world: KillWorld) -> bool:
    paths = world.paths
    marks = (paths.forget_file, paths.withdrawal_file, paths.reset_file)
    return not any(world.has(mark) for mark in marks)


def nothing_left(world: KillWorld) -> bool:
    paths = world.paths
    beside = world.in_folder(paths.spool) + world.in_folder(paths.attachments)
    return not beside and not world.has(paths.rollup_file) and not world.has(paths.key_file)


def test_a_no_that_dies_at_any_call_is_whole_or_was_never_said(filled: KillWorld) -> None:
    looked_at = 0
    for world, done, dice in deaths(filled, deny):
        looked_at += 1
        assert said_no(world) or not done
        die_once_more(world, dice)
        begun, forgets = said_no(world), world.has(world.paths.forget_file)
        assert world.restart()
        assert no_markers(world)
        if begun:
            assert nothing_left(world)
        else:
            assert world.events() == WHOLE
            assert world.has(world.paths.rollup_file)
            assert world.in_folder(world.paths.attachments)
        if done or forgets:
            assert not world.in_folder(world.paths.history)
            assert not world.has(world.paths.reports_file)
        if looked_at % 3 == 0:
            assert world.run(grant, None)
            assert world.events() == (NOTHING if begun else WHOLE)
    assert looked_at > 60


def test_a_lowering_that_dies_at_any_call_takes_what_it_named_and_nothing_else(
    filled: KillWorld,
) -> None:
    looked_at = 0
    for world, done, dice in deaths(filled, lower):
        looked_at += 1
        paths = world.paths
        assert world.events()[Level.FULL] == 0 or not done
        die_once_more(world, dice)
        beside = world.has(paths.forget_file)
        begun = beside or world.has(paths.withdrawal_file) or not world.events()[Level.FULL]
        assert world.restart()
        assert no_markers(world)
        full = 0 if begun else 2
        assert world.events() == {**WHOLE, Level.FULL: full}
        assert bool(world.in_folder(paths.attachments)) is not begun
        assert world.has(paths.rollup_file)
        assert world.in_folder(paths.history)
        if looked_at % 3 == 0:
            assert world.run(grant, None)
            assert world.events()[Level.FULL] == full
    assert looked_at > 60


def test_a_reset_that_dies_at_any_call_is_whole_or_never_began(filled: KillWorld) -> None:
    looked_at = 0
    for world, done, dice in deaths(filled, reset):
        looked_at += 1
        paths = world.paths
        assert world.in_folder(paths.deletion) or not done
        die_once_more(world, dice)
        begun = world.has(paths.reset_file) or bool(world.in_folder(paths.deletion))
        assert world.restart()
        assert no_markers(world)
        install = json.loads(world.read(paths.install_file))
        if not begun:
            assert install["install_id"] == world.user_id
            assert world.events() == WHOLE
            assert not said_no(world)
            continue
        assert nothing_left(world)
        assert not world.in_folder(paths.history)
        assert not world.has(paths.reports_file)
        assert said_no(world)
        assert install["install_id"] != world.user_id
        [name] = world.in_folder(paths.deletion)
        request = decode_erasure(world.read(paths.deletion / name))
        assert request is not None
        assert request.user_ids == [world.user_id]
        assert world.read(paths.consent_file).count(b'"reset"') == 1
    assert looked_at > 60
