"""What is made from the catalog says what the catalog says, and agrees with the decoders."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.wire import frame, reply
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import Catalog, EventSpec, FieldSpec, decode_catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.generate import dictionary, json_schema, privacy, typescript
from sidespool.wire.generate.builtin import render_builtin
from sidespool.wire.generate.prose import KINDS, LEVELS, bounds, flat_fields, treatment
from sidespool.wire.generate.typescript_frame import render_frames
from sidespool.wire.level import Level
from sidespool.wire.validate import Validator
from support.catalog_strategy import good_events, near_events

ROOT = Path(__file__).parents[2]
OWN = parse_catalog((ROOT / "desktop-bridge/protocol/test/telemetry.catalog.toml").read_text())
CATALOG = builtin_catalog().extended(OWN)
STORED = Validator(CATALOG).stored_decoder()
SCHEMA = json_schema.event_schema(CATALOG)
CHECKER = jsonschema.Draft202012Validator(SCHEMA)
ENVELOPE = {
    "event_id": "019b76da-a800-7000-8000-000000000001",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "session_id": "s", "user_id": "u", "app_id": "a", "app_version": "1", "os": "linux", "seq": 7,
}  # fmt: skip
HOSTILE = EventSpec(
    name="Hostile", level_label="error", description="a | b\n*/ <script>`x`", why="`</td>` && |",
    owner="<b>", expires="2030-01-01", sensitivity="technical", retention_days=1, aggregate=True,
    fields={"x": FieldSpec("x", "text", "string", "odd ` <i> | */", max_bytes=99, required=True)},
)  # fmt: skip


def accepts(event: dict[str, Any]) -> bool:
    try:
        STORED.decode(json.dumps(event).encode())
    except msgspec.MsgspecError:
        return False
    return True


def without_nulls(value: Any, fields: dict[str, FieldSpec]) -> Any:
    """A payload as it is stored: what is null is left out."""
    return {
        name: without_nulls(item, fields[name].fields) if fields[name].type == "object" else item
        for name, item in value.items()
        if item is not None
    }


def test_the_schema_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json_schema.render_json_schema(CATALOG)) == SCHEMA


@given(good_events(CATALOG))
def test_what_is_stored_fits_the_schema(event: dict[str, Any]) -> None:
    fields = CATALOG.events[event["event_type"]].fields
    stored = {**ENVELOPE, **event, "payload": without_nulls(event["payload"], fields)}
    assert accepts(stored)
    CHECKER.validate(stored)


@given(near_events(CATALOG))
def test_what_fits_the_schema_is_accepted(event: dict[str, Any]) -> None:
    stored = {**ENVELOPE, **event}
    if CHECKER.is_valid(stored) and not _has_whole_float(stored["payload"]):
        assert accepts(stored)


def _has_whole_float(value: Any) -> bool:
    """JSON Schema takes 3.0 for an integer; the decoder, rightly for counts, does not."""
    if isinstance(value, dict):
        return any(_has_whole_float(item) for item in value.values())
    return isinstance(value, float) and value.is_integer()


@pytest.mark.parametrize("name", ["event_id", "event_type", "timestamp", "seq", "payload"])
def test_the_schema_asks_for_the_whole_envelope(name: str) -> None:
    stored = {**ENVELOPE, "event_type": "ChatTurn", "payload": {}}
    CHECKER.validate(stored)
    del stored[name]
    assert not CHECKER.is_valid(stored)
    assert not CHECKER.is_valid({**stored, name: None})


def test_the_compiled_module_holds_the_same_catalog_in_short_lines() -> None:
    source = render_builtin(CATALOG)
    names: dict[str, Any] = {}
    exec(compile(source, "builtin.py", "exec"), names)
    assert decode_catalog(names["COMPILED"]) == CATALOG
    assert names["builtin_catalog"]() == CATALOG
    assert max(map(len, source.splitlines())) <= 100


def test_the_dictionary_names_every_event_and_field_with_all_its_attributes() -> None:
    text = dictionary.render_dictionary(CATALOG)
    for spec in CATALOG.events.values():
        section = text.split(f"\n## {spec.name}\n", 1)[1].split("\n## ", 1)[0]
        for said in (spec.description, spec.why, spec.owner, f"`{spec.level_label}`"):
            assert said in section
        assert f"{spec.retention_days} days" in section
        for name, field in flat_fields(spec.fields):
            assert f"| `{name}`" in section
            assert " ".join(field.description.split()) in section


def test_the_privacy_page_says_what_why_how_long_who_and_at_which_level() -> None:
    page = privacy.render_privacy_markdown(CATALOG)
    order = [page.index(f"level {level.label} on") for level in sorted(Level) if level]
    assert order == sorted(order)
    for spec in CATALOG.events.values():
        section = page.split(f"\n### {spec.name}\n", 1)[1].split("\n### ", 1)[0]
        for said in (spec.description, spec.why, f"{spec.retention_days} days", spec.owner):
            assert said in section
        assert all(f"`{name}`" in section for name, _ in flat_fields(spec.fields))


def test_the_twin_says_the_same_to_a_program() -> None:
    twin = json.loads(privacy.render_privacy_json(CATALOG))
    events = {event["event_type"]: event for event in twin["events"]}
    assert set(events) == set(CATALOG.events)
    for name, spec in CATALOG.events.items():
        event = events[name]
        assert (event["level"], event["why"]) == (spec.level_label, spec.why)
        assert (event["owner"], event["retention_days"]) == (spec.owner, spec.retention_days)
        assert [one["name"] for one in event["fields"]] == [n for n, _ in flat_fields(spec.fields)]


def test_every_level_and_kind_has_its_words() -> None:
    assert list(LEVELS) == list(Level)
    for spec in CATALOG.events.values():
        for _, field in flat_fields(spec.fields):
            assert field.kind in KINDS
            assert treatment(field)
            assert bounds(field) or field.type == "boolean"


class Balance(HTMLParser):
    """Collects what is left open, and every tag there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_page_is_balanced_loads_nothing_and_escapes_what_it_shows() -> None:
    page = privacy.render_privacy_html(Catalog(events={"Hostile": HOSTILE, **CATALOG.events}))
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert balance.tags.isdisjoint({"script", "link", "img", "iframe", "b", "i"})
    assert "http" not in page
    assert "&lt;script&gt;" in page


def test_odd_words_break_no_table_and_no_comment() -> None:
    odd = Catalog(events={"Hostile": HOSTILE})
    for page in (dictionary.render_dictionary(odd), privacy.render_privacy_markdown(odd)):
        rows = [line for line in page.splitlines() if line.startswith("|")]
        assert all(len(re.findall(r"(?<!\\)\|", row)) in (3, 4, 6) for row in rows)
    types = typescript.render_app_types(odd)
    assert types.count("*/") == types.count("/**")
    assert "  x: string;" in types
    assert "(required)" in dictionary.render_dictionary(odd)


def test_an_event_without_fields_is_said_to_carry_nothing() -> None:
    bare = Catalog(events={"Bare": msgspec.structs.replace(HOSTILE, name="Bare", fields={})})
    assert "It carries no payload." in dictionary.render_dictionary(bare)
    assert "export type BarePayload = Record<string, never>;" in typescript.render_app_types(bare)


def test_types_name_every_event_once_and_keep_the_daemons_own_apart() -> None:
    text = typescript.render_builtin_types(builtin_catalog())
    client, daemon = text.split("interface BuiltinEventMap")[1].split("interface DaemonEventMap")
    for spec in builtin_catalog().events.values():
        assert text.count(f"interface {spec.name}Payload ") == 1
        assert (f"  {spec.name}: {spec.name}Payload;" in client) == (spec.origin == "client")
        assert (f"  {spec.name}: {spec.name}Payload;" in daemon) == (spec.origin == "daemon")


def test_an_apps_types_extend_the_package_it_names() -> None:
    text = typescript.render_app_types(OWN, "@acme/telemetry")
    assert 'declare module "@acme/telemetry" {' in text
    assert 'import type {} from "@acme/telemetry";' in text
    assert 'format: "pdf" | "html" | "docx";' in text


def test_every_frame_has_an_interface_with_its_op() -> None:
    text = render_frames()
    for kind in (*frame.AnyFrame.__args__, *reply.AnyReply.__args__, reply.Ready):
        assert text.count(f'readonly op: "{kind.__struct_config__.tag}";') >= 1
    assert f'SUBPROTOCOL = "{frame.SUBPROTOCOL}"' in text
    assert f"PROTOCOL = {frame.PROTOCOL}" in text


@given(st.text(max_size=40))
def test_a_doc_comment_holds_any_text(text: str) -> None:
    lines = typescript.doc_comment(text, "  ")
    whole = "\n".join(lines)
    assert whole.startswith("  /**")
    assert whole.endswith("*/")
    assert whole.count("*/") == 1
