"""What each kind of field becomes before anything is written, with the real scrubber."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.scrub import Scrubber, ScrubContext
from sidespool.core.treatment import compile_treatment, treat_text
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import FieldSpec
from sidespool.wire.event import CUT_MARKER
from sidespool.wire.validate import Validator

KEY = bytes(range(32))
CATALOG = builtin_catalog()
VALIDATOR = Validator(CATALOG)
CONTEXT = ScrubContext(username="zdenkamala", hostname="zdenka-laptop", home="/home/zdenkamala")
SCRUBBER = Scrubber(CONTEXT)
SECRET = "ghp_" + "Q7xWz2Lk9mPv4RtB" * 2 + "aZ19"
PRIVATE = ("zdenkamala", "zdenka-laptop", SECRET, "anna@private.example", "4111111111111111")


def treated(event_type: str, payload: dict[str, Any], key: bytes = KEY) -> dict[str, Any]:
    """A payload after its treatment, as plain JSON."""
    value = msgspec.convert(payload, VALIDATOR.payload_types[event_type])
    treat = compile_treatment(CATALOG.events[event_type], SCRUBBER, key)
    if treat is not None:
        treat(value)
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def a_field(**more: Any) -> FieldSpec:
    return FieldSpec(**{"name": "x", "kind": "id", "type": "string", "description": "d", **more})


def test_numbers_flags_and_enums_stay_as_they_are() -> None:
    payload = {"prompt_length": 7, "latency_ms": 1.5, "token_count": 0}
    assert treated("ChatTurn", payload) == payload
    assert treated("SessionEnd", {"reason": "quit"}) == {"reason": "quit"}


def test_a_duration_gets_its_bin_and_a_clients_own_bin_does_not_count() -> None:
    ended = treated("SessionEnd", {"duration_ms": 300_000, "duration_bin": "<1min"})
    assert ended == {"duration_ms": 300_000, "duration_bin": "5-10min"}
    assert treated("SessionEnd", {"duration_bin": ">60min"}) == {}


def test_versions_are_generalised() -> None:
    start = {"app_version": "2.17.2+local.anna", "os_version": "10.0.22631"}
    assert treated("SessionStart", start) == {
        "app_version": "2.17.2",
        "os_version": "Windows 10/11",
    }


def test_a_path_becomes_a_hash_that_another_installation_does_not_share() -> None:
    path = "/home/zdenkamala/secret project"
    one = treated("WorkspaceSelected", {"workspace_hash": path})["workspace_hash"]
    assert len(one) == 32
    assert set(one) <= set("0123456789abcdef")
    assert one == treated("WorkspaceSelected", {"workspace_hash": path + "/"})["workspace_hash"]
    other = treated("WorkspaceSelected", {"workspace_hash": path}, key=bytes(32))
    assert other["workspace_hash"] != one


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
        ("0b8f2a4e-1c3d-4e5f-8a9b-0c1d2e3f4a5b", "0b8f2a4e-1c3d-4e5f-8a9b-0c1d2e3f4a5b"),
        ("deadbeef" * 8, "deadbeef" * 8),
        ("1700000000123", "1700000000123"),
        ("42", "42"),
        (SECRET, "{SECRET}"),
        ("anna@private.example", "{EMAIL}"),
        ("4111111111111111", "{CREDIT_CARD}"),
    ],
)
def test_a_name_or_id_stays_unless_it_is_none(value: str, kept: str) -> None:
    assert treated("ChatTurn", {"model": value}) == {"model": kept}


def test_long_strings_are_cut_after_scrubbing_so_that_no_half_secret_survives() -> None:
    limit = CATALOG.events["Error"].fields["message"].max_bytes
    for before in range(limit - len(SECRET) - 2, limit + 2, 5):
        message = "x " * (before // 2) + SECRET + " tail" * 10
        out = treated("Error", {"message": message})["message"]
        assert SECRET[:12] not in out
        assert len(out.encode()) <= limit


def test_arrays_and_maps_are_cut_to_their_limit() -> None:
    text = treat_text(a_field(), SCRUBBER, KEY)
    assert text("x") == "x"
    details = {"anonymized_stack_trace": ["f (app.js:1:2)"] * 150}
    trace = treated("ErrorReport", {"error_details": details})["error_details"]
    assert len(trace["anonymized_stack_trace"]) == 100
    assert trace["anonymized_stack_trace"][-1] == CUT_MARKER
    context = {f"key{number}": number for number in range(200)}
    limit = CATALOG.events["Error"].fields["context"].max_items
    assert len(treated("Error", {"context": context})["context"]) == limit


def test_keys_of_a_map_are_scrubbed_and_say_what_their_values_are() -> None:
    context = {
        "/home/zdenkamala/a.txt": 1,
        "anna@private.example": True,
        "password": "correct horse",
        "k" * 500: "long",
        "plain": "kept",
    }
    out = treated("Error", {"context": context})["context"]
    assert out["plain"] == "kept"
    assert "correct" not in str(out)
    assert "zdenkamala" not in str(out)
    assert "anna" not in str(out)
    assert max(len(name) for name in out) <= 64


def texts(payload: Any) -> list[str]:
    if isinstance(payload, str):
        return [payload]
    if isinstance(payload, dict):
        return [text for pair in payload.items() for one in pair for text in texts(one)]
    return [text for one in payload for text in texts(one)] if isinstance(payload, list) else []


def planted(fields: dict[str, FieldSpec], value: str) -> dict[str, Any]:
    """A payload with the value in every place that takes text."""
    out: dict[str, Any] = {}
    for name, spec in fields.items():
        if spec.bin_of or spec.kind == "content":
            continue
        if spec.type == "string":
            out[name] = value
        elif spec.type == "array":
            out[name] = [value, f"at {value} (app.js:1:2)"]
        elif spec.type in ("map", "string_or_map") and not spec.values:
            if spec.kind not in ("count", "size", "duration"):
                out[name] = {value: value, "k": f"with {value} inside"}
            else:
                out[name] = {value: 1}
        elif spec.type == "object":
            out[name] = planted(spec.fields, value)
    return out


@pytest.mark.parametrize("event_type", sorted(CATALOG.events))
@pytest.mark.parametrize("value", PRIVATE)
def test_nothing_private_survives_in_any_field_of_any_event(event_type: str, value: str) -> None:
    for carried in (value, f"before {value} after", f"x={value}"):
        out = treated(event_type, planted(CATALOG.events[event_type].fields, carried))
        assert not any(value in text for text in texts(out)), out


def test_full_content_is_freed_of_credentials_and_stays_otherwise() -> None:
    prompt = f"Why does /home/zdenkamala/app.py fail with {SECRET}?"
    out = treated("ChatTurnFull", {"prompt": prompt})["prompt"]
    assert SECRET not in out
    assert "Why does" in out


@given(st.text(max_size=300))
def test_treating_an_id_twice_changes_nothing_more(value: str) -> None:
    text = treat_text(a_field(max_bytes=128), SCRUBBER, KEY)
    once = text(value)
    assert len(once.encode("utf-8", "surrogatepass")) <= 128
    assert text(once) == once


def test_the_memory_of_what_repeats_is_bounded() -> None:
    text = treat_text(a_field(), SCRUBBER, KEY)
    for number in range(5_000):
        assert text(f"tool-{number}") == f"tool-{number}"
    assert text("tool-1") == "tool-1"
