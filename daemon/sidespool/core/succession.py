"""Decides from names alone which spool files a crash left half finished.

A segment may be replaced: by its two halves when the collector finds it too large, by what was
saved of it when it is damaged, or, with others that came after it, by one that holds them all when
small ones have gathered. The batch id of a successor follows from its origin's, so that
doing it twice writes the same file. The order on disk is always: successors whole and durable,
origin gone and that durable, successors offered for upload. So a successor beside an origin that
still stands was never offered: it goes, and the origin is replaced again when it comes to that.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable

from sidespool.core.record import ACTIVE, FORMAT_VERSION, QUARANTINED, SEALED, parse_name
from sidespool.core.record import segment_name as name_of

FIRST_HALF, SECOND_HALF, SAVED, MERGED = "first half", "second half", "saved", "merged"
NOTE_SUFFIX = f".v{FORMAT_VERSION}.reason.json"
_COMMON_CHARS = 19  # time, level and eight random bits: what a successor keeps of its origin's id


def derived_id(batch_id: str, role: str) -> str:
    """The batch id of a segment made from another: same time and level, other random bits."""
    digest = hashlib.blake2b(f"{batch_id}/{role}".encode(), digest_size=8).digest()
    low = int.from_bytes(digest, "big") & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000
    return f"{batch_id[:_COMMON_CHARS]}{low >> 48:04x}-{low & 0xFFFFFFFFFFFF:012x}"


def note_name(batch_id: str) -> str:
    """The file beside a quarantined segment that says why."""
    return f"{batch_id}{NOTE_SUFFIX}"


def halves_of(batch_id: str) -> list[str]:
    """The files of a segment's halves; beside a segment that is still in the book: unfinished."""
    return [name_of(derived_id(batch_id, role), SEALED) for role in (FIRST_HALF, SECOND_HALF)]


def files_of(batch_id: str) -> tuple[str, ...]:
    """Every name under which content of a segment in the book can lie in the spool folder."""
    states = [name_of(batch_id, state) for state in (ACTIVE, SEALED, QUARANTINED)]
    successors = [*halves_of(batch_id), name_of(derived_id(batch_id, SAVED), SEALED)]
    whole = [*states, *successors, note_name(batch_id)]
    return (*whole, *(f"{name}.tmp" for name in whole))


def unfinished(names: Iterable[str], merged: Collection[str] = ()) -> list[str]:
    """The files that must go before anything else in the folder is looked at.

    `merged` are origins that are known to be in another segment by now, and to go themselves.
    """
    listed = set(names)
    out = [name for name in listed if name.endswith(".tmp")]
    related: dict[str, list[str]] = defaultdict(list)
    for name in listed:
        parsed = parse_name(name)
        if parsed is not None and parsed.version == FORMAT_VERSION and parsed.state != QUARANTINED:
            related[parsed.batch_id[:_COMMON_CHARS]].append(parsed.batch_id)
        elif name.endswith(NOTE_SUFFIX):
            batch_id = name.removesuffix(NOTE_SUFFIX)
            if name_of(batch_id, QUARANTINED) not in listed:
                out.append(name)
    for batch_ids in related.values():
        if len(batch_ids) > 1:
            for batch_id in batch_ids:
                out += _successors(batch_id, listed, batch_id in merged)
    return sorted(set(out))


def _successors(origin: str, listed: set[str], is_merged: bool) -> list[str]:
    roles = (SAVED,) if is_merged else (SAVED, MERGED)
    others = [name_of(derived_id(origin, role), SEALED) for role in roles]
    return [name for name in (*halves_of(origin), *others) if name in listed]
