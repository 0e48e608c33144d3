"""What a person chose to look at: a period and filters, as they stand in a query string."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec

from sidespool.wire.event import format_time
from sidespool_collector.store.contract import FactQuery

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DEFAULT_DAYS = 30
RANGE_MAX_MS = 3660 * DAY_MS


class View(msgspec.Struct, frozen=True):
    """`since_ms` inclusive, `until_ms` exclusive; empty filters mean all.

    `min_group`: what fewer installs did is not shown, see chart/floor.py.
    """

    since_ms: int
    until_ms: int
    app_version: str = ""
    os: str = ""
    min_group: int = 1

    @property
    def step_ms(self) -> int:
        """An hour for up to three days, else a day."""
        return HOUR_MS if self.until_ms - self.since_ms <= 3 * DAY_MS else DAY_MS

    @property
    def days(self) -> int:
        """Length of the period, rounded up."""
        return -(-(self.until_ms - self.since_ms) // DAY_MS)

    def before(self) -> "View":
        """The period of the same length that ended where this one begins."""
        return msgspec.structs.replace(
            self, since_ms=2 * self.since_ms - self.until_ms, until_ms=self.since_ms
        )

    def query(self, measure: str, *, step_ms: int = 0, by: str = "key") -> FactQuery:
        """What to ask a store for."""
        return FactQuery(
            measure, self.since_ms, self.until_ms, step_ms, self.app_version, self.os, by
        )

    def steps(self) -> list[int]:
        """The start of every step, also of those in which nothing happened."""
        step = self.step_ms
        return list(range(self.since_ms - self.since_ms % step, self.until_ms, step))

    def _to(self) -> str:
        """A date as `to` includes that day."""
        whole = self.until_ms % DAY_MS == 0 and self.since_ms % DAY_MS == 0
        return moment(self.until_ms - DAY_MS) if whole else format_time(self.until_ms)

    def text(self) -> str:
        """The query string that leads here again."""
        pairs = {
            "from": moment(self.since_ms),
            "to": self._to(),
            "version": self.app_version,
            "os": self.os,
            "k": str(self.min_group) if self.min_group > 1 else "",
        }
        return urlencode({name: value for name, value in pairs.items() if value})


def moment(ms: int) -> str:
    """A date where it is the start of one, else a time."""
    return format_time(ms)[:10] if ms % DAY_MS == 0 else format_time(ms)


def default_view(now_ms: int, days: int = DEFAULT_DAYS) -> View:
    """The last `days` days, today included."""
    today = now_ms - now_ms % DAY_MS
    return View(today - (days - 1) * DAY_MS, today + DAY_MS)


def day_text(ms: int) -> str:
    """`21 Nov 2026`."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment.day} {moment:%b %Y}"
