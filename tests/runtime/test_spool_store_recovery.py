"""Recovery of a spool folder: torn, altered, half finished, foreign, refused."""

import errno

import msgspec
import pytest

from sidespool.core.record import ACTIVE, HEADER_BYTES, SEALED, is_whole, segment_name
from sidespool.core.withdrawal import Withdrawal, encode_withdrawal
from sidespool.wire.level import Level
from support.power_loss import Crash
from support.spool_world import World


@pytest.fixture
def world() -> World:
    return World(bytes_max=1_000_000)


def only_batch(world: World) -> str:
    (batch_id,) = world.store.book.segments
    return batch_id


def raw_of(world: World, batch_id: str, state: str) -> bytes:
    return world.disk.files(world.paths.spool)[segment_name(batch_id, state)]


def put(world: World, batch_id: str, state: str, raw: bytes) -> None:
    world.disk.put(world.paths.spool / segment_name(batch_id, state), raw)


def restart(world: World) -> None:
    world.disk.kill()
    world.start()


def quarantine_names(world: World) -> list[str]:
    return [
        name.split(".", 1)[1]
        for name in world.disk.files(world.paths.spool)
        if "quarantined" in name or "reason" in name
    ]


def test_an_active_segment_is_cut_to_its_last_whole_commit_and_sealed(world: World) -> None:
    ids = [one for _ in range(3) for one in world.emit(Level.USAGE, 2)]
    batch_id = only_batch(world)
    put(world, batch_id, ACTIVE, raw_of(world, batch_id, ACTIVE) + b"\x12torn" * 9)
    restart(world)
    assert world.spooled() == ids
    assert is_whole(raw_of(world, batch_id, SEALED))
    assert quarantine_names(world) == []
    assert any("cut off" in line for line in world.log)


def test_a_segment_torn_within_its_first_commit_held_nothing_acknowledged(world: World) -> None:
    world.emit(Level.USAGE)
    batch_id = only_batch(world)
    put(world, batch_id, ACTIVE, raw_of(world, batch_id, ACTIVE)[:40])
    restart(world)
    assert world.disk.files(world.paths.spool) == {}
    assert world.dropped() == {}


def test_acknowledged_commits_altered_on_disk_are_counted_and_kept_as_evidence(
    world: World,
) -> None:
    ids = [one for _ in range(5) for one in world.emit(Level.USAGE)]
    batch_id = only_batch(world)
    raw = raw_of(world, batch_id, ACTIVE)
    middle = len(raw) // 2
    put(world, batch_id, ACTIVE, raw[:middle] + b"\0\0\0" + raw[middle + 3 :])
    restart(world)
    saved = world.spooled()
    assert saved == ids[: len(saved)]
    assert 1 <= len(saved) <= 3
    assert quarantine_names(world) == ["v1.quarantined", "v1.reason.json"]
    lost = world.dropped()["corrupt"]
    assert 1 <= lost <= 5 - len(saved)
    assert world.store.quarantined == {batch_id: lost}


@pytest.mark.parametrize("offset", [0, 3, 12, 17, 21, 25])
def test_a_sealed_segment_with_a_damaged_header_gets_a_new_one(world: World, offset: int) -> None:
    ids = world.emit(Level.ERROR, 3)
    world.store.seal_all()
    batch_id = only_batch(world)
    good = raw_of(world, batch_id, SEALED)
    put(world, batch_id, SEALED, good[:offset] + b"\xee" + good[offset + 1 :])
    restart(world)
    assert world.spooled() == ids
    assert raw_of(world, batch_id, SEALED) == good
    assert world.dropped() == {}


def test_a_sealed_segment_cut_short_gives_its_whole_commits_and_counts_the_rest(
    world: World,
) -> None:
    ids = [one for _ in range(4) for one in world.emit(Level.ERROR, 2)]
    world.store.seal_all()
    batch_id = only_batch(world)
    raw = raw_of(world, batch_id, SEALED)
    put(world, batch_id, SEALED, raw[: len(raw) * 2 // 3])
    restart(world)
    saved = world.spooled()
    assert saved == ids[: len(saved)]
    assert len(saved) in (2, 4)
    assert world.dropped() == {"corrupt": 8 - len(saved)}
    assert only_batch(world) != batch_id, "other content, other batch id"
    assert world.store.book.segments[only_batch(world)].level is Level.ERROR


def test_a_sealed_segment_of_zeros_is_quarantined(world: World) -> None:
    world.emit(Level.USAGE, 5)
    world.store.seal_all()
    batch_id = only_batch(world)
    put(world, batch_id, SEALED, bytes(len(raw_of(world, batch_id, SEALED))))
    restart(world)
    assert world.spooled() == []
    assert world.dropped() == {"corrupt": 1}
    note = msgspec.json.decode(world.disk.files(world.paths.spool)[f"{batch_id}.v1.reason.json"])
    assert note["reason"] == "corrupt"


def test_a_sealed_segment_damaged_while_running_is_saved_when_the_collector_refuses_it(
    world: World,
) -> None:
    ids = [one for _ in range(4) for one in world.emit(Level.USAGE)]
    world.store.seal_all()
    batch_id = only_batch(world)
    raw = raw_of(world, batch_id, SEALED)
    middle = len(raw) - 60
    put(world, batch_id, SEALED, raw[:middle] + bytes(20) + raw[middle + 20 :])
    world.store.set_aside(batch_id, "refused", "400: no gzip")
    saved = world.spooled()
    assert saved == ids[: len(saved)]
    assert world.dropped() == {"corrupt": 4 - len(saved)}
    restart(world)
    assert world.spooled() == saved
    assert world.dropped() == {"corrupt": 4 - len(saved)}


def test_a_damaged_segment_too_large_for_the_collector_loses_nothing_uncounted(
    world: World,
) -> None:
    world.emit(Level.USAGE, 2)
    world.emit(Level.USAGE, 2)
    world.store.seal_all()
    batch_id = only_batch(world)
    raw = raw_of(world, batch_id, SEALED)
    put(world, batch_id, SEALED, raw[:-20] + bytes(20))
    assert world.store.halve(batch_id) == []
    assert len(world.spooled()) + world.dropped()["corrupt"] == 4


def test_other_versions_and_foreign_files_are_left_alone(world: World) -> None:
    world.emit(Level.USAGE)
    batch_id = only_batch(world)
    later = f"{batch_id[:-1]}f.v2.sealed"
    world.disk.put(world.paths.spool / later, b"of a later version")
    world.disk.put(world.paths.spool / "notes.txt", b"what is this")
    restart(world)
    files = world.disk.files(world.paths.spool)
    assert files[later] == b"of a later version"
    assert files["notes.txt"] == b"what is this"
    assert sorted(world.store.left_alone) == sorted([later, "notes.txt"])


def test_a_withdrawal_deletes_every_file_above_the_level_by_name(world: World) -> None:
    world.emit(Level.USAGE)
    batch_id = only_batch(world)
    world.store.seal_all()
    world.store.set_aside(batch_id, "refused", "400")
    kept = world.emit(Level.ERROR)
    world.emit(Level.USAGE)
    world.emit(Level.FULL)
    world.disk.put(world.paths.spool / f"{batch_id[:-1]}f.v2.sealed", b"of a later version")
    assert world.store.purge_above(Level.ERROR) == 2
    assert world.spooled() == kept
    left = world.disk.files(world.paths.spool)
    assert [name[15] for name in left] == ["2"]
    assert world.disk.files(world.paths.root).keys() == {"tally.json"}


def test_a_marker_that_comes_back_does_not_touch_what_was_granted_later(world: World) -> None:
    world.emit(Level.USAGE)
    old = only_batch(world)
    world.store.purge_above(Level.OFF)
    fresh = world.emit(Level.USAGE)
    marker = encode_withdrawal(Withdrawal("off", [old]))
    world.disk.put(world.paths.withdrawal_file, marker)
    restart(world)
    assert world.spooled() == fresh


@pytest.mark.parametrize("marker", [b"", b"\xff\xfe", b"[" * 100_000, b'{"level":"off"}'])
def test_an_unreadable_marker_withdraws_everything(world: World, marker: bytes) -> None:
    world.emit(Level.CRASH)
    world.emit(Level.USAGE, 2)
    world.disk.put(world.paths.withdrawal_file, marker)
    restart(world)
    assert world.readable() == {}
    assert world.dropped() == {"consent_withdrawn": 3}
    restart(world)
    assert world.dropped() == {"consent_withdrawn": 3}


def test_halving_cut_short_anywhere_leaves_each_event_once(world: World) -> None:
    ids = world.emit(Level.USAGE, 9)
    world.store.seal_all()
    for calls in range(60):
        world.disk.crash_after(calls)
        try:
            for batch_id in tuple(world.store.book.segments):
                if world.store.book.segments[batch_id].events > 1:
                    world.store.halve(batch_id)
            world.disk.crash_after(None)
            break
        except Crash:
            restart(world)
            assert sorted(world.spooled()) == sorted(ids)
    assert sorted(world.spooled()) == sorted(ids)
    assert len(world.store.book.segments) > 1


def test_a_file_that_cannot_be_read_at_start_is_recovered_when_it_can(world: World) -> None:
    ids = world.emit(Level.USAGE, 3)
    world.disk.kill()
    world.disk.fault = lambda call: errno.EIO if call == "open_for_repair" else 0
    world.start()
    assert world.spooled() == []
    assert world.store.unsettled
    world.disk.fault = lambda _: 0
    world.store.seal_all()
    assert world.spooled() == ids
    assert not world.store.unsettled
    assert world.store.tally.all_time.accepted == 3


def test_a_refused_repair_is_still_covered_by_a_withdrawal(world: World) -> None:
    world.emit(Level.USAGE, 3)
    world.disk.kill()
    world.disk.fault = lambda call: errno.EIO if call == "open_for_repair" else 0
    world.start()
    world.store.purge_above(Level.OFF)
    world.disk.fault = lambda _: 0
    world.store.seal_all()
    assert world.readable() == {}
    assert world.spooled() == []


def test_nothing_is_inflated_to_list_sealed_segments(world: World) -> None:
    for _ in range(20):
        world.emit(Level.USAGE, 5)
        world.store.seal_all()
    world.disk.kill()
    world.disk.calls.clear()
    world.start()
    assert len(world.store.book.segments) == 20
    reads = [call for call in world.disk.calls if call == "read"]
    assert len(reads) == 2, "the tally and the withdrawal's marker"
    assert HEADER_BYTES == 28
