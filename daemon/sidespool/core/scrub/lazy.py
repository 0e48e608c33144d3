"""Regular expressions that are compiled when first needed.

The package holds some two hundred patterns. Compiling them all would cost a tenth of a second at
start-up; most never fire in the life of a daemon.
"""

import re
from collections.abc import Callable, Iterator


class Lazy:
    """Stands for ``re.compile(source, flags)``; the bound methods appear at the first use."""

    __slots__ = ("findall", "finditer", "flags", "fullmatch", "match", "search", "source", "sub")

    match: Callable[..., re.Match[str] | None]
    search: Callable[..., re.Match[str] | None]
    fullmatch: Callable[..., re.Match[str] | None]
    findall: Callable[..., list[str]]
    finditer: Callable[..., Iterator[re.Match[str]]]
    sub: Callable[..., str]

    def __init__(self, source: str, flags: int = 0) -> None:
        self.source = source
        self.flags = flags

    def __getattr__(self, name: str) -> object:
        if name not in self.__slots__:
            raise AttributeError(name)
        compiled = re.compile(self.source, self.flags)
        self.match = compiled.match
        self.search = compiled.search
        self.fullmatch = compiled.fullmatch
        self.finditer = compiled.finditer
        self.findall = compiled.findall
        self.sub = compiled.sub
        return getattr(compiled, name)


def run_left(text: str, at: int, floor: int, run: Lazy) -> int:
    """Start of the longest stretch ending at ``at``, not before ``floor``, that ``run`` accepts.

    ``run`` is matched against the reversed window: searching for ``[class]*$`` from the left would
    try every start and cost the square of the window.
    """
    match = run.match(text[floor:at][::-1])
    return at - match.end() if match else at
