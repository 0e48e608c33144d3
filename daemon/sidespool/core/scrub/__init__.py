"""Scrubbing: what may leave a text, decided by pure code. See ``docs/scrub.md`` for the policy."""

from sidespool.core.scrub.context import ScrubContext
from sidespool.core.scrub.scrubber import Scrubber

__all__ = ["ScrubContext", "Scrubber"]
