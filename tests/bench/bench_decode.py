"""Measures what checking an emit frame against the catalog costs, as ratios to msgspec.

Run it alone on a quiet machine: `python tests/bench/bench_decode.py [--json]`. Each contender
takes the same frames of 20 events and must end with every event checked: unknown fields refused,
types and bounds kept. Absolute times differ between machines; the ratios hardly do.
"""

import argparse
import json
import statistics
import timeit
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import jsonschema
import orjson
import pydantic

from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import EventSpec, FieldSpec
from sidespool.wire.explain import explain
from sidespool.wire.frame import decode_frame, typed_emit
from sidespool.wire.generate.json_schema import event_schema
from sidespool.wire.validate import Validator, number_bounds

EVENTS = 20
ROUNDS = 9
ROUND_S = 0.03
CATALOG = builtin_catalog()


def frame() -> bytes:
    """One emit frame of ordinary events."""
    kinds = [
        {
            "event_type": "ChatTurn",
            "payload": {
                "prompt_length": 412, "response_length": 2210, "model": "model-large-2",
                "latency_ms": 1840.5, "token_count": 733,
            },
        },
        {
            "event_type": "ToolCall",
            "payload": {"tool_name": "read_file", "duration_ms": 12.25, "success": True},
        },
        {
            "event_type": "ProposalDecision",
            "payload": {
                "proposal_id": "0190b2f0-3c1a-7000-8000-5f1d2c3b4a59", "decision": "approved",
                "review_duration_ms": 20411, "files_approved": 3,
            },
        },
    ]  # fmt: skip
    events = [kinds[at % len(kinds)] for at in range(EVENTS)]
    return json.dumps({"op": "emit", "id": 7, "events": events}).encode()


def contenders() -> dict[str, Callable[[bytes], Any]]:
    """Name → a function that decodes and checks one frame, or raises."""
    typed = typed_emit(Validator(CATALOG).client_union)
    return {
        "msgspec, typed (the fast path)": typed.decode,
        "msgspec, then explain (the slow path)": _explained,
        "orjson, unchecked": orjson.loads,
        "json, unchecked": json.loads,
        "pydantic, typed": pydantic.TypeAdapter(_pydantic_frame()).validate_json,
        "orjson, then jsonschema": _jsonschema(),
    }


def _explained(raw: bytes) -> None:
    emit: Any = decode_frame(raw)
    for event in emit.events:
        explain(bytes(event), CATALOG)


def _jsonschema() -> Callable[[bytes], None]:
    schema = event_schema(CATALOG)
    del schema["required"]
    checker = jsonschema.Draft202012Validator(schema)

    def check(raw: bytes) -> None:
        for event in orjson.loads(raw)["events"]:
            checker.validate(event)

    return check


def _pydantic_type(spec: FieldSpec) -> Any:
    low, high = number_bounds(spec)
    if spec.type == "integer":
        return Annotated[int, pydantic.Field(strict=True, ge=low, le=high)]
    if spec.type == "number":
        return Annotated[float, pydantic.Field(strict=True, ge=low, le=high)]
    if spec.type == "enum":
        return Literal[spec.values]
    if spec.type == "object":
        return _pydantic_payload(spec.name, spec.fields)
    return {
        "boolean": pydantic.StrictBool, "array": list[str], "map": dict[str, Any],
        "string_or_map": str | dict[str, Any],
    }.get(spec.type, pydantic.StrictStr)  # fmt: skip


def _pydantic_payload(name: str, fields: dict[str, FieldSpec]) -> Any:
    config = pydantic.ConfigDict(extra="forbid")
    members: Any = {one.name: (_pydantic_type(one) | None, None) for one in fields.values()}
    return pydantic.create_model(f"{name}Payload", __config__=config, **members)


def _pydantic_event(spec: EventSpec) -> Any:
    members: Any = {
        "event_type": (Literal[spec.name], ...),
        "payload": (_pydantic_payload(spec.name, spec.fields), ...),
    }
    return pydantic.create_model(
        spec.name, __config__=pydantic.ConfigDict(extra="forbid"), **members
    )


def _pydantic_frame() -> Any:
    union: Any = None
    for spec in CATALOG.events.values():
        model = _pydantic_event(spec)
        union = model if union is None else union | model
    event = Annotated[union, pydantic.Field(discriminator="event_type")]
    return pydantic.create_model("Frame", op=(str, ...), id=(int, ...), events=(list[event], ...))


def measure() -> dict[str, float]:
    """Name → microseconds an event; the rounds alternate, so that a busy moment hits all."""
    raw = frame()
    timers = {name: timeit.Timer(partial(run, raw)) for name, run in contenders().items()}
    loops = {name: max(1, int(ROUND_S / timer.timeit(3) * 3)) for name, timer in timers.items()}
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            times[name].append(timer.timeit(loops[name]) / loops[name] / EVENTS * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    found = measure()
    base = next(iter(found.values()))
    if parser.parse_args().json:
        print(json.dumps({name: {"us": us, "ratio": us / base} for name, us in found.items()}))
        return
    for name, us in found.items():
        print(f"{name:40} {us:8.2f} us/event  {us / base:6.1f} x")


if __name__ == "__main__":
    main()
