"""Lowerings and raises in any order and overlap: what is admitted, kept and sent meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidespool.config import Config
from sidespool.core.consent import ConsentBook, ConsentRecord, Policy
from sidespool.runtime.governor import Effects, Governor
from sidespool.wire.level import Level

LABELS = st.sampled_from([level.label for level in Level if level is not Level.FULL])


class World:
    """A spool that holds levels of events; deleting takes as many turns of the loop as asked."""

    def __init__(self, turns: int) -> None:
        self.admitted = Level.USAGE
        self.kept: list[Level] = []
        self.sending = True
        self.sent_while_closed = 0
        self.told = 0
        self.fails = False
        self._turns = turns

    def effects(self) -> Effects:
        return Effects(
            admit=self._admit,
            close_gate=self._close,
            open_gate=self._open,
            purge_above=self._purge,
            unlock=self._unlock,
            on_settings=lambda _: None,
            broadcast=self._tell,
        )

    def emit(self, level: Level) -> bool:
        if level > self.admitted:
            return False
        self.kept.append(level)
        return True

    def _admit(self, level: Level) -> None:
        self.admitted = level

    async def _close(self) -> None:
        self.sending = False
        await self._wait()

    def _open(self) -> None:
        self.sending = True

    async def _purge(self, level: Level) -> int:
        assert not self.sending, "nothing may be sent while events are deleted"
        await self._wait()
        if self.fails:
            raise OSError(5, "Input/output error")
        before = len(self.kept)
        self.kept = [one for one in self.kept if one <= level]
        await self._wait()
        return before - len(self.kept)

    async def _unlock(self) -> str:
        return "no keychain here"

    def _tell(self) -> None:
        self.told += 1

    async def _wait(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)


def a_governor(world: World, **config: Any) -> Governor:
    governor = Governor(Config(**config), ConsentBook(), Policy(None))
    governor.connect(world.effects())
    return governor


def grant(level: str) -> ConsentRecord:
    return ConsentRecord("granted", "2026-01-02T03:04:05.678Z", level=level)


CHANGES = st.lists(
    st.tuples(st.sampled_from(["set", "file", "consent", "administrator"]), LABELS),
    min_size=1,
    max_size=6,
)


def change(governor: Governor, who: str, label: str) -> Awaitable[None]:
    by: dict[str, Callable[[], Awaitable[None]]] = {
        "set": lambda: governor.on_set({"level": label}),
        "file": lambda: governor.on_file({"level": label}),
        "consent": lambda: governor.on_consent(grant(label)),
        "administrator": lambda: governor.on_administrator(
            Policy(next(level for level in Level if level.label == label))
        ),
    }
    return by[who]()


@given(CHANGES, st.integers(0, 3), st.data())
def test_overlapping_changes_leave_nothing_above_any_level_that_was_asked_for(
    changes: list[tuple[str, str]], turns: int, data: st.DataObject
) -> None:
    gaps = [data.draw(st.integers(0, 4)) for _ in changes]

    async def play() -> None:
        world = World(turns)
        governor = a_governor(world)
        for level in (Level.CRASH, Level.ERROR, Level.USAGE):
            assert world.emit(level)
        first = list(world.kept)
        lowest = Level.USAGE
        async with asyncio.TaskGroup() as tasks:
            for (who, label), gap in zip(changes, gaps, strict=True):
                task = tasks.create_task(_run(change(governor, who, label)))
                await asyncio.sleep(0)
                lowest = min(lowest, governor.level)
                assert world.admitted <= governor.level
                for _ in range(gap):
                    await asyncio.sleep(0)
                del task
        assert world.sending
        assert world.admitted is governor.level
        assert [one for one in first if one <= lowest] == world.kept
        assert world.told >= 1

    asyncio.run(play())


async def _run(work: Awaitable[None]) -> None:
    await work


async def test_what_is_taken_in_after_a_raise_is_kept_though_a_lowering_was_under_way() -> None:
    world = World(turns=3)
    governor = a_governor(world)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_run(governor.on_set({"level": "error"})))
        await asyncio.sleep(0)
        raised = tasks.create_task(_run(governor.on_set({"level": "usage"})))
        await asyncio.sleep(0)
        assert not world.emit(Level.USAGE), "the lowering has not been carried out yet"
        await raised
        assert world.emit(Level.USAGE)
    assert world.kept == [Level.USAGE]


async def test_a_lowering_the_disk_refuses_keeps_the_gate_shut_and_is_made_up_for() -> None:
    world = World(turns=0)
    governor = a_governor(world)
    world.emit(Level.USAGE)
    world.fails = True
    try:
        await governor.on_set({"level": "off"})
    except OSError:
        assert not world.sending
    assert (governor.level, world.admitted) == (Level.OFF, Level.OFF)
    world.fails = False
    await governor.on_set({"level": "usage"})
    assert world.kept == []
    assert world.sending


async def test_reading_the_same_file_twice_tells_nobody() -> None:
    world = World(turns=0)
    governor = a_governor(world)
    await governor.on_file({"level": "error"})
    told = world.told
    await governor.on_file({"level": "error"})
    await governor.on_administrator(Policy(None))
    assert world.told == told


async def test_a_raise_is_bounded_by_every_ceiling() -> None:
    world = World(turns=0)
    governor = a_governor(world, do_not_track=True)
    await governor.on_set({"enabled": True, "level": "full", "full_content": True})
    await governor.on_consent(grant("full"))
    assert governor.level is Level.OFF
    assert governor.settings()["decided_by"] == "do_not_track"
