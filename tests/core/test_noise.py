"""What a summary tells of noisy counters: each of them, always, clamped, and nothing else."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.noise import told
from sidespool.core.rollup import PERIOD_MS, Counted, RollUp, decode_rollup, encode_rollup, measure
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.noise import Counter
from sidespool.wire.validate import Validator

START_MS = 1_790_000_000_000
COUNTERS = [Counter("A", 0.5, 3), Counter("A.f", 1.0, None), Counter("B.n", 2.0, 50)]
CATALOG = """[events.Panic]
level = "usage"
aggregate = true
noise = "local"
epsilon = 1.0
period_maximum = 3
description = "x"
why = "x"
owner = "x"
expires = "never"
sensitivity = "interaction"
retention_days = 90
[events.Panic.fields.by_mistake]
kind = "flag"
description = "x"
noise = "local"
epsilon = 1.0
[events.Panic.fields.seats]
kind = "count"
description = "x"
noise = "local"
epsilon = 1.0
period_maximum = 9
[events.Panic.fields.held_ms]
kind = "duration"
description = "x"
"""


class Seeded:
    """Noise of a seeded generator that remembers the truths it was given."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)
        self.truths: list[Any] = []

    def flag(self, truth: bool, epsilon: float) -> bool:
        self.truths.append(truth)
        return truth != (self._dice.random() < 1 / (1 + epsilon))

    def count(self, truth: int, epsilon: float, maximum: int) -> int:
        self.truths.append(truth)
        return truth + self._dice.randint(-maximum, maximum)


@given(st.dictionaries(st.sampled_from(["A", "A.f", "B.n", "Other"]), st.integers(0, 10**6)))
def test_every_declared_counter_is_told_whatever_was_used(sums: dict[str, int]) -> None:
    noise = Seeded()
    fields = told(COUNTERS, sums, noise)
    assert set(fields["noisy_counts"]) == {"A", "B.n"}
    assert set(fields["noisy_flags"]) == {"A.f"}
    assert fields["noise_epsilon"] == {"A": 0.5, "A.f": 1.0, "B.n": 2.0}
    assert fields["noise_maximum"] == {"A": 3, "B.n": 50}
    assert noise.truths == [
        min(sums.get("A", 0), 3), sums.get("A.f", 0) > 0, min(sums.get("B.n", 0), 50),
    ]  # fmt: skip


def test_nothing_is_told_where_nothing_is_declared() -> None:
    assert told([], {"A": 5}, Seeded()) == {}


def counted(payload: bytes) -> Counted:
    catalog = builtin_catalog().extended(parse_catalog(CATALOG))
    event: Any = Validator(catalog).event_decoder.decode(
        b'{"event_type":"Panic","payload":' + payload + b"}"
    )
    return measure(catalog.events["Panic"], event.payload)


def test_of_an_event_with_noise_only_its_noisy_sums_are_kept() -> None:
    assert counted(b'{"by_mistake":true,"seats":4,"held_ms":7}') == Counted(
        "Panic", noisy={"Panic": 1, "Panic.by_mistake": 1, "Panic.seats": 4}
    )
    assert counted(b'{"by_mistake":false}').noisy == {"Panic": 1}


def test_a_summary_tells_nothing_else_of_such_an_event() -> None:
    rollup = RollUp(START_MS)
    for _ in range(5):
        rollup.add(counted(b'{"seats":4,"held_ms":7}'))
    rollup.add(Counted("ChatTurn"))
    seen: list[dict[str, int]] = []

    def tell(sums: dict[str, int]) -> dict[str, Any]:
        seen.append(dict(sums))
        return {"noisy_counts": {"Panic": -7}}

    rollup.close(START_MS + 3 * PERIOD_MS, lambda start, end: f"{start}", tell)
    first, second = (one.payload for one in rollup.ready)
    assert first["events"] == {"ChatTurn": "1-5"}
    assert (first["durations"], first["sizes"]) == ({}, {})
    assert first["noisy_counts"] == second["noisy_counts"] == {"Panic": -7}
    assert seen == [{"Panic": 5, "Panic.seats": 20}, {}]
    assert rollup.noisy == {}
    assert decode_rollup(encode_rollup(rollup)) == rollup
