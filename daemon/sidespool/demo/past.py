"""Fills the weeks before today with other people's work, so that the dashboard has a past.

Their daemons do not run: for each install the daemon's own admission code (validation, scrubbing,
minimisation) makes the events in this process, its segment code seals them, and the sealed bytes
go to the collector by the real upload protocol, one batch an install and week.
"""

import random
from collections.abc import Iterator

import msgspec

from sidespool.core.admission import Admission, Stamp
from sidespool.core.record import encode_sealed
from sidespool.core.scrub import Scrubber, ScrubContext
from sidespool.demo.person import Person, Secrets, invent_person, invent_secrets
from sidespool.demo.work import HOUR_MS, Happening, Worker
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.event import format_time, uuid7
from sidespool.wire.level import Level
from sidespool.wire.validate import Validator

DAY_MS = 24 * HOUR_MS
DAYS = 28
INSTALLS = 36
APP_ID = "patchwork"
VERSIONS = ("2.4.3", "2.5.0", "2.5.1", "2.6.0")
_RELEASED = (-999, 9, 14, 18)  # days after the beginning


class PastBatch(msgspec.Struct, frozen=True):
    """A sealed segment and the ids in it."""

    batch_id: str
    body: bytes
    event_ids: list[str]
    refused: int


class Install(msgspec.Struct, frozen=True):
    """A person, their canaries, and the day on which they began."""

    person: Person
    secrets: Secrets
    first_day: int


def invent_installs(dice: random.Random, count: int = INSTALLS) -> list[Install]:
    """The people of the past; more of them the later it gets."""
    made = []
    for _ in range(count):
        person = invent_person(dice, _uuid(dice, 0))
        first = dice.choice((0, 0, 0, 0, 2, 5, 8, 12, 16, 20, 24))
        made.append(Install(person, invent_secrets(dice, person), first))
    return made


def version_on(day: int, lag_days: int) -> str:
    """The version in use that many days after the beginning, by somebody who updates late."""
    known = [v for v, out in zip(VERSIONS, _RELEASED, strict=True) if day >= out + lag_days]
    return known[-1] if known else VERSIONS[0]


def batches_of(install: Install, dice: random.Random, begin_ms: int) -> Iterator[PastBatch]:
    """What one install's daemon would have sent, a batch a week and version."""
    admission = _admission(install, dice)
    for week in range(0, DAYS, 7):
        by_version: dict[str, list[bytes]] = {}
        refused = 0
        for day in range(max(week, install.first_day), week + 7):
            version = version_on(day, install.person.update_lag_days)
            for session in _day(install, dice, begin_ms + day * DAY_MS, version):
                lines, bad = _admit(admission, install.person, version, session, dice)
                by_version.setdefault(version, []).extend(lines)
                refused += bad
        for lines in by_version.values():
            batch_id = _uuid(dice, begin_ms + (week + 7) * DAY_MS)
            yield PastBatch(batch_id, encode_sealed(lines), [_id_of(x) for x in lines], refused)
            refused = 0


def _admission(install: Install, dice: random.Random) -> Admission:
    person = install.person
    context = ScrubContext(username=person.account, home=person.home, hostname="")
    admission = Admission(
        Validator(builtin_catalog()), Scrubber(context), dice.randbytes(32), seq=1
    )
    admission.level = Level.USAGE
    return admission


def _day(
    install: Install, dice: random.Random, midnight_ms: int, version: str
) -> Iterator[list[Happening]]:
    """The sessions of one day: none at night, few at week-ends."""
    weekday = (midnight_ms // DAY_MS + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    usual = install.person.eagerness * (0.25 if weekday > 4 else 1.0)
    worker = Worker(dice, install.person, install.secrets, version)
    start_ms = midnight_ms + int(dice.gauss(9.2, 1.0) * HOUR_MS)
    for _ in range(min(int(dice.expovariate(1 / max(usual, 0.1)) + 0.5), 4)):
        session = worker.session(start_ms, turns=max(1, int(dice.gauss(7, 3))))
        yield session
        start_ms = session[-1].at_ms + int(dice.expovariate(1 / (1.6 * HOUR_MS))) + 600_000


def _admit(
    admission: Admission, person: Person, version: str, session: list[Happening],
    dice: random.Random,
) -> tuple[list[bytes], int]:  # fmt: skip
    """The stored lines of a session, and how many events were refused."""
    admission.on_identity(person.user_id, APP_ID, version, person.os)
    session_id = _uuid(dice, session[0].at_ms)
    raw = [
        msgspec.Raw(
            msgspec.json.encode(
                {
                    "event_type": one.event_type,
                    "payload": one.payload,
                    "timestamp": format_time(one.at_ms),
                    "event_id": _uuid(dice, one.at_ms),
                }
            )
        )
        for one in session
    ]
    stamp = Stamp(session[-1].at_ms, dice.getrandbits(80), session_id)
    admitted = admission.admit_raw(raw, stamp)
    lines = b"".join(chunk.lines for chunk in admitted.chunks).splitlines()
    return lines, len(admitted.rejected)


def _id_of(line: bytes) -> str:
    return msgspec.json.decode(line, type=_Known).event_id


class _Known(msgspec.Struct):
    event_id: str


def _uuid(dice: random.Random, unix_ms: int) -> str:
    return uuid7(unix_ms, dice.getrandbits(12), dice.getrandbits(62))
