"""The rules of counters with noise: a stated epsilon, a bound, and a sum that is told alone.

What they guard: a counter is told once a period at a stated cost, and nothing else of its event
leaves from which its truth could be read.
"""

from typing import Any

from sidespool.wire.lint.attribute import Table
from sidespool.wire.lint.mistake import Code, Findings, nearest
from sidespool.wire.lint.position import Path
from sidespool.wire.noise import (
    COUNTERS_MAX,
    EPSILON_MAX,
    EPSILON_MIN,
    EPSILON_TOTAL_MAX,
    LABEL_CHARS_MAX,
    NOISES,
    PERIOD_MAXIMUM_MAX,
)

_COMPANIONS = ("epsilon", "period_maximum")
_ASK_EPSILON = "Say what one period costs: epsilon = 1.0; the smaller, the more noise"
_ASK_MAXIMUM = "Say the most one period tells: period_maximum = 20; the smaller, the less noise"
_ONCE = 'Set aggregate = true and level = "usage" on the event: told one by one, each costs epsilon'


def check_noise(sound: Table, path: Path, to: Findings) -> None:
    """Notes every mistake in what one event and its fields say of noise."""
    is_summed = sound.get("aggregate") is True and sound.get("level") == "usage"
    _check_counter(sound, path, path[-1], to, is_summed=is_summed)
    fields = sound.get("fields")
    for name, field in fields.items() if isinstance(fields, dict) else ():
        if not isinstance(field, dict):
            continue
        at = (*path, "fields", name)
        _check_counter(field, at, f"{path[-1]}.{name}", to, is_summed=is_summed)
        _check_field(field, at, to)
        _check_within(field, at, to)


def check_noise_together(events: Table, to: Findings) -> None:
    """Notes where the counters of a whole catalog cost too much together, or are too many."""
    found = [
        (at, table)
        for name, event in events.items()
        if isinstance(event, dict)
        for at, table in _noisy(("events", name), event)
    ]
    cost, last = 0.0, 0.0
    for at, table in found:
        last, cost = cost, cost + _number(table.get("epsilon"))
        if last <= EPSILON_TOTAL_MAX < cost:
            message = f"with this, a period costs epsilon {cost:g}"
            hint = f"Lower some: all counters of a catalog cost {EPSILON_TOTAL_MAX:g} at most"
            to.add(Code.EPSILON_RANGE, (*at, "epsilon"), message, hint)
    if len(found) > COUNTERS_MAX:
        hint = f"Take some away: a summary tells {COUNTERS_MAX} at most"
        to.add(Code.NOISE_PLACE, found[COUNTERS_MAX][0], "too many counters with noise", hint)


def _noisy(path: Path, event: Table) -> list[tuple[Path, Table]]:
    own: list[tuple[Path, Table]] = [(path, event)] if event.get("noise") else []
    fields = event.get("fields")
    if not isinstance(fields, dict):
        return own
    return own + [
        ((*path, "fields", name), field)
        for name, field in fields.items()
        if isinstance(field, dict) and field.get("noise")
    ]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _check_counter(table: Table, path: Path, label: str, to: Findings, *, is_summed: bool) -> None:
    noise = table.get("noise")
    if not noise:
        for name in _COMPANIONS:
            if name in table:
                hint = 'Take it away, or set noise = "local"'
                to.add(Code.MISPLACED_ATTRIBUTE, (*path, name), f"{name} without noise", hint)
        return
    at = (*path, "noise")
    if noise not in NOISES:
        hint = nearest(str(noise), NOISES)
        to.add(Code.UNKNOWN_NOISE, at, f'unknown noise "{noise}"', hint)
    if not is_summed:
        to.add(Code.NOISE_PLACE, at, "noise on what is not only told as a sum", _ONCE)
    if len(label) > LABEL_CHARS_MAX:
        hint = f"Shorten the names: both together hold {LABEL_CHARS_MAX} characters at most"
        to.add(Code.NOISE_PLACE, at, f"{label} is too long for a counter with noise", hint)
    _check_epsilon(table, path, to)
    if table.get("kind") == "flag":
        if "period_maximum" in table:
            hint = "Take it away: a flag is told as 1 or 0"
            where = (*path, "period_maximum")
            to.add(Code.MISPLACED_ATTRIBUTE, where, "period_maximum of a flag", hint)
    else:
        _check_maximum(table, path, to)


def _check_epsilon(table: Table, path: Path, to: Findings) -> None:
    epsilon = table.get("epsilon")
    if epsilon is None:
        to.add(Code.NO_EPSILON, path, "noise without epsilon", _ASK_EPSILON)
    elif not EPSILON_MIN <= _number(epsilon) <= EPSILON_MAX:
        hint = f"Stay within {EPSILON_MIN:g} and {EPSILON_MAX:g}; above, it is noise in name only"
        message = f"epsilon {epsilon} is out of range"
        to.add(Code.EPSILON_RANGE, (*path, "epsilon"), message, hint)


def _check_maximum(table: Table, path: Path, to: Findings) -> None:
    most = table.get("period_maximum")
    if most is None:
        to.add(Code.NO_PERIOD_MAXIMUM, path, "noise on a count without a bound", _ASK_MAXIMUM)
    elif isinstance(most, int) and not 1 <= most <= PERIOD_MAXIMUM_MAX:
        hint = f"1 to {PERIOD_MAXIMUM_MAX}"
        where = (*path, "period_maximum")
        to.add(Code.BOUND_RANGE, where, f"period_maximum {most} is out of range", hint)


def _check_field(field: Table, path: Path, to: Findings) -> None:
    if not field.get("noise"):
        return
    kind, type_ = field.get("kind"), field.get("type")
    fits = (kind == "flag" and type_ in (None, "boolean")) or (
        kind == "count" and type_ in (None, "integer")
    )
    if not fits:
        hint = "Noise is for a flag, or for a count that is an integer"
        message = f"noise on a {kind} of type {type_}" if type_ else f"noise on a {kind}"
        to.add(Code.NOISE_PLACE, (*path, "noise"), message, hint)
    elif kind == "count" and _number(field.get("minimum")) < 0:
        hint = "Take the minimum away: the noise is sized for 0 to period_maximum"
        to.add(Code.NOISE_PLACE, (*path, "minimum"), "noise on a count below 0", hint)


def _check_within(field: Table, path: Path, to: Findings) -> None:
    """An object's fields are not summed, so noise has no place there."""
    inner = field.get("fields")
    for name, table in inner.items() if isinstance(inner, dict) else ():
        if isinstance(table, dict) and any(word in table for word in ("noise", *_COMPANIONS)):
            hint = "Move the field to the event itself"
            at = (*path, "fields", name)
            to.add(Code.NOISE_PLACE, at, "noise within an object", hint)
