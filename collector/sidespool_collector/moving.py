"""Moves everything of one store to another, in either direction, and goes on where it stopped.

1. The new store takes over the key of the tombstones, then all parts but events: tombstones first,
   so that nothing erased comes back, and the Idempotency-Keys, so that a batch whose answer was
   lost before the move is still found after it.
2. Events, in order of time. How far it came is kept in the new store after each chunk; an event
   that is moved twice is there once, like any other.
3. The new store's rollups are computed, and the counts of both are compared.

Stop the collector first: what it took in meanwhile could lie before the place already reached.
Daemons keep their events until the new one answers.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from sidespool.wire.event import parse_time
from sidespool_collector.event import Batch, Row, id_bytes
from sidespool_collector.store.contract import EventQuery, Store, StoredEvent, StoreError
from sidespool_collector.store.part import PARTS

ROWS_AT_ONCE = 2000
BATCHES_AT_ONCE = 200
KEY, STATE = "tombstone_key", "moving"
REFRESH_S = 36_000.0


class State(msgspec.Struct):
    """How far it came. `source` tells the old store from others; `until_ms`: events before it."""

    source: str
    parts: list[str] = []
    since_ms: int | None = None
    is_done: bool = False


class Moved(msgspec.Struct):
    """What is in both stores at the end; `was_done`: an earlier run had finished already."""

    events: int
    expected: int
    rows: dict[str, int] = {}
    was_done: bool = False


Progress = Callable[[str, int, int], None]


async def adopt(old: Store, new: Store) -> State:
    """Begins or resumes; afterwards `new` must be closed and opened again. Raises StoreError."""
    key = await old.memo(KEY)
    assert key is not None
    source = hashlib.sha256(b"moving" + key).hexdigest()[:16]
    found = await new.memo(STATE)
    if found is not None:
        state = msgspec.json.decode(found, type=State)
        if state.source != source:
            raise StoreError("the new store already took in another store: name an empty one")
        return state
    if await new.memo(KEY) == key:
        raise StoreError("both URLs name the same store")
    async for _ in new.export(EventQuery()):
        raise StoreError("the new store holds events already: name an empty one")
    await new.set_memo(KEY, key)
    state = State(source)
    await _keep(new, state)
    return state


async def _keep(new: Store, state: State) -> None:
    await new.set_memo(STATE, msgspec.json.encode(state))


async def move(old: Store, new: Store, state: State, progress: Progress) -> Moved:
    """Moves what is not there yet. Raises StoreBusyError; the next run goes on."""
    await old.refresh(REFRESH_S)
    expected = (await old.holding()).events
    was_done = state.is_done
    rows: dict[str, int] = {}
    if not was_done:
        for name in PARTS:
            if name not in state.parts:
                rows[name] = await _move_part(old, new, name)
                state.parts.append(name)
                await _keep(new, state)
        await _move_events(old, new, state, progress, expected)
        state.is_done = True
        await _keep(new, state)
    await new.refresh(REFRESH_S)
    return Moved((await new.holding()).events, expected, rows, was_done)


async def _move_part(old: Store, new: Store, name: str) -> int:
    keys, count = PARTS[name].keys, 0
    after: tuple[Any, ...] | None = None
    while rows := await old.dump(name, after, ROWS_AT_ONCE):
        await new.load(name, rows)
        after = tuple(rows[-1][:keys])
        count += len(rows)
    return count


async def _move_events(
    old: Store, new: Store, state: State, progress: Progress, expected: int
) -> None:
    shapes, count = Shapes(), 0
    async for chunk in old.export(EventQuery(since_ms=state.since_ms)):
        groups: dict[int, list[Row]] = {}
        for event in chunk:
            received, row = row_of(event, shapes)
            groups.setdefault(received, []).append(row)
        batches = [Batch(None, at, "moved", rows, [], is_moved=True) for at, rows in groups.items()]
        for start in range(0, len(batches), BATCHES_AT_ONCE):
            step = batches[start : start + BATCHES_AT_ONCE]
            await asyncio.gather(*(new.append(batch) for batch in step))
        if chunk:  # events of one millisecond may go on in the next chunk: those come twice
            state.since_ms = max(row[2] for rows in groups.values() for row in rows)
            await _keep(new, state)
        count += len(chunk)
        progress("events", count, expected)


class Shapes:
    """Structs for payloads as they come out of a store; a type's shape only ever grows.

    An event knows which fields it has, not which it could have had; one shape for each set of
    fields would fill the store with shapes.
    """

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._kinds: dict[str, type[msgspec.Struct]] = {}

    def struct(self, event_type: str, payload: dict[str, Any]) -> msgspec.Struct:
        """The payload as a struct of its type's shape."""
        names = self._names.get(event_type, ())
        more = tuple(name for name in payload if name not in names)
        if more or event_type not in self._kinds:
            names = self._names[event_type] = (*names, *more)
            fields: list[Any] = [(name, Any, None) for name in names]
            self._kinds[event_type] = msgspec.defstruct("Payload", fields)
        return self._kinds[event_type](*(payload.get(name) for name in names))


def row_of(event: StoredEvent, shapes: Shapes) -> tuple[int, Row]:
    """When an exported event was received, and its row."""
    raw = id_bytes(event.event_id)
    stamp = parse_time(event.timestamp)
    at = parse_time(event.corrected_timestamp or event.timestamp)
    received = parse_time(event.received_at)
    if raw is None or stamp is None or at is None or received is None:
        raise StoreError(f"event {event.event_id} cannot be read back: nothing was lost, but stop")
    source = (event.session_id, event.user_id, event.app_id, event.app_version, event.os)
    payload = shapes.struct(event.event_type, msgspec.json.decode(event.payload))
    aside = bytes(event.aside).decode() if event.aside is not None else None
    return received, (raw, event.event_type, at, stamp - at, source, event.seq, payload, aside)
