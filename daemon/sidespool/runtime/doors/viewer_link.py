"""One-time links to the viewer: 256 random bits, good for one request within a minute."""

import time

from sidespool.runtime.ids import new_token

LINK_LIFE_S = 60.0
LINKS_MAX = 8  # open at a time; the oldest goes


class ViewerLinks:
    """The links that are good now."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def new(self) -> str:
        """A key for one visit."""
        while len(self._until) >= LINKS_MAX:
            self._until.pop(next(iter(self._until)))
        key = new_token()
        self._until[key.encode()] = time.monotonic() + LINK_LIFE_S
        return key

    def good(self) -> tuple[bytes, ...]:
        """Keys that would be let in now."""
        now = time.monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return tuple(self._until)

    def use(self, key: bytes) -> None:
        """The visit happened: the key is good for nothing any more."""
        self._until.pop(key, None)
