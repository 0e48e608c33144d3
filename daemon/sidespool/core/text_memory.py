"""Remembers what became of long texts that come again: an application's errors repeat.

Two generations of at most `GENERATION_CHARS` each: a full young one becomes the old one, and what
is asked for again moves back to the young. So what is used stays, memory is bounded, and nothing
is ever sorted or counted a second time. Of the text itself only its length and Python's 64-bit
hash, keyed anew in each process, are kept: the memory holds nothing that was not scrubbed, and a
collision would cost one stack its text. Whoever owns this drops it when consent is withdrawn.
"""

from collections.abc import Callable

from sidespool.core.policy import GENERATION_CHARS

Key = tuple[int, int]


class TextMemory:
    """`recall` gives what `work` gives, which must be a pure function of the text."""

    def __init__(self, work: Callable[[str], str], chars_max: int = GENERATION_CHARS) -> None:
        self._work = work
        self._chars_max = chars_max
        self._young: dict[Key, str] = {}
        self._old: dict[Key, str] = {}
        self._chars = 0

    @property
    def chars(self) -> int:
        """Characters held."""
        return sum(map(len, (*self._young.values(), *self._old.values())))

    def recall(self, text: str) -> str:
        """The result, worked out once for as long as it is remembered."""
        key = (hash(text), len(text))
        known = self._young.get(key)
        if known is not None:
            return known
        result = self._old.pop(key, None)
        if result is None:
            result = self._work(text)
        if len(result) <= self._chars_max:
            self._keep(key, result)
        return result

    def _keep(self, key: Key, result: str) -> None:
        if self._chars + len(result) > self._chars_max:
            self._old, self._young, self._chars = self._young, {}, 0
        self._young[key] = result
        self._chars += len(result)
