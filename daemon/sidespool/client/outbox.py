"""Holds emitted events until they are sent: bounded, without locks, the oldest falls out first.

Many threads put, one thread (the sender) takes. Putting must cost a fraction of a microsecond and
must be safe inside signal handlers and finalizers, so there is no lock on that way: a deque with
a bound drops its oldest item within one C call, and every item carries a number from one C
counter, so that what fell out is the difference between numbers handed out, items taken and items
still here.

Waking, as interleavings of an emitter E and the sender S:

1. S sets `asleep`, sees no item, waits; E appends, sees `asleep`, rings: S wakes.
2. E appends before S looks: S sees the item and does not wait; a late ring is one idle turn.
3. E appends after S looked, but S had set `asleep` before looking: E sees it, and rings.
4. Two emitters both see `asleep`: two rings; S empties the bell when it wakes.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

# (number, time_ns, event_type, payload, timestamp) as emitted, or (number, bytes) once encoded
Item = tuple[Any, ...]


class Numbers:
    """Hands out 0, 1, 2 … to any thread without a lock, and knows how many were handed out."""

    def __init__(self) -> None:
        self.take: Callable[[], int] = itertools.count().__next__
        self._looks = 0
        self._lock = threading.Lock()

    def look(self) -> tuple[int, int]:
        """A bound above every number handed out so far, and how many those were."""
        with self._lock:  # a count can only be read by taking from it, so looks are subtracted
            self._looks += 1
            bound = self.take()
            return bound, bound + 1 - self._looks


class Outbox:
    """The waiting events of one process; `append` and `number` are for the emitting threads."""

    def __init__(self, items_max: int) -> None:
        self.items: deque[Item] = deque(maxlen=items_max)
        self.append: Callable[[Item], None] = self.items.append
        self.asleep = True
        self._numbers = Numbers()
        self.number = self._numbers.take
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._taken = 0
        self._issued_before_close: int | None = None
        self._left_at_close = 0

    def ring(self) -> None:
        """Wakes the sender, whatever it waits for."""
        self._bell.put(None)

    def wait(self, timeout_s: float | None, *, for_events: bool) -> None:
        """Sender only: until a ring or the timeout; `for_events` lets emitters ring too."""
        self.asleep = for_events
        if not (for_events and self.items):
            with suppress(Empty):
                self._bell.get(timeout=timeout_s)
        self.asleep = False
        while not self._bell.empty():
            self._bell.get_nowait()

    def take(self) -> Item | None:
        """Sender only: the oldest item, or None."""
        try:
            item = self.items.popleft()
        except IndexError:
            return None
        self._taken += 1
        return item

    def put_back(self, items: Iterable[Item]) -> None:
        """Sender only: returns taken items, in order, to the front; the oldest give way.

        An emitter that appends between the two lines makes the newest give way instead of the
        oldest: one event of many, counted all the same.
        """
        back = list(items)
        if self._issued_before_close is not None:
            self._left_at_close += len(back)
            return
        self._taken -= len(back)
        room = (self.items.maxlen or 0) - len(self.items)
        self.items.extendleft(reversed(back[max(len(back) - room, 0) :] if room > 0 else []))

    def bound(self) -> int:
        """A number above that of every event emitted so far."""
        return self._numbers.look()[0]

    def passed(self, bound: int) -> bool:
        """Sender only: whether no event numbered below `bound` waits here any more."""
        try:
            return bool(self.items[0][0] >= bound)
        except IndexError:
            return True

    def close(self) -> None:
        """Refuses everything from now on and lets go of what still waits."""
        self._issued_before_close = self._numbers.look()[1]
        self.append = _refuse
        self.asleep = False
        self._left_at_close = len(self.items)
        self._taken += self._left_at_close
        self.items.clear()

    def counts(self) -> dict[str, int]:
        """`emitted`, `waiting`, and what was lost here: `overflow` and `shutdown`."""
        issued = self._numbers.look()[1]
        before = issued if self._issued_before_close is None else self._issued_before_close
        waiting = len(self.items)
        return {
            "emitted": issued,
            "waiting": waiting,
            "overflow": max(before - self._taken - waiting, 0),
            "shutdown": issued - before + self._left_at_close,
        }


def _refuse(_: Item) -> None:
    """The `append` of a closed outbox."""
