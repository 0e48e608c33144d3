"""Each rule of the catalog: the mistake it finds, on which line, with a hint to act on."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidespool.core import minimise
from sidespool.errors import CatalogError
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.catalog import DEFAULT_TYPE_OF_KIND, KINDS, TYPES
from sidespool.wire.catalog_lint import combine, decode_text, lint_catalog
from sidespool.wire.catalog_toml import parse_catalog
from sidespool.wire.lint.event_rule import is_expired
from sidespool.wire.lint.field_rule import BINS, TYPES_OF_KIND
from sidespool.wire.lint.mistake import Code, Mistake, place
from sidespool.wire.validate import Validator

ROOT = Path(__file__).parents[2]
BUILTIN_TEXT = (ROOT / "daemon/sidespool/wire/catalog.toml").read_text()
EXAMPLE_TEXT = (ROOT / "desktop-bridge/protocol/test/telemetry.catalog.toml").read_text()
TODAY = date(2026, 7, 1)

# Line 1 is the header; each attribute has a line of its own, then come the fields.
EVENT = """[events.ExportDone]
level = "usage"
description = "The user exported."
why = "Shows what is used."
owner = "documents"
expires = "never"
sensitivity = "interaction"
retention_days = 90
"""
FIELD = """[events.ExportDone.fields.file_count]
kind = "count"
description = "Files written."
"""


def found(text: str) -> list[tuple[int, str]]:
    mistakes = lint_catalog(text, today=TODAY, builtin=builtin_catalog())
    assert all(mistake.hint and mistake.message for mistake in mistakes)
    return [(mistake.line, mistake.code.value) for mistake in mistakes]


def field(body: str, name: str = "f") -> str:
    return f'{EVENT}[events.ExportDone.fields.{name}]\ndescription = "x"\n{body}\n'


def test_the_built_in_catalog_keeps_its_own_rules() -> None:
    assert lint_catalog(BUILTIN_TEXT, today=TODAY) == []


def test_the_example_catalog_has_no_mistakes() -> None:
    assert found(EXAMPLE_TEXT) == []
    assert found(EVENT + FIELD) == []


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ("level", "no_level"),
        ("description", "no_description"),
        ("why", "no_why"),
        ("owner", "no_owner"),
        ("expires", "no_expires"),
        ("sensitivity", "no_sensitivity"),
        ("retention_days", "no_retention_days"),
    ],
)
def test_what_an_event_leaves_out_is_asked_for_at_its_header(attribute: str, code: str) -> None:
    lines = [line for line in EVENT.splitlines() if not line.startswith(attribute)]
    assert found("\n".join(lines)) == [(1, code)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"documents"', '" "', (5, "no_owner")),
        ('"documents"', "7", (5, "wrong_type")),
        ('"usage"', '"usge"', (2, "unknown_level")),
        ('"usage"', '"off"', (2, "unknown_level")),
        ('"interaction"', '"secret"', (7, "unknown_sensitivity")),
        ('"never"', '"soon"', (6, "bad_date")),
        ('"never"', '"2026-02-30"', (6, "bad_date")),
        ('"never"', "2027-01-01", (6, "wrong_type")),
        ('"never"', '"2026-06-30"', (6, "expired")),
        ("= 90", "= 0", (8, "retention_range")),
        ("= 90", "= 3651", (8, "retention_range")),
        ("= 90", "= true", (8, "wrong_type")),
        ("owner", "onwer", (5, "unknown_attribute")),
        ("[events.ExportDone]", "[events.export_done]", (1, "event_name")),
        ("[events.ExportDone]", "[events.ChatTurn]", (1, "builtin_name")),
        ("why =", 'origin = "daemon"\nwhy =', (4, "unknown_origin")),
        ("why =", "fields = 5\nwhy =", (4, "not_a_table")),
        ("why =", "aggregate = 1\nwhy =", (4, "wrong_type")),
    ],
)
def test_a_mistake_in_an_event_has_the_line_of_its_attribute(
    old: str, new: str, expected: tuple[int, str]
) -> None:
    assert old in EVENT
    assert expected in found(EVENT.replace(old, new, 1))


def test_the_last_day_still_counts() -> None:
    assert found(EVENT.replace('"never"', '"2026-07-01"')) == []
    assert is_expired("2026-07-01", date(2026, 7, 2))


@pytest.mark.parametrize(
    ("body", "name", "codes"),
    [
        ('kind = "count"', "fileCount", {"field_name"}),
        ('kind = "count"', "from", {"field_name"}),
        ('kind = "id"', "user_id", {"envelope_name"}),
        ('kind = "id"', "payload", {"envelope_name"}),
        ("", "f", {"no_kind"}),
        ('kind = "idd"', "f", {"unknown_kind"}),
        ('kind = "id"\ntype = "strng"', "f", {"unknown_type"}),
        ('kind = "flag"\ntype = "string"', "f", {"type_of_kind"}),
        ('kind = "duration"', "review", {"unit_missing"}),
        ('kind = "size"', "document", {"unit_missing"}),
        ('kind = "duration"', "review_ms", set()),
        ('kind = "size"', "document_bytes", set()),
        ('kind = "enum"', "f", {"enum_values"}),
        ('kind = "enum"\nvalues = []', "f", {"enum_values"}),
        ('kind = "enum"\nvalues = ["a", "a"]', "f", {"enum_values"}),
        ('kind = "enum"\nvalues = [""]', "f", {"enum_values"}),
        ('kind = "enum"\nvalues = ["a", 1]', "f", {"enum_values", "wrong_type"}),
        ('kind = "id"\nvalues = ["a"]', "f", {"misplaced_attribute"}),
        ('kind = "count"\nminimum = 5\nmaximum = 1', "f", {"bounds_order"}),
        ('kind = "count"\nmaximum = -1', "f", {"bounds_order"}),
        ('kind = "count"\nminimum = 0.5', "f", {"bound_range"}),
        ('kind = "count"\nmaximum = inf', "f", {"bound_range"}),
        ('kind = "count"\nminimum = nan', "f", {"bound_range"}),
        ('kind = "id"\nmaximum = 5', "f", {"misplaced_attribute"}),
        ('kind = "id"\nmax_bytes = 8', "f", {"bound_range"}),
        ('kind = "id"\nmax_bytes = 100000', "f", {"bound_range"}),
        ('kind = "flag"\nmax_bytes = 100', "f", {"misplaced_attribute"}),
        ('kind = "id"\nmax_items = 5', "f", {"misplaced_attribute"}),
        ('kind = "id"\ntype = "array"\nmax_items = 101', "f", {"bound_range"}),
        ('kind = "url"', "f", {"unbounded_text"}),
        ('kind = "url"\nmax_bytes = 200', "f", set()),
        ('kind = "text"', "f", {"unbounded_text"}),
        ('kind = "stack"', "f", {"unbounded_text"}),
        ('kind = "content"\nmax_bytes = 200', "f", {"level_too_low", "sensitivity_too_low"}),
        ('kind = "count"\nhash = true', "f", {"misplaced_attribute"}),
        ('kind = "id"\ntemplate = true', "f", {"misplaced_attribute"}),
        ('kind = "id"\nsystem = true', "f", {"misplaced_attribute"}),
        ('kind = "path"\nhash = true', "f", set()),
        ('kind = "enum"\nvalues = ["a"]\nbin_of = "none"', "f", {"bin_of"}),
        ('kind = "text"\ntype = "object"', "f", {"object_fields"}),
        ('kind = "id"\n[events.ExportDone.fields.f.fields.x]', "f", {"misplaced_attribute"}),
    ],
)
def test_each_rule_of_a_field_finds_its_mistake(body: str, name: str, codes: set[str]) -> None:
    mistakes = found(field(body, name))
    assert {code for _, code in mistakes} == codes
    assert all(line >= 9 for line, _ in mistakes)


@pytest.mark.parametrize(
    ("kind", "level", "enough"),
    [
        ("text", "crash", False),
        ("stack", "crash", False),
        ("text", "error", True),
        ("content", "usage", False),
        ("content", "full", True),
    ],
)
def test_free_text_needs_error_and_content_needs_full(kind: str, level: str, enough: bool) -> None:
    text = field(f'kind = "{kind}"\nmax_bytes = 200').replace('"usage"', f'"{level}"')
    text = text.replace('"interaction"', '"content"')
    assert found(text) == ([] if enough else [(9, "level_too_low")])


def test_bins_are_those_the_daemon_fills() -> None:
    assert {minimise.duration_bin(ms) for ms in (0, 6e4, 3e5, 6e5, 12e5, 36e5 + 1)} == set(BINS[0])
    assert {minimise.session_minutes_bin(m) for m in (0, 5, 15, 61)} == set(BINS[1])
    assert {minimise.size_bin(n) for n in (0, 5e4, 1e5, 2e5, 6e5)} == set(BINS[2])
    number = '[events.ExportDone.fields.took_ms]\nkind = "duration"\ndescription = "x"\n'
    wrong = 'kind = "enum"\nvalues = ["short", "long"]\nbin_of = "took_ms"'
    assert found(field(wrong) + number) == [(12, "bin_of")]


def test_an_object_within_an_object_is_too_deep() -> None:
    inner = 'kind = "text"\ntype = "object"\ndescription = "x"\n'
    deep = "[events.ExportDone.fields.f.fields.g]\n" + inner
    deeper = '[events.ExportDone.fields.f.fields.g.fields.h]\nkind="id"\ndescription="x"\n'
    assert found(field('kind = "text"\ntype = "object"') + deep + deeper) == [(13, "too_deep")]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        (EVENT + "\nwhat is this\n", 10, "toml_syntax"),
        (EVENT + '\nx = "unfinished\n', 10, "toml_syntax"),
        ("x = [1,\n", 1, "toml_syntax"),
        ("x = 1" + "0" * 5000, 1, "toml_syntax"),
        ("x = " + "[" * 5000, 1, "toml_syntax"),
        (EVENT + 'owner = "again"\n', 9, "duplicate_key"),
        (EVENT + FIELD + EVENT, 12, "duplicate_key"),
        ("", 1, "no_events"),
        ("version = 1\nevents = 3\n", 2, "no_events"),
        ("version = 2\n" + EVENT, 1, "catalog_version"),
        ("version = true\n" + EVENT, 1, "catalog_version"),
        ("[evnts.X]\n" + EVENT, 1, "unknown_attribute"),
        ("events.ChatStarted = 1\n", 1, "not_a_table"),
        (EVENT + "fields.x = 1\n", 9, "not_a_table"),
    ],
)
def test_what_is_wrong_with_the_file_has_its_line(text: str, line: int, code: str) -> None:
    assert (line, code) in found(text)


def test_hints_offer_the_nearest_known_word() -> None:
    def hint(text: str) -> str:
        return lint_catalog(text, today=TODAY)[0].hint

    assert hint(EVENT.replace('"usage"', '"usge"')) == 'Did you mean "usage"?'
    assert hint(EVENT + 'descripton = "x"') == 'Did you mean "description"?'
    assert "content" in hint(EVENT.replace('"interaction"', '"xyz"'))


def test_a_mistake_is_one_sentence_with_line_place_and_hint() -> None:
    mistake = Mistake(3, Code.NO_OWNER, "Chat", "no owner", "Name the team")
    assert mistake.sentence() == "line 3: Chat: no owner. Name the team"
    assert place(("events", "A", "fields", "b", "fields", "c", "kind")) == "A.b.c"
    assert place(("version",)) == ""


def test_a_file_that_is_not_utf8_is_a_mistake_on_its_line() -> None:
    mistake = decode_text(b"version = 1\n# caf\xe9\n")
    assert isinstance(mistake, Mistake)
    assert (mistake.line, mistake.code) == (2, Code.NOT_UTF8)
    assert decode_text("é".encode()) == "é"


def test_a_byte_order_mark_and_carriage_returns_do_no_harm() -> None:
    text = "\ufeff" + (EVENT + FIELD).replace("\n", "\r\n")
    assert found(text) == []
    assert set(parse_catalog(text).events) == {"ExportDone"}


@given(st.text(max_size=120) | st.text('[]{}"=.\n events', max_size=60))
@example("events.X.fields" + ".a.fields" * 600 + " = 1")
@example("[events.X]\nfields = {a = {fields = {b = 1}}}")
@example("[events.X.fields.a]\nkind = ['id']\ntype = 1.5\nvalues = [1]\nminimum = 'x'")
def test_any_text_gives_a_list_of_mistakes_and_lines_that_exist(text: str) -> None:
    for mistake in lint_catalog(text, today=TODAY, builtin=builtin_catalog()):
        assert 1 <= mistake.line <= text.count("\n") + 1
    try:
        parse_catalog(text)
    except CatalogError:
        return


VALUES = st.sampled_from(
    [
        '""',
        '"id"',
        '"usage"',
        '"never"',
        "1",
        "-1",
        "0",
        "1.5",
        "true",
        "[]",
        '["a"]',
        "{}",
        '"x_ms"',
        '"local"',
    ]
)
ATTRIBUTES = st.sampled_from(
    [
        "kind",
        "type",
        "description",
        "values",
        "minimum",
        "maximum",
        "max_bytes",
        "max_items",
        "required",
        "hash",
        "template",
        "system",
        "bin_of",
        "noise",
        "epsilon",
        "period_maximum",
    ]
)


@given(
    st.dictionaries(ATTRIBUTES, VALUES, max_size=6),
    st.sampled_from(KINDS),
    st.sampled_from(TYPES),
    st.sampled_from(["crash", "error", "usage", "full"]),
)
def test_what_has_no_mistakes_compiles(
    attributes: dict[str, str], kind: str, type_: str, level: str
) -> None:
    lines = {"kind": f'"{kind}"', "type": f'"{type_}"', "description": '"x"'} | attributes
    body = "".join(f"{name} = {value}\n" for name, value in lines.items())
    event = EVENT.replace('"usage"', f'"{level}"').replace('"interaction"', '"content"')
    event += "aggregate = true\n"
    text = f"{event}[events.ExportDone.fields.f_bytes]\n{body}"
    if found(text):
        return
    Validator(combine(builtin_catalog(), text, "app", TODAY))


def test_every_kind_has_types_and_the_usual_one_is_among_them() -> None:
    assert set(TYPES_OF_KIND) == set(KINDS) == set(DEFAULT_TYPE_OF_KIND)
    assert all(DEFAULT_TYPE_OF_KIND[kind] in types for kind, types in TYPES_OF_KIND.items())
    assert {one for types in TYPES_OF_KIND.values() for one in types} == set(TYPES)


def test_combine_adds_an_apps_events_to_the_built_in_ones() -> None:
    whole = combine(builtin_catalog(), EXAMPLE_TEXT, "app", TODAY)
    assert set(whole.events) == {*builtin_catalog().events, "ExportFinished", "SyncFailed"}


def test_combine_raises_with_every_mistake_and_its_line() -> None:
    text = EVENT.replace('owner = "documents"\n', "") + field('kind = "duration"').removeprefix(
        EVENT
    )
    with pytest.raises(CatalogError) as caught:
        combine(builtin_catalog(), text, "telemetry.catalog.toml", TODAY)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 1", "line 8"]
    assert "telemetry.catalog.toml: line 1: ExportDone: no owner" in str(caught.value)
    assert "sidespool catalog check" in caught.value.hint


def test_an_expired_event_is_left_out_and_the_rest_goes_on() -> None:
    text = EXAMPLE_TEXT.replace('"2099-12-31"', '"2026-06-30"')
    whole = combine(builtin_catalog(), text, "app", TODAY)
    assert "ExportFinished" not in whole.events
    assert "SyncFailed" in whole.events
