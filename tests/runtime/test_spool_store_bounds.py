"""What keeps the spool small and its losses told: merging, the quarantine's bound, reports."""

import errno
import threading

import msgspec
import pytest

from sidespool.core.policy import MERGE_SEGMENTS_MIN, QUARANTINE_SHARE
from sidespool.core.spool import DAY_MS, Segment, SpoolBook
from sidespool.core.tally import Frozen, report_payload
from sidespool.wire.level import Level
from sidespool.wire.outcome import DropReason
from support.power_loss import Crash
from support.spool_world import World


def gathered(level: Level = Level.USAGE, segments: int = MERGE_SEGMENTS_MIN) -> World:
    """A spool in which small sealed segments have gathered, as without a network."""
    world = World(bytes_max=1_000_000)
    for _ in range(segments):
        world.emit(level, 2)
        world.store.seal_all()
    return world


def restart(world: World) -> None:
    world.disk.kill()
    world.start()


def test_the_events_can_be_counted_while_segments_come_and_go() -> None:
    """The loop counts them for `status` while the writer's thread changes the book."""
    book, stop = SpoolBook(1_000_000, 14), threading.Event()
    for number in range(400):
        book.on_opened(Segment(f"{number:036}", Level.USAGE, events=1))

    def change() -> None:
        while not stop.is_set():
            for number in range(400):
                book.on_gone(f"{number:036}")
                book.on_opened(Segment(f"{number:036}", Level.USAGE, events=1))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        assert {book.events for _ in range(3_000)} <= {399, 400}
    finally:
        stop.set()
        thread.join()


# -- merging ---------------------------------------------------------------------------------------


def test_small_segments_that_gather_become_one_that_holds_the_same_events_in_order() -> None:
    world = gathered()
    before, first = world.spooled(), min(world.store.book.segments)
    assert world.store.merger.merge_small() == MERGE_SEGMENTS_MIN
    (merged,) = world.store.book.segments.values()
    assert world.spooled() == before
    assert merged.created_ms == Segment(first, Level.USAGE).created_ms, "as old as the oldest"
    assert world.store.tally.all_time.dropped == {}
    restart(world)
    assert world.spooled() == before
    assert list(world.store.book.segments.values()) == [merged]


def test_merging_cut_short_anywhere_leaves_each_event_once() -> None:
    world = gathered()
    ids = world.spooled()
    for calls in range(120):
        world.disk.crash_after(calls)
        try:
            world.store.merger.merge_small()
            world.disk.crash_after(None)
            break
        except Crash:
            restart(world)
            assert world.spooled() == ids
    assert world.spooled() == ids
    assert len(world.store.book.segments) == 1


@pytest.mark.parametrize("call", ["create", "write_at", "sync", "rename", "remove", "sync_dir"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_disk_that_refuses_while_merging_costs_nothing(call: str, killed: bool) -> None:
    for number in range(6):
        world = gathered()
        ids, left = world.spooled(), [number]

        def fault(name: str, left: list[int] = left) -> int:
            left[0] -= name == call
            return errno.EIO if name == call and left[0] < 0 else 0

        world.disk.fault = fault
        try:
            world.store.merger.merge_small()
        except OSError:
            assert world.spooled() == ids
        world.disk.fault = lambda _: 0
        if killed:  # before anything could be mended
            restart(world)
            assert world.spooled() == ids
        world.store.seal_all()
        assert not world.store.unsettled
        assert world.spooled() == ids
        restart(world)
        assert world.spooled() == ids


def test_what_is_merged_is_withdrawn_with_its_level() -> None:
    world = gathered(Level.FULL)
    world.store.merger.merge_small()
    assert world.store.purge_above(Level.USAGE) == 2 * MERGE_SEGMENTS_MIN
    assert world.readable() == {}


def test_only_segments_of_one_level_and_day_are_merged_and_none_grows_beyond_its_limit() -> None:
    book = SpoolBook(50_000_000, 14)
    for number in range(40):
        day_ms = (20_000 + number % 2) * DAY_MS + number
        level = Level.USAGE if number % 4 < 2 else Level.ERROR
        batch_id = f"{day_ms >> 16:08x}-{day_ms & 0xFFFF:04x}-7{int(level)}00-8000-{number:012x}"
        book.on_opened(Segment(batch_id, level, 1_000, 3_000, 900, sealed=True))
    assert book.mergeable() == [], "ten of a kind are too few"
    book.merge_min = 10
    chosen = book.mergeable()
    assert len({(one.level, one.created_ms // DAY_MS) for one in chosen}) == 1
    assert sum(one.events for one in chosen) <= 10_000


def test_a_damaged_segment_is_not_merged_away() -> None:
    world = gathered()
    path = next(iter(sorted(world.disk.files(world.paths.spool))))
    raw = bytearray(world.disk.files(world.paths.spool)[path])
    raw[60] ^= 1
    world.disk.put(world.paths.spool / path, bytes(raw))
    assert world.store.merger.merge_small() == 0
    assert len(world.store.book.segments) == MERGE_SEGMENTS_MIN


# -- the quarantine --------------------------------------------------------------------------------


def test_the_quarantine_keeps_the_newest_within_a_share_of_the_quota() -> None:
    world = World(bytes_max=30_000)
    world.store.book.merge_min = 1_000
    refused = []
    for _ in range(30):
        world.emit(Level.USAGE, 8)
        world.store.seal_all()
        (batch_id,) = world.store.book.segments
        world.store.set_aside(batch_id, "refused", "400")
        refused.append(batch_id)
    store = world.store
    kept = sorted(store.quarantined)
    assert 0 < len(kept) < 30
    assert kept == sorted(refused)[-len(kept) :], "the oldest went first"
    assert store.quarantine.size_bytes <= 30_000 // QUARANTINE_SHARE
    assert store.quarantine.given_up == 30 - len(kept)
    names = world.disk.files(world.paths.spool)
    assert len(names) == 2 * len(kept), "each note went with its segment"
    assert store.tally.all_time.dropped == {"refused": 240}, "counted once, when set aside"
    size = store.quarantine.size_bytes
    restart(world)
    assert sorted(world.store.quarantined) == kept
    assert world.store.quarantine.size_bytes == size


# -- reports ---------------------------------------------------------------------------------------


def store_report(world: World) -> Frozen:
    """A ClientReport of the losses so far, as the sealer stores it."""
    store, tally = world.store, world.store.tally
    frozen = tally.freeze(world.clock.event_id(), world.clock.now_ms)
    store.save_tally()
    before_ms = store.book.newest_ms(Level.USAGE)
    event = {"event_id": frozen.event_id, "event_type": "ClientReport"}
    line = msgspec.json.encode({**event, "payload": report_payload(frozen)})
    assert world.group({Level.USAGE: {frozen.event_id: line}})
    tally.on_reported((before_ms, store.book.newest_ms(Level.USAGE)))
    store.save_tally()
    return frozen


def with_report() -> tuple[World, Frozen]:
    world = World(bytes_max=1_000_000)
    world.store.tally.on_dropped(DropReason.SPOOL_QUOTA, 7)
    world.emit(Level.USAGE, 3)
    frozen = store_report(world)
    world.store.seal_all()
    assert world.store.tally.counts.losses == 0
    restart(world)
    return world, frozen


def test_a_report_that_is_evicted_is_told_by_the_next() -> None:
    world, frozen = with_report()
    world.store.evict_expired(world.clock.now_ms + 20 * DAY_MS)
    counts = world.store.tally.counts
    assert counts.dropped == {"spool_quota": 7, "spool_age": 4}
    assert counts.since_ms == frozen.counts.since_ms
    assert world.store.tally.told == {}
    restart(world)
    assert world.store.tally.counts.dropped == {"spool_quota": 7, "spool_age": 4}


def test_a_report_that_is_refused_is_told_by_the_next() -> None:
    world, _ = with_report()
    (batch_id,) = world.store.book.segments
    world.store.set_aside(batch_id, "refused", "400")
    assert world.store.tally.counts.dropped == {"spool_quota": 7, "refused": 4}


def test_a_report_that_was_delivered_is_told_once() -> None:
    world, _ = with_report()
    (batch_id,) = world.store.book.segments
    world.store.acknowledged(batch_id, 4, 0)
    assert world.store.tally.counts.losses == 0
    assert world.store.tally.told == {}


def test_a_report_that_was_merged_and_then_evicted_is_told_by_the_next() -> None:
    world, _ = with_report()
    for _ in range(MERGE_SEGMENTS_MIN):
        world.emit(Level.USAGE)
        world.store.seal_all()
    assert world.store.merger.merge_small()
    world.store.evict_expired(world.clock.now_ms + 20 * DAY_MS)
    assert world.store.tally.counts.dropped["spool_quota"] == 7


def test_an_eviction_the_disk_does_not_count_takes_no_report_back() -> None:
    world, _ = with_report()
    world.disk.fault = lambda call: errno.ENOSPC if call == "create" else 0
    assert world.store.evict_expired(world.clock.now_ms + 20 * DAY_MS) == 0
    assert world.store.tally.counts.losses == 0
    world.disk.fault = lambda _: 0
    world.store.evict_expired(world.clock.now_ms + 20 * DAY_MS)
    assert world.store.tally.counts.dropped["spool_quota"] == 7
