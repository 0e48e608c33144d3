"""The five levels of consent, ordered: each includes all below it.

`off` < `crash` < `error` < `usage` < `full`. An event needs a level; the effective level of the
daemon must be at least that. The numbers are part of the spool's file names (see core/record.py).
"""

from enum import IntEnum


class Level(IntEnum):
    """How much the user agreed to."""

    OFF = 0
    CRASH = 1
    ERROR = 2
    USAGE = 3
    FULL = 4

    @property
    def label(self) -> str:
        """The word used in settings and on the wire."""
        return self.name.lower()


LEVEL_BY_LABEL: dict[str, Level] = {level.label: level for level in Level}
