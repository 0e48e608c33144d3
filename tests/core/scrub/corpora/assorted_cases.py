"""Single forms collected by hand, one a line, with what must go and what must stay."""

from core.scrub.corpora.case import Case, written


def cases() -> list[Case]:
    return written("assorted.jsonl")
