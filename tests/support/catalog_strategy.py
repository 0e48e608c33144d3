"""Hypothesis strategies and an oracle for events: what the catalog's text says, in plain Python."""

from typing import Any

from hypothesis import strategies as st

from sidespool.wire.catalog import SAFE_INTEGER_MAX, Catalog, FieldSpec
from sidespool.wire.event import CLIENT_FIELDS, TIME_SHAPE

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
TIMES = st.sampled_from(
    ["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05Z"]
)
NEAR_TIMES = st.sampled_from(
    ["2026-01-02T03:04:05.678", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05Z\n", "٢026-01-02"]
)


def limits(spec: FieldSpec) -> tuple[float, float]:
    """Bounds as the catalog's text promises them: 0 and 2**53 - 1 where none are given."""
    low = 0 if spec.minimum is None else spec.minimum
    return low, SAFE_INTEGER_MAX if spec.maximum is None else spec.maximum


def good_values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values the catalog allows in this field."""
    low, high = limits(spec)
    whole = st.integers(int(low), int(high))
    numbers = whole | st.floats(low, high)
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    if spec.type == "object":
        return good_payloads(spec.fields)
    if spec.type == "map" and spec.values:
        return st.dictionaries(text, st.sampled_from(spec.values), max_size=3)
    if spec.type == "map" and spec.kind in ("count", "size", "duration"):
        return st.dictionaries(text, numbers, max_size=3)
    if spec.type == "enum":
        return st.sampled_from(spec.values)
    mapping = st.dictionaries(text, SCALARS, max_size=3)
    return {
        "integer": whole,
        "number": numbers,
        "boolean": st.booleans(),
        "timestamp": TIMES,
        "array": st.lists(text, max_size=3),
        "map": mapping,
        "string_or_map": text | mapping,
    }.get(spec.type, text)


def good_payloads(fields: dict[str, FieldSpec]) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads of known fields with allowed values; none is present of necessity."""
    required = {name: good_values(spec) for name, spec in fields.items() if spec.required}
    optional = {name: good_values(spec) for name, spec in fields.items() if not spec.required}
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def good_events(draw: st.DrawFn, catalog: Catalog) -> dict[str, Any]:
    """Events a client may send."""
    spec = draw(st.sampled_from(list(catalog.events.values())))
    return {"event_type": spec.name, "payload": draw(good_payloads(spec.fields))}


@st.composite
def near_events(draw: st.DrawFn, catalog: Catalog) -> dict[str, Any]:
    """Events with one thing changed, so that about half are refused."""
    event = draw(good_events(catalog))
    fields = catalog.events[event["event_type"]].fields
    change = draw(st.sampled_from(["value", "field", "envelope", "type", "payload", "nested"]))
    if change == "value":
        name = draw(st.sampled_from(sorted(fields)))
        event["payload"][name] = draw(ANYTHING | TIMES | NEAR_TIMES)
    elif change == "field":
        event["payload"][draw(st.text(max_size=6))] = draw(SCALARS)
    elif change == "envelope":
        names = ["event_id", "timestamp", "session_id", "user_id", "x", "payload"]
        event[draw(st.sampled_from(names))] = draw(ANYTHING)
    elif change == "type":
        event["event_type"] = draw(SCALARS | st.just("ChatTurned"))
    elif change == "payload":
        del event["payload"]
    else:
        nested = [name for name, spec in fields.items() if spec.type == "object"]
        for name in nested:
            event["payload"][name] = draw(st.dictionaries(st.text(max_size=4), SCALARS))
    return event


def allows(event: Any, catalog: Catalog) -> bool:
    """The oracle: whether a client may send this event, judged without the code under test."""
    if not isinstance(event, dict) or not isinstance(event.get("event_type"), str):
        return False
    spec = catalog.events.get(event["event_type"])
    if spec is None or not set(event) <= set(CLIENT_FIELDS):
        return False
    beside = (event.get(name) for name in ("event_id", "timestamp", "session_id"))
    if not all(value is None or isinstance(value, str) for value in beside):
        return False
    return _object(event.get("payload", {}), spec.fields)


def _object(value: Any, fields: dict[str, FieldSpec]) -> bool:
    if not isinstance(value, dict) or not set(value) <= set(fields):
        return False
    return all(
        _value(value[name], spec) if value.get(name) is not None else not spec.required
        for name, spec in fields.items()
    )


def _number(value: Any, spec: FieldSpec, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        return False
    low, high = limits(spec)
    return bool(low <= value <= high)


def _value(value: Any, spec: FieldSpec) -> bool:
    if spec.type in ("integer", "number"):
        return _number(value, spec, whole=spec.type == "integer")
    if spec.type == "boolean":
        return isinstance(value, bool)
    if spec.type == "enum":
        return isinstance(value, str) and value in spec.values
    if spec.type == "timestamp":
        return isinstance(value, str) and TIME_SHAPE.fullmatch(value) is not None
    if spec.type == "array":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if spec.type == "object":
        return _object(value, spec.fields)
    if spec.type == "string" or isinstance(value, str):
        return isinstance(value, str) and spec.type != "map"
    return isinstance(value, dict) and all(_entry(item, spec) for item in value.values())


def _entry(item: Any, spec: FieldSpec) -> bool:
    if isinstance(item, (dict, list)):
        return False
    if spec.values:
        return isinstance(item, str) and item in spec.values
    if spec.kind in ("count", "size", "duration"):
        return _number(item, spec, whole=False)
    return True
