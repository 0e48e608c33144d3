"""Sessions and the set of installs that began them, by hour and day: exact, and mergeable.

Distinct counts cannot be added up, sets can: each hour, version and system has a Roaring bitmap
(CRoaring's format, https://roaringbitmap.org) of install numbers. A store numbers its installs
densely, so a bitmap takes at most an eighth of a byte for each install there is, and two bytes
for each one in it where they are few. A count over any period is the size of a union, with no
error.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from pyroaring import BitMap64

from sidespool_collector.store.contract import FactQuery, InstallCount
from sidespool_collector.store.span import place_of

K = TypeVar("K")
PresenceRow = tuple[int, str, str, int, bytes]
"""`(start, app_version, os, sessions, installs)`, the last a bitmap's bytes."""


class Presence(msgspec.Struct):
    """Sessions begun, and the numbers of the installs that began them."""

    sessions: int
    installs: BitMap64


def presence_of(rows: Iterable[tuple[str, str, int]]) -> dict[tuple[str, str], Presence]:
    """From `(app_version, os, install)`, one row a session."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for version, os, install in rows:
        numbers.setdefault((version, os), []).append(install)
    return {key: Presence(len(found), BitMap64(found)) for key, found in numbers.items()}


def merge_presence(rows: Iterable[PresenceRow]) -> dict[tuple[str, str], Presence]:
    """Stored rows merged by version and system."""
    merged: dict[tuple[str, str], Presence] = {}
    for _, version, os, sessions, installs in rows:
        _add(merged, (version, os), sessions, installs)
    return merged


def _add(merged: dict[K, Presence], key: K, sessions: int, installs: bytes) -> None:
    found = merged.get(key)
    if found is None:
        merged[key] = Presence(sessions, BitMap64.deserialize(installs))
    else:
        found.sessions += sessions
        found.installs |= BitMap64.deserialize(installs)


def presence_rows(
    found: dict[tuple[str, str], Presence], grain: int, start: int
) -> list[tuple[int, int, str, str, int, bytes]]:
    """As rows of the table `presence`."""
    return [
        (grain, start, version, os, each.sessions, each.installs.serialize())
        for (version, os), each in found.items()
    ]


def install_counts(rows: Iterable[PresenceRow], query: FactQuery) -> list[InstallCount]:
    """Stored rows by step and by what `query.by` names, in order."""
    merged: dict[tuple[int, str], Presence] = {}
    for start, version, os, sessions, installs in rows:
        _add(merged, place_of(query, start, "", version, os), sessions, installs)
    return [
        InstallCount(start, found.sessions, len(found.installs), name)
        for (start, name), found in sorted(merged.items())
    ]
