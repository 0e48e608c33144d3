"""Silences and the machine's book, kept in the store beside the data."""

import secrets

import msgspec

from sidespool_collector.alert.machine import Book, Notice, Silence
from sidespool_collector.store.contract import Store

SILENCES_KEY, DESK_KEY, LEASE_KEY = "alert_silences", "alert_desk", "alert_lease"
SILENCES_MAX = 500
_SILENCES = msgspec.json.Decoder(list[Silence])


class Waiting(msgspec.Struct):
    """A notice on its way; `next_ms` is when it is tried (again)."""

    notice: Notice
    next_ms: int
    attempts: int = 0


class Delivery(msgspec.Struct):
    """How the last try at a destination went; an empty problem is success."""

    at_ms: int
    problem: str = ""


class Desk(msgspec.Struct):
    """What outlives a restart: the machine's book and what is yet to be sent."""

    book: Book = msgspec.field(default_factory=Book)
    outbox: list[Waiting] = []
    last: dict[str, Delivery] = {}


_DESK = msgspec.json.Decoder(Desk)


class Lease(msgspec.Struct):
    """Which of several collectors on one store watches, and until when."""

    owner: str
    until_ms: int


LEASE = msgspec.json.Decoder(Lease)


async def load_desk(store: Store) -> Desk:
    """The desk, or an empty one where none was kept or it cannot be read."""
    raw = await store.memo(DESK_KEY)
    try:
        return _DESK.decode(raw) if raw else Desk()
    except msgspec.MsgspecError:
        return Desk()


async def silences_of(store: Store, now_ms: int) -> list[Silence]:
    """Those that still hold."""
    raw = await store.memo(SILENCES_KEY)
    try:
        found = _SILENCES.decode(raw) if raw else []
    except msgspec.MsgspecError:
        found = []
    return [silence for silence in found if now_ms < silence.until_ms]


async def add_silence(
    store: Store, rule: str, until_ms: int, who: str, reason: str, now_ms: int
) -> Silence:
    """Keeps a silence; what has ended is dropped."""
    silence = Silence(secrets.token_hex(4), rule, until_ms, who, reason)
    kept = [*await silences_of(store, now_ms), silence][-SILENCES_MAX:]
    await store.set_memo(SILENCES_KEY, msgspec.json.encode(kept))
    return silence


async def end_silence(store: Store, number: str, now_ms: int) -> bool:
    """Takes a silence away; whether it was there."""
    found = await silences_of(store, now_ms)
    kept = [silence for silence in found if silence.id != number]
    await store.set_memo(SILENCES_KEY, msgspec.json.encode(kept))
    return len(kept) < len(found)
